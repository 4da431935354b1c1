// Who the servers are, where they are, and whether the list has all of them: what the program knows
// of that from several sources, compared.

#pragma once

#include <functional>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// Whether the options accept that a server which sends beacons is not in the list.
bool AcceptsUnlistedServer(const PlanOptions& options, const found::UnlistedServer& facts);

// Of a name in the list, `listed_as`, that is not the node's. A warning if both lead to one address
// and nothing tells which of them is right.
Severity SeverityOfNameDifference(NodeNameSource source, absl::string_view listed_as);

// Whether the node gives another address as its own than the one at which it was asked.
bool GivesOtherAddress(const TopologyNode& node, const NodeDecision& decision);

// Nodes with loopback addresses, if others have addresses of a network; ascending. Without those
// that give another address, of which more is known.
std::vector<NodeIndex> LoopbackAmongOthers(const RecoveryPlan& plan);

// What follows from the evidence, but not from the plan (due_findings.h). `roster` is made of
// `evidence`.
void AddIdentityFindings(const Evidence& evidence, const NodeRoster& roster,
                         const PlanOptions& options, FindingsList& findings);

// Which partitions of living tables no node holds, though all nodes answered; none: all zero.
// `lost_of_table` counts those of the table at an index of RecoveryPlan::tables.
found::ServerMissing PartitionsOfAMissingServer(
    const RecoveryPlan& plan, const std::function<int64_t(size_t)>& lost_of_table);

// Says so, once all partitions are planned.
void AddServerMissing(const RecoveryPlan& plan, FindingsList& findings);

}  // namespace metarec
