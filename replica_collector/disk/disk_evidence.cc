#include "replica_collector/disk/disk_evidence.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

bool IsSameServer(const NodeEvidence& a, const NodeEvidence& b) {
  if (a.address != Ipv4Endpoint{} && a.address == b.address) return true;
  return std::find_first_of(a.listed_as.begin(), a.listed_as.end(), b.listed_as.begin(),
                            b.listed_as.end()) != a.listed_as.end();
}

}  // namespace

NodeEvidence NodeOnDisk(const NodeIdentity& identity, std::string listed_as, ReplicasOnDisk found) {
  NodeEvidence node;
  node.listed_as = {std::move(listed_as)};
  node.address = identity.address;
  node.name = identity.name;
  node.name_source = identity.name_source;
  if (!identity.other_addresses.empty()) {
    node.ambiguous = {{.text = node.listed_as.front(), .not_asked = identity.other_addresses}};
  }
  node.attempts = 0;
  node.tables = std::move(found.tables);
  node.replicas = std::move(found.replicas);
  node.disk = std::move(found.folders);
  return node;
}

absl::StatusOr<bool> AddNodeOnDisk(NodeEvidence node, Evidence* evidence) {
  const auto known =
      std::find_if(evidence->nodes.begin(), evidence->nodes.end(),
                   [&](const NodeEvidence& other) { return IsSameServer(other, node); });
  if (known == evidence->nodes.end()) {
    evidence->nodes.push_back(std::move(node));
    return true;
  }
  if (known->disk.has_value()) {
    return absl::AlreadyExistsError(
        absl::StrCat("the disks of ", node.listed_as.front(),
                     " are given twice; give all data directories of one server together, once"));
  }
  if (known->complete()) return false;
  for (const std::string& text : known->listed_as) {
    if (std::find(node.listed_as.begin(), node.listed_as.end(), text) == node.listed_as.end()) {
      node.listed_as.push_back(text);
    }
  }
  *known = std::move(node);
  return true;
}

}  // namespace metarec
