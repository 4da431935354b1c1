#include "replica_collector/evidence.h"

#include <algorithm>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

template <typename Value>
bool AscendStrictly(const std::vector<Value>& values) {
  return std::adjacent_find(values.begin(), values.end(), [](const Value& a, const Value& b) {
           return !(a < b);
         }) == values.end();
}

}  // namespace

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

absl::Status CheckIdentity(const NodeEvidence& node) {
  if (!AscendStrictly(node.beacon_names)) {
    return absl::InvalidArgumentError("'beacon_names' does not ascend");
  }
  std::vector<std::string> texts;
  for (const AmbiguousEntry& entry : node.ambiguous) {
    if (std::find(node.listed_as.begin(), node.listed_as.end(), entry.text) ==
        node.listed_as.end()) {
      return absl::InvalidArgumentError("'ambiguous' has an entry that is not in 'listed_as'");
    }
    if (entry.not_asked.empty() || !AscendStrictly(entry.not_asked)) {
      return absl::InvalidArgumentError("'not_asked' is empty, or does not ascend");
    }
    texts.push_back(entry.text);
  }
  std::sort(texts.begin(), texts.end());
  if (!AscendStrictly(texts)) return absl::InvalidArgumentError("'ambiguous' has an entry twice");
  if (node.disk.has_value() && !node.complete()) {
    return absl::InvalidArgumentError("a node that was read from disk has an error");
  }
  const bool folders_ascend = !node.disk.has_value() || (AscendStrictly(node.disk->set_aside) &&
                                                         AscendStrictly(node.disk->unusable));
  return folders_ascend ? absl::OkStatus()
                        : absl::InvalidArgumentError("folders of 'disk' do not ascend");
}

absl::Status CheckIdentity(const BeaconSender& sender) {
  if (sender.address == Ipv4Endpoint{}) return absl::InvalidArgumentError("'address' is none");
  return AscendStrictly(sender.names) ? absl::OkStatus()
                                      : absl::InvalidArgumentError("'names' does not ascend");
}

}  // namespace metarec
