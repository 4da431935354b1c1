// Early return on errors, for functions that return absl::Status or absl::StatusOr.
//
//   METAREC_RETURN_IF_ERROR(DoThis());
//   METAREC_ASSIGN_OR_RETURN(auto value, Compute());
//
// Coroutines (asio::awaitable<absl::Status...>) use the METAREC_CO_ twins.

#pragma once

#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#define METAREC_STATUS_CONCAT_INNER(a, b) a##b
#define METAREC_STATUS_CONCAT(a, b) METAREC_STATUS_CONCAT_INNER(a, b)

#define METAREC_RETURN_IF_ERROR_IMPL(return_keyword, expression)          \
  do {                                                                    \
    if (absl::Status metarec_status = (expression); !metarec_status.ok()) \
      return_keyword metarec_status;                                      \
  } while (false)

#define METAREC_ASSIGN_OR_RETURN_IMPL(return_keyword, result, declaration, expression) \
  auto result = (expression);                                                          \
  if (!result.ok()) return_keyword std::move(result).status();                         \
  declaration = *std::move(result)

#define METAREC_RETURN_IF_ERROR(expression) METAREC_RETURN_IF_ERROR_IMPL(return, expression)
#define METAREC_CO_RETURN_IF_ERROR(expression) METAREC_RETURN_IF_ERROR_IMPL(co_return, expression)

#define METAREC_ASSIGN_OR_RETURN(declaration, expression)                                          \
  METAREC_ASSIGN_OR_RETURN_IMPL(return, METAREC_STATUS_CONCAT(metarec_or_, __LINE__), declaration, \
                                      expression)
#define METAREC_CO_ASSIGN_OR_RETURN(declaration, expression)                             \
  METAREC_ASSIGN_OR_RETURN_IMPL(co_return, METAREC_STATUS_CONCAT(metarec_or_, __LINE__), \
                                declaration, expression)
