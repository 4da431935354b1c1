// One table in a report: where its replicas were found, how its primaries were chosen, and the
// section of the text that says so.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report.h"

namespace metarec {

// How the primary of a partition came to be.
enum class Election : uint8_t {
  kAllAgree,  // every replica is equal; the node with the fewest primaries
  kTie,       // the best ones are equal, others are worse; the node with the fewest primaries
  kOnlyReplica,
  kOnlyComplete,  // no other is complete
  kHighestBallot,
  kOnRunningServer,  // others of the highest ballot are known from disks only
  kWasPrimary,       // PS_PRIMARY at the highest ballot
  kMostCommitted,
  kMostPrepared,
  kNoReplica,  // the partition comes back empty, or not at all
};

// A stable name such as "all_agree".
absl::string_view ElectionName(Election election);
// "all replicas agree, the node with the fewest primaries gets it"
absl::string_view ElectionInWords(Election election);

Election ElectionOf(const RecoveryPlan& plan, const PartitionDecision& decision);

struct TableSummary {
  int64_t replicas_found = 0;
  int64_t replicas_expected = 0;  // partitions times max_replica_count
  int64_t replicas_overruled = 0;
  int64_t replicas_incomplete = 0;                       // by IsIncomplete
  std::map<NodeIndex, int64_t> by_node;                  // replicas found
  std::map<Election, std::vector<int32_t>> by_election;  // partition indexes, ascending
};

// "rs1:34801 4, rs2:34801 3"; of many nodes "on 40 nodes, 3 to 4 on each".
std::string CountsByNode(const RecoveryPlan& plan, const std::map<NodeIndex, int64_t>& by_node);

// `table` is a position in Topology::tables. Of all its partitions, or of the only one asked for.
TableSummary SummarizeTable(const RecoveryPlan& plan, size_t table, int32_t only_partition = -1);

// Whether a line is enough for it: every replica that is wanted was found and is used, and there is
// nothing to say about it but that all its envs are lost. `findings` as below.
bool IsHealthy(const RecoveryPlan& plan, size_t table, const TableSummary& summary,
               const std::vector<const Finding*>& findings);

// The cells of a line for a table: "2", "temp", "8 x 3", "24 of 24 on 3 nodes"; and what stands
// above them.
std::vector<std::string> TableRow(const RecoveryPlan& plan, size_t table,
                                  const TableSummary& summary);
std::vector<std::string> TableRowTitles();

// A few lines: what the table is, which nodes described it, what was found where, how the primaries
// were chosen, and which partitions are exceptions. `table` is a position in Topology::tables;
// `findings` are all those about the table and its partitions, in the order of the plan.
std::string RenderTable(const RecoveryPlan& plan, size_t table,
                        const std::vector<const Finding*>& findings, const ReportOptions& options);

}  // namespace metarec
