// What people are shown of a plan and of its tables: little, whatever the cluster's size.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What there is to say of one table.
struct TableRow {
  int32_t app_id = 0;
  std::string name;
  int64_t partitions = 0;
  int64_t lost = 0;  // of these: no replica is known
  int64_t thin = 0;  // of these: fewer replicas are known than wanted
  // A character a partition, '+' all replicas are known, '-' some, '0' none; of the first 1000.
  std::string heat;
};

struct TableRows {
  std::vector<TableRow> rows;  // the worst first; the first 200
  size_t tables = 0;
  // Of all tables.
  int64_t partitions = 0;
  int64_t lost = 0;
  int64_t thin = 0;
};

// How many replicas are known of the partition at an index of Topology::partitions.
using KnownReplicas = std::function<int64_t(size_t)>;

// `tables` are of one topology. What tables with the ids `dropped` lost comes behind what others
// did.
TableRows RowsOf(const std::vector<const TopologyTable*>& tables, const KnownReplicas& known,
                 const std::set<int32_t>& dropped = {});

// Which partitions have no replica: "sessions (table 2): 2.4, 2.8 and 1 more; ...". Empty: none.
std::string LostPartitionsText(const TableRows& tables);

inline constexpr std::array kWorstFirst = {Severity::kConflict, Severity::kError, Severity::kHazard,
                                           Severity::kWarning, Severity::kNote};

struct FindingRow {
  Severity severity = Severity::kNote;
  std::string text;
};

// A value.
struct PlanGlance {
  PlanOutcome outcome = PlanOutcome::kReady;
  PlanNumbers numbers;
  // The worst first, and in each severity those about lost partitions; the first 200. What tables
  // that were probably dropped have lost is told with the table, and not counted by itself.
  std::vector<FindingRow> findings;
  int64_t findings_count = 0;
  std::map<Severity, int64_t> by_severity;  // without those that there are none of
  TableRows tables;
  // Of a plan that needs decisions: the arguments that settle each conflict by its first choice, of
  // the first 50: "--settle 10.app_type=pegasus". Parts in capitals are for the operator to fill
  // in.
  std::vector<std::string> decisions;
  bool decisions_have_capitals = false;
  // Of such a plan: the words of a `metarec plan` that decides so, with all options that this plan
  // was made with: " --skip_bad_nodes --settle 10.app_type=pegasus".
  std::string plan_words;
};

PlanGlance GlanceAt(const RecoveryPlan& plan);

// Where decisions can be given.
struct DecisionPlace {
  // That takes them as the flags that the command line has, such as "metarecd"; empty: the meta
  // server takes none, and the command line is the only way.
  std::string program;
  std::string zookeeper_hosts;  // as configured, with a chroot if there is one; empty: not known
  std::string root;             // below that chroot
};

// How to go on after a plan that needs decisions: lines, commands indented by two spaces.
std::vector<std::string> HowToDecide(const PlanGlance& glance, const DecisionPlace& place);

// For the sender of a recovery that needs decisions, and for the log: every conflict with the
// choices that settle it, then HowToDecide, without line breaks. Empty if the plan needs none.
std::vector<std::string> DecisionLines(const RecoveryPlan& plan, const DecisionPlace& place);

}  // namespace metarec
