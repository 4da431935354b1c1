#include "idl/table_description.h"

#include <type_traits>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "idl/enum_names.h"
#include "idl/metadata_types.h"

namespace metarec {
namespace {

// Fits any member.
struct Anything {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <typename Aggregate, typename... Values>
constexpr size_t CountMembers() {
  if constexpr (requires { Aggregate{Values{}..., Anything{}}; }) {
    return CountMembers<Aggregate, Values..., Anything>();
  } else {
    return sizeof...(Values);
  }
}
static_assert(CountMembers<TableDescription>() == kTableFieldCount,
              "every member of TableDescription needs a row in VisitTableFields");

// The generated types have an enum of their own for the status.
template <typename From, typename To>
void Take(From&& from, To& to) {
  if constexpr (std::is_enum_v<To>) {
    to = static_cast<To>(from);
  } else {
    to = std::forward<From>(from);
  }
}

}  // namespace

std::string TableStatusName(TableStatus status) {
  std::string name = idl::ToName(static_cast<idl::app_status>(status));
  return absl::StartsWith(name, "AS_") ? name : absl::StrCat("AS_", name);
}

TableDescription FromAppInfo(idl::app_info&& info) {
  TableDescription table;
  VisitTableFields([&](auto field) { Take(std::move(field.of(info)), field.of(table)); });
  return table;
}

idl::app_info ToAppInfo(const TableDescription& table) {
  idl::app_info info;
  VisitTableFields([&](auto field) {
    Take(field.of(table), field.of(info));
    field.mark_set(info);
  });
  return info;
}

}  // namespace metarec
