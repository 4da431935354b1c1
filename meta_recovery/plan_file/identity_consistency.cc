#include <algorithm>
#include <cstdint>
#include <map>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"
#include "meta_recovery/plan_file/fact_consistency.h"
#include "replica_collector/node_list.h"
#include "replica_collector/node_names.h"

namespace metarec {
namespace {

bool AscendStrictly(absl::Span<const std::string> texts) {
  for (size_t i = 1; i < texts.size(); ++i) {
    if (texts[i] <= texts[i - 1]) return false;
  }
  return true;
}

// Whether they are addresses, ascending, and not none.
bool AreAddresses(absl::Span<const std::string> texts) {
  Ipv4Endpoint before;
  for (const std::string& text : texts) {
    const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(text);
    if (!address.ok() || !(before < *address)) return false;
    before = *address;
  }
  return !texts.empty();
}

// Whether beacons with these names can be doubted so, of a node that has this place in the plan.
bool MayDoubt(BeaconDoubt doubt, const std::vector<std::string>& names, const TopologyNode& node,
              NodeNameSource source) {
  if (doubt == BeaconDoubt::kNone || source == NodeNameSource::kBeacon) return false;
  if ((doubt == BeaconDoubt::kOperatorKnows) != (source == NodeNameSource::kOverride)) return false;
  if (doubt == BeaconDoubt::kOperatorKnows) return names.size() > 1 || names[0] != node.name;
  if ((doubt == BeaconDoubt::kSeveralNames) != (names.size() > 1)) return false;
  if (doubt == BeaconDoubt::kSeveralNames) return true;
  const absl::StatusOr<NodeListEntry> entry = ParseNodeListEntry(names[0]);
  if ((doubt == BeaconDoubt::kNoHostPort) == entry.ok()) return false;
  if (!entry.ok()) return true;
  return (doubt == BeaconDoubt::kOtherPort) == (entry->port != node.address.port);
}

}  // namespace

std::string IdentityConsistency::ProblemOf(const Finding& finding,
                                           const found::NodeNameAmbiguous& facts) const {
  const std::vector<std::string>& listed_as = plan_.nodes[finding.node].listed_as;
  if (!std::binary_search(listed_as.begin(), listed_as.end(), facts.listed_as)) {
    return "'listed_as' is none of the node's entries in the list";
  }
  return AreAddresses(facts.not_asked) ? "" : "'not_asked' are not addresses, ascending";
}

std::string IdentityConsistency::ProblemOf(const Finding& finding,
                                           const found::BeaconNotBelieved& facts) {
  const TopologyNode& node = plan_.topology.nodes[finding.node];
  if (facts.names.empty() ||
      !MayDoubt(facts.doubt, facts.names, node, plan_.nodes[finding.node].name_source)) {
    return "'doubt' does not fit 'names' and the node";
  }
  for (const std::string& name : facts.names) {
    told_.push_back({.node = finding.node, .name = absl::AsciiStrToLower(name)});
  }
  if (facts.doubt == BeaconDoubt::kClaimedTwice) claimed_twice_.push_back(told_.back());
  return AscendStrictly(facts.names) ? "" : "'names' does not ascend";
}

std::string IdentityConsistency::ProblemOf(const found::UnlistedServer& facts) {
  const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(facts.address);
  if (!address.ok()) return "'address' is none";
  for (const TopologyNode& node : plan_.topology.nodes) {
    if (node.address == *address) return "'address' is that of a node of the list";
  }
  if (!unlisted_.insert(facts.address).second) return "'address' is that of another one, too";
  unlisted_.insert(facts.names.begin(), facts.names.end());
  for (const std::string& name : facts.names) unlisted_names_.insert(absl::AsciiStrToLower(name));
  return AscendStrictly(facts.names) ? "" : "'names' does not ascend";
}

std::string IdentityConsistency::ProblemOf(const found::UnconfirmedBeacons& facts) {
  has_unconfirmed_ = true;
  if (facts.servers < static_cast<int64_t>(facts.addresses.size()) ||
      !AreAddresses(facts.addresses)) {
    return "'addresses' are not those of 'servers', ascending";
  }
  return "";
}

std::string IdentityConsistency::ProblemOfWhole() const {
  std::string problem = ProblemOfSkippedNodes();
  return problem.empty() ? ProblemOfClaims() : problem;
}

// Plans are not made with options that accept a server which is not there.
std::string IdentityConsistency::ProblemOfSkippedNodes() const {
  if (plan_.options.bad_nodes_skipped.empty()) return "";
  absl::flat_hash_set<std::string> names = unlisted_;
  for (size_t i = 0; i < plan_.nodes.size(); ++i) {
    names.insert(plan_.topology.nodes[i].name);
    names.insert(plan_.topology.nodes[i].address.ToString());
    names.insert(plan_.nodes[i].listed_as.begin(), plan_.nodes[i].listed_as.end());
  }
  for (const std::string& skipped : plan_.options.bad_nodes_skipped) {
    // The names of servers whose beacons nobody confirmed are not in the plan.
    if (names.contains(skipped) || has_unconfirmed_) continue;
    return absl::StrCat("the option bad_nodes_skipped names ", Printable(Shortened(skipped)),
                        ", which is neither a node nor in a finding unlisted_server");
  }
  return "";
}

// Who claims the name, too, is in the plan, unless its beacons were not confirmed.
std::string IdentityConsistency::ProblemOfClaims() const {
  if (claimed_twice_.empty() || has_unconfirmed_) return "";
  std::map<std::string, std::vector<NodeIndex>> claims;
  const auto add = [&claims](const std::string& name, NodeIndex node) {
    claims[absl::AsciiStrToLower(name)].push_back(node);
  };
  for (size_t i = 0; i < plan_.nodes.size(); ++i) {
    const auto node = static_cast<NodeIndex>(i);
    add(plan_.topology.nodes[i].name, node);
    for (const std::string& text : plan_.nodes[i].listed_as) add(text, node);
  }
  for (const Claim& claim : told_) add(claim.name, claim.node);
  for (const Claim& claim : claimed_twice_) {
    const std::vector<NodeIndex>& by = claims[claim.name];
    if (unlisted_names_.contains(claim.name) ||
        std::any_of(by.begin(), by.end(),
                    [&claim](NodeIndex node) { return node != claim.node; })) {
      continue;
    }
    return absl::StrCat("a finding beacon_not_believed about node ", claim.node,
                        " says that another server claims the name ",
                        Printable(Shortened(claim.name)), ", too, and the plan names none");
  }
  return "";
}

}  // namespace metarec
