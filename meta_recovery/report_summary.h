// What the report says at its beginning and its end, the same as text and as JSON: the verdict, the
// numbers, and what to do next.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "meta_recovery/recovery_plan.h"

namespace metarec {

struct ReportOptions {
  // Where the plan was or will be written if it is ready. Empty: nowhere; shown as FILE where a
  // command needs it.
  std::string plan_path;
  // How to reach the ZooKeeper root, e.g. "--zk zk1:2181 --root /pegasus/new". Empty: shown as
  // placeholders.
  std::string store_flags;
  // The command that made this plan, with its flags; more flags are appended to it for a plan that
  // is not ready. Empty: shown as "metarec plan -f NODE_LIST --plan FILE" with the plan's own
  // flags.
  std::string plan_command;

  // Whether the report ends with what to do next.
  bool next_step = true;

  int examples_max = 3;  // of findings of one kind, and of items in a list
  int tables_max = 200;  // shown one by one, the worst first
};

struct PlanNumbers {
  int64_t nodes_asked = 0;
  int64_t nodes_answered = 0;
  int64_t tables = 0;  // without placeholders
  int64_t placeholders = 0;
  int64_t partitions = 0;       // of tables, without those of placeholders; so are the next three
  int64_t partitions_full = 0;  // with max_replica_count replicas or more
  int64_t partitions_short = 0;
  int64_t partitions_lost = 0;  // without any replica
  int64_t replicas_found = 0;
  int64_t replicas_overruled = 0;

  int64_t conflicts = 0;  // findings by severity
  int64_t errors = 0;
  int64_t hazards = 0;
  int64_t warnings = 0;
  int64_t notes = 0;
};

PlanNumbers CountPlan(const RecoveryPlan& plan);

// One line: whether the plan may be applied, and if not, what is in the way.
std::string Verdict(const RecoveryPlan& plan, const PlanNumbers& numbers);

// What the program that shows the report exits with (docs/report-schema.md): 0, 1, 3 or 5.
int PlanExitCode(const RecoveryPlan& plan);

struct NextStep {
  std::string advice;  // a sentence; more when the decision is not easy
  // In the order in which they are to be run; after an error the second is what is left to do when
  // the first does not help. The first never gives up data that another choice would keep.
  std::vector<std::string> commands;
};

NextStep NextStepOf(const RecoveryPlan& plan, const ReportOptions& options);

// "metarec explain --plan monday.plan"; a subject is to be appended. Empty when there is no plan
// file that it could read: a plan that is not ready is written to none.
std::string ExplainCommand(const RecoveryPlan& plan, const ReportOptions& options);

}  // namespace metarec
