// What to keep of a plan file, everything or what it says about one subject, and the numbers of the
// whole plan.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct PlanNumbers {
  int64_t nodes_asked = 0;
  int64_t nodes_answered = 0;
  int64_t nodes_on_disk = 0;  // that were not asked, but read from their disks
  int64_t tables = 0;         // without placeholders
  int64_t placeholders = 0;
  int64_t znodes =
      0;  // of tables, placeholders and partitions; root, journal and /apps come on top
  int64_t partitions = 0;       // of tables, without those of placeholders; so are the next three
  int64_t partitions_full = 0;  // with max_replica_count replicas or more
  int64_t partitions_short = 0;
  int64_t partitions_lost = 0;  // without any replica
  // As soon as their primaries serve; the others by the reason.
  int64_t partitions_whole = 0;
  std::array<int64_t, kColdReasons> partitions_not_whole = {};
  // Of those that are lost and not accepted; then of these, those of tables that are probably
  // dropped, and these tables.
  int64_t losses_not_accepted = 0;
  int64_t losses_of_dropped = 0;
  int64_t dropped_tables_with_losses = 0;
  int64_t accepted_losses_of_dropped = 0;  // of those that are accepted
  bool accepted_losses = false;            // RecoveryPlan::HasAcceptedLosses
  int64_t replicas_found = 0;
  int64_t replicas_reported = 0;  // by the nodes, those that are not used included
  int64_t replicas_overruled = 0;
  std::vector<int64_t> primaries_by_node = {};

  int64_t conflicts = 0;  // findings by severity
  int64_t errors = 0;
  int64_t hazards = 0;
  int64_t warnings = 0;
  int64_t notes = 0;
  bool bad_node_error = false;   // an error says that a node did not answer
  int64_t unlisted_servers = 0;  // errors that say that the list lacks a server
  // The kind to read first among the gravest findings; nullopt: there are only notes.
  std::optional<FindingKind> gravest;
  std::optional<FindingKind> gravest_once_written;  // apart from replicas that are served
  // While replicas are still served, and nobody has accepted that: how many, and on how many nodes.
  int64_t replicas_served = 0;
  int64_t nodes_serving = 0;

  friend bool operator==(const PlanNumbers&, const PlanNumbers&) = default;
};

// Counts a plan piece by piece, as it is read.
class PlanCounter {
 public:
  void AddOptions(const PlanOptions& options) { membership_ = options.membership; }
  void AddNode(const NodeDecision& node);
  void AddTable(const TableDecision& decision);
  // `replicas` are all that were found of it.
  void AddPartition(const TopologyTable& table, const TableDecision& table_decision,
                    const PartitionDecision& decision, absl::Span<const RankedReplica> replicas);
  void AddFinding(const Finding& finding);

  const PlanNumbers& numbers() const { return numbers_; }

 private:
  PlanNumbers numbers_;
  Membership membership_ = Membership::kCold;
  Severity gravest_severity_ = Severity::kNote;
  Severity gravest_severity_once_written_ = Severity::kNote;
  bool is_table_counted_ = false;  // the last one, in dropped_tables_with_losses
};

PlanNumbers CountPlan(const RecoveryPlan& plan);

// The position of the living table that gets this name, and the node with this name, address or
// entry in the list. SIZE_MAX and kNoNode if there is none.
size_t FindTableNamed(const RecoveryPlan& plan, absl::string_view name);
NodeIndex FindNodeNamed(const RecoveryPlan& plan, absl::string_view name);

// Decides, line by line, what is kept of a plan file. Nodes and tables are always kept: they are
// few, and decide about the rest.
class PlanSelection {
 public:
  static PlanSelection Everything() { return PlanSelection(); }
  // What Explain needs for this subject (meta_recovery/report/explain.h).
  static PlanSelection Subject(absl::string_view text);
  // A table by its id or name, which no node can have.
  static PlanSelection Table(absl::string_view text);

  // Call these in the order of the file: all nodes, each table followed by its partitions,
  // findings.
  void AfterNodes(const RecoveryPlan& plan);
  void BeginTable(const TopologyTable& table, const TableDecision& decision);
  bool KeepsPartition(int32_t app_id, int32_t index) const;
  // Of a partition that is not kept.
  bool KeepsReplica(const RankedReplica& replica) const;
  bool KeepsFinding(const Finding& finding) const;

 private:
  PlanSelection() = default;

  bool everything_ = true;
  bool may_be_node_ = false;
  std::string name_;  // of a node or a table, if it is not numbers
  TableOrPartition numbers_;
  NodeIndex node_ = kNoNode;
};

// A plan, or a selection from it. `plan` lacks what is not selected; its tables count only the
// partitions that it has. `numbers` are those of the whole plan.
struct PlanExcerpt {
  RecoveryPlan plan;
  PlanNumbers numbers;
};

}  // namespace metarec
