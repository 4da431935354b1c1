// The values of the protocol's enums as text, and back.

#pragma once

#include <string>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "idl/enums_types.h"

namespace metarec::idl {

template <typename Enum>
struct EnumName {
  Enum value;
  absl::string_view name;
};

// For every enum E of enums_types.h:
//  - EnumNames(E{}): all values with their names, ascending by value;
//  - ToName(value): "PS_PRIMARY", or the number for a value without a name;
//  - FromName(name, &value): false, and `value` unchanged, for a name that is none of them.
#define METAREC_ENUM_NAMES(E)                 \
  absl::Span<const EnumName<E>> EnumNames(E); \
  std::string ToName(E value);                \
  bool FromName(absl::string_view name, E* value);

METAREC_ENUM_NAMES(app_status)
METAREC_ENUM_NAMES(partition_status)
METAREC_ENUM_NAMES(split_status)
METAREC_ENUM_NAMES(manual_compaction_status)
METAREC_ENUM_NAMES(config_type)
METAREC_ENUM_NAMES(bulk_load_status)
METAREC_ENUM_NAMES(disk_status)
METAREC_ENUM_NAMES(duplication_status)
METAREC_ENUM_NAMES(duplication_fail_mode)
METAREC_ENUM_NAMES(node_status)
METAREC_ENUM_NAMES(meta_function_level)
METAREC_ENUM_NAMES(balancer_request_type)
METAREC_ENUM_NAMES(app_env_operation)
METAREC_ENUM_NAMES(pattern_match_type)

#undef METAREC_ENUM_NAMES

}  // namespace metarec::idl
