#include "replica_collector/evidence.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace metarec {

std::string ReplicaStatusName(ReplicaStatus status) {
  switch (status) {
    case ReplicaStatus::kInvalid:
      return "PS_INVALID";
    case ReplicaStatus::kInactive:
      return "PS_INACTIVE";
    case ReplicaStatus::kError:
      return "PS_ERROR";
    case ReplicaStatus::kPrimary:
      return "PS_PRIMARY";
    case ReplicaStatus::kSecondary:
      return "PS_SECONDARY";
    case ReplicaStatus::kPotentialSecondary:
      return "PS_POTENTIAL_SECONDARY";
    case ReplicaStatus::kPartitionSplit:
      return "PS_PARTITION_SPLIT";
  }
  return absl::StrCat("PS_", static_cast<int32_t>(status));
}

absl::string_view NodeNameSourceName(NodeNameSource source) {
  switch (source) {
    case NodeNameSource::kOverride:
      return "override";
    case NodeNameSource::kBeacon:
      return "beacon";
    case NodeNameSource::kReverseLookup:
      return "reverse_lookup";
    case NodeNameSource::kNodeList:
      return "node_list";
  }
  return "unknown";
}

bool IsErrorName(absl::string_view name) {
  constexpr size_t kBytesMax = 47;
  constexpr absl::string_view kBegin = "ERR_";
  return name.size() > kBegin.size() && name.size() <= kBytesMax &&
         absl::StartsWith(name, kBegin) && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
         });
}

}  // namespace metarec
