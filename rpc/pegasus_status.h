// Errors of the protocol as absl::Status and back. A status carries the name that operators know
// (idl/error_names.h) beside a message for a person.

#pragma once

#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec::rpc {

// OK for ERR_OK. The status code is the nearest one: kDeadlineExceeded for ERR_TIMEOUT,
// kUnavailable for ERR_NETWORK_FAILURE, kDataLoss for ERR_INVALID_DATA, ...
absl::Status PegasusError(absl::string_view error_name, absl::string_view message);

// ERR_OK for OK, ERR_UNKNOWN for a status that PegasusError did not make.
std::string PegasusErrorName(const absl::Status& status);

// Marks the error of a request that cannot have reached anybody; and whether it is so marked.
absl::Status NotSent(absl::Status error);
bool WasNotSent(const absl::Status& error);

}  // namespace metarec::rpc
