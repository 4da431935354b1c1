#include "meta_recovery/planner/node_identity.h"

#include <algorithm>
#include <utility>

#include "base/runtime/rare_branch.h"
#include "idl/error_names.h"
#include "idl/ipv4_endpoint.h"

namespace metarec {
namespace {

constexpr size_t kAddressesNamedMax = 10;

// "10.0.0.1:34801"
bool IsAddress(absl::string_view listed_as) { return ParseIpv4Endpoint(listed_as).ok(); }

void AddUnlisted(const Evidence& evidence, const PlanOptions& options, FindingsList& findings) {
  std::vector<Ipv4Endpoint> unconfirmed;
  for (const BeaconSender& sender : evidence.unlisted) {
    if (!sender.is_there) {
      unconfirmed.push_back(sender.address);
      continue;
    }
    found::UnlistedServer facts = {.address = sender.address.ToString(), .names = sender.names};
    const bool is_accepted = AcceptsUnlistedServer(options, facts);
    findings.Add(is_accepted ? Severity::kHazard : Severity::kError, FindingSubject::Cluster(),
                 std::move(facts));
  }
  if (unconfirmed.empty()) return;
  METAREC_RARE_BRANCH("beacons name a server that cannot be seen");
  found::UnconfirmedBeacons facts = {.servers = static_cast<int64_t>(unconfirmed.size())};
  std::sort(unconfirmed.begin(), unconfirmed.end());
  unconfirmed.resize(std::min(unconfirmed.size(), kAddressesNamedMax));
  for (const Ipv4Endpoint& address : unconfirmed) facts.addresses.push_back(address.ToString());
  findings.Add(Severity::kHazard, FindingSubject::Cluster(), std::move(facts));
}

void AddAmbiguous(const NodeEvidence& node, FindingSubject subject, FindingsList& findings) {
  std::vector<AmbiguousEntry> entries = node.ambiguous;
  for (AmbiguousEntry& entry : entries) {
    found::NodeNameAmbiguous facts = {.listed_as = std::move(entry.text)};
    for (const Ipv4Endpoint& address : entry.not_asked) {
      facts.not_asked.push_back(address.ToString());
    }
    findings.Add(Severity::kWarning, subject, std::move(facts));
  }
}

}  // namespace

bool AcceptsUnlistedServer(const PlanOptions& options, const found::UnlistedServer& facts) {
  return AcceptsBadNode(options, facts.names, facts.address, Ipv4Endpoint{});
}

Severity SeverityOfNameDifference(NodeNameSource source, absl::string_view listed_as) {
  const bool is_guess = source == NodeNameSource::kReverseLookup;
  return is_guess && !IsAddress(listed_as) ? Severity::kWarning : Severity::kNote;
}

bool GivesOtherAddress(const TopologyNode& node, const NodeDecision& decision) {
  return decision.own_address != Ipv4Endpoint{} && decision.own_address != node.address;
}

std::vector<NodeIndex> LoopbackAmongOthers(const RecoveryPlan& plan) {
  std::vector<NodeIndex> loopback;
  bool has_others = false;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const TopologyNode& node = plan.topology.nodes[i];
    if (node.address == Ipv4Endpoint{}) continue;  // not known
    if (!IsLoopback(node.address.ip)) {
      has_others = true;
    } else if (!GivesOtherAddress(node, plan.nodes[i])) {
      loopback.push_back(static_cast<NodeIndex>(i));
    }
  }
  return has_others ? loopback : std::vector<NodeIndex>();
}

void AddIdentityFindings(const Evidence& evidence, const NodeRoster& roster,
                         const PlanOptions& options, FindingsList& findings) {
  const BeaconDoubts doubts(evidence);
  for (size_t i = 0; i < roster.size(); ++i) {
    const auto index = static_cast<NodeIndex>(i);
    const NodeEvidence& node = roster.Get(index);
    const FindingSubject subject = FindingSubject::Node(index);
    AddAmbiguous(node, subject, findings);
    if (const BeaconDoubt doubt = doubts.Of(node); doubt != BeaconDoubt::kNone) {
      METAREC_RARE_BRANCH("a beacon is not believed");
      findings.Add(Severity::kHazard, subject,
                   found::BeaconNotBelieved{.names = node.beacon_names, .doubt = doubt});
    }
  }
  AddUnlisted(evidence, options, findings);
}

found::ServerMissing PartitionsOfAMissingServer(
    const RecoveryPlan& plan, const std::function<int64_t(size_t)>& lost_of_table) {
  found::ServerMissing facts;
  // A node that is left out is what is missing.
  if (std::any_of(plan.nodes.begin(), plan.nodes.end(),
                  [](const NodeDecision& node) { return node.error != idl::kErrOk; })) {
    return facts;
  }
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    // Of a dropped table some partitions may be gone already.
    const TableDecision& table = plan.tables[i];
    if (table.placeholder || table.probably_dropped || StaysDropped(table)) continue;
    const int64_t lost = lost_of_table(i);
    facts.partitions += lost;
    facts.tables += lost > 0 ? 1 : 0;
  }
  return facts;
}

void AddServerMissing(const RecoveryPlan& plan, FindingsList& findings) {
  const found::ServerMissing facts = PartitionsOfAMissingServer(plan, [&plan](size_t i) {
    const TopologyTable& table = plan.topology.tables[i];
    const auto begin = plan.partitions.begin() + table.partitions_begin;
    return std::count_if(begin, begin + table.partitions_count,
                         [](const auto& partition) { return partition.replicas_count == 0; });
  });
  if (facts.partitions == 0) return;
  findings.Add(Severity::kWarning, FindingSubject::Cluster(), facts);
}

}  // namespace metarec
