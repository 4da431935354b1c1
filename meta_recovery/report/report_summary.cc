#include <algorithm>
#include <map>
#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"

namespace metarec {
namespace {

std::string PlanPath(const ReportOptions& options) {
  return options.plan_path.empty() ? "FILE" : ShellWord(options.plan_path);
}

std::string PlanCommandBegin(const ReportOptions& options) {
  return options.plan_command.empty()
             ? absl::StrCat("metarec plan -f NODE_LIST --plan ", PlanPath(options))
             : options.plan_command;
}

// Makes the plan again, with these options.
std::string PlanCommand(const ReportOptions& options, const PlanOptions& plan_options) {
  return absl::StrCat(PlanCommandBegin(options), PlanOptionWords(plan_options));
}

bool Has(const RecoveryPlan& plan, FindingKind kind, Severity severity) {
  return std::any_of(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
    return finding.kind() == kind && finding.severity == severity;
  });
}

bool HasAny(const RecoveryPlan& plan, Severity severity) {
  return std::any_of(plan.findings.begin(), plan.findings.end(),
                     [severity](const Finding& finding) { return finding.severity == severity; });
}

// Of a plan that is ready: "hazards and warnings", or those that there are. Empty: there are none.
std::string ReservationsToRead(const RecoveryPlan& plan) {
  std::vector<std::string> kinds;
  if (HasAny(plan, Severity::kHazard)) kinds.emplace_back("hazards");
  if (HasAny(plan, Severity::kWarning)) kinds.emplace_back("warnings");
  return absl::StrJoin(kinds, " and ");
}

// Other than those that every plan may have.
bool HasNoteToRead(const RecoveryPlan& plan) {
  return std::any_of(plan.findings.begin(), plan.findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::kNote && RowOf(finding.kind()).among_findings;
  });
}

NextStep AfterConflict(const RecoveryPlan& plan, const ReportOptions& options) {
  const FirstChoices first = FirstChoicesOf(plan, kFirstChoicesMax);
  const std::string command =
      absl::StrCat(PlanCommandBegin(options), OptionWordsWithChoices(plan, first));
  return {absl::StrCat("Decide each conflict (the choices stand beside it above), then plan again. "
                       "For example, with the first choice of ",
                       first.are_all ? "each" : "the first ones",
                       first.have_capitals ? "; fill in the parts in capitals:" : ":"),
          {command}};
}

// What to do about what is missing.
struct Remedy {
  absl::string_view nodes_are_missing;
  absl::string_view servers_are_unlisted;
  absl::string_view replicas_are_missing;
  absl::string_view no_node_answered;
};

constexpr Remedy kAskAgain = {
    "Bring the nodes back and plan again: every node that is missing makes the result poorer. Only "
    "if they are gone for good, go on without them, by the second command:",
    "Add the servers that send beacons to the list and plan again. Only if their data are not "
    "wanted, go on without them, by the second command:",
    "Find the nodes that had these partitions, add them to the list and plan again.",
    "No node answered. Check the node list and the network from here, then plan again:"};

constexpr Remedy kCollectAgain = {
    "Bring the nodes back, collect again and plan from that: every node that is missing makes the "
    "result poorer, and the evidence file stays without them. Only if they are gone for good, go "
    "on without them, by the second command:",
    "Add the servers that send beacons to the list, collect again and plan from that. Only if "
    "their data are not wanted, go on without them, by the second command:",
    "Find the nodes that had these partitions, add them to the list, collect evidence anew and "
    "plan from that.",
    "No node answered when this evidence was collected. Check the node list and the network from "
    "here, collect evidence anew and plan from that:"};

// Where the data of lost partitions may be, by the first of them.
std::string WhereToLook(const RecoveryPlan& plan) {
  for (const Finding& finding : plan.findings) {
    if (finding.kind() != FindingKind::kPartitionLost || IsLossOfDropped(plan, finding)) continue;
    return absl::StrCat(
        " A server that could not load a replica keeps it for 7 days in its data "
        "directory, as ",
        finding.app_id, ".", finding.partition_index, ".pegasus.*.err, and its log says why.");
  }
  return "";
}

// Whether no node is left because none answered.
bool AllAreSkipped(const RecoveryPlan& plan) {
  return std::all_of(plan.findings.begin(), plan.findings.end(), [&plan](const Finding& finding) {
    return finding.kind() != FindingKind::kBadNode || AcceptsBadNode(plan, finding.node);
  });
}

// More than this is accepted for all at once: nobody reads a longer list.
constexpr size_t kAcceptedOneByOneMax = 10;

void AcceptBadNodes(const RecoveryPlan& plan, PlanOptions* options) {
  for (const Finding& finding : plan.findings) {
    const auto* unlisted = finding.facts.As<found::UnlistedServer>();
    if (unlisted != nullptr && finding.severity == Severity::kError) {
      options->bad_nodes_skipped.insert(unlisted->names.size() == 1 ? unlisted->names.front()
                                                                    : unlisted->address);
    }
    if (finding.kind() != FindingKind::kBadNode || AcceptsBadNode(plan, finding.node)) continue;
    const absl::Span<const std::string> listed_as = ListedAs(plan, finding.node);
    if (listed_as.empty()) {
      options->skip_bad_nodes = true;
    } else {
      options->bad_nodes_skipped.insert(listed_as.front());
    }
  }
  if (options->bad_nodes_skipped.size() > kAcceptedOneByOneMax) options->skip_bad_nodes = true;
  if (options->skip_bad_nodes) options->bad_nodes_skipped.clear();
}

void AcceptLosses(const RecoveryPlan& plan, PlanOptions* options) {
  std::map<int32_t, std::set<std::string>> by_table;
  for (const Finding& finding : plan.findings) {
    if (finding.kind() != FindingKind::kPartitionLost || finding.severity != Severity::kError) {
      continue;
    }
    const std::string table = SettlementKey(finding.app_id);
    if (options->settlements.contains(table)) continue;
    by_table[finding.app_id].insert(SettlementKey(finding.app_id, finding.partition_index));
  }
  for (const auto& [app_id, partitions] : by_table) {
    if (partitions.size() > kAcceptedOneByOneMax) {
      options->lost_partitions_skipped.insert(SettlementKey(app_id));
    } else {
      options->lost_partitions_skipped.insert(partitions.begin(), partitions.end());
    }
  }
  if (by_table.size() > kAcceptedOneByOneMax) options->skip_lost_partitions = true;
  if (options->skip_lost_partitions) options->lost_partitions_skipped.clear();
}

// The plan's options, and beyond them what it takes to accept what was found, but no more.
PlanOptions Accepting(const RecoveryPlan& plan) {
  PlanOptions options = plan.options;
  AcceptBadNodes(plan, &options);
  // A table whose data may be on nodes that are left out is not left out with them.
  if (!Has(plan, FindingKind::kBadNode, Severity::kWarning)) {
    for (const Finding& finding : plan.findings) {
      if (finding.kind() != FindingKind::kTableProbablyDropped ||
          finding.severity != Severity::kError) {
        continue;
      }
      options.settlements.emplace(SettlementKey(finding.app_id), kSettleIgnore);
    }
  }
  AcceptLosses(plan, &options);
  return options;
}

NextStep AfterError(const RecoveryPlan& plan, const ReportOptions& options) {
  const bool bad_nodes = Has(plan, FindingKind::kBadNode, Severity::kError);
  const bool unlisted = Has(plan, FindingKind::kUnlistedServer, Severity::kError);
  const Remedy& remedy = options.from_evidence_file ? kCollectAgain : kAskAgain;
  const std::string again = options.from_evidence_file
                                ? "metarec collect -f NODE_LIST --evidence NEW_FILE"
                                : PlanCommand(options, plan.options);
  if (bad_nodes && AllAreSkipped(plan)) return {std::string(remedy.no_node_answered), {again}};
  const std::string accepting = PlanCommand(options, Accepting(plan));
  if (bad_nodes || unlisted) {
    return {std::string(bad_nodes ? remedy.nodes_are_missing : remedy.servers_are_unlisted),
            {again, accepting}};
  }
  return {absl::StrCat(remedy.replicas_are_missing, WhereToLook(plan),
                       " Only if the data are gone for good, go on without them, by the second "
                       "command:"),
          {again, accepting}};
}

NextStep AfterReady(const RecoveryPlan& plan, const ReportOptions& options) {
  const std::string store = options.store_flags.empty()
                                ? "--zk HOST:PORT,... --root /NEW/EMPTY/ROOT"
                                : options.store_flags;
  NextStep step;
  const std::string to_read = ReservationsToRead(plan);
  if (Has(plan, FindingKind::kStillServed, Severity::kHazard)) {
    step.advice = "Stop every meta server first; apply waits until the leases have run out. Then:";
  } else if (!to_read.empty()) {
    step.advice = absl::StrCat("Read the ", to_read, " above. When they are acceptable:");
  } else if (HasNoteToRead(plan)) {
    step.advice = "Nothing is in the way. Read the notes above, then:";
  } else {
    step.advice = "Nothing is in the way:";
  }
  step.commands = {absl::StrCat("metarec apply --plan ", PlanPath(options), " ", store),
                   absl::StrCat("metarec verify --plan ", PlanPath(options), " ", store)};
  return step;
}

std::string AgeInWords(absl::Duration age) {
  if (age < absl::ZeroDuration()) return "dated in the future";
  if (age < absl::Minutes(1)) return "less than a minute old";
  if (age < absl::Hours(1)) return absl::StrCat(absl::ToInt64Minutes(age), " min old");
  if (age < absl::Hours(48)) return absl::StrCat(absl::ToInt64Hours(age), " h old");
  return absl::StrCat(absl::ToInt64Hours(age) / 24, " days old");
}

}  // namespace

namespace {

std::string HowManyAreWritten(int64_t count, ReportOptions::Before before) {
  const std::string znodes = Counted(count, "znode");
  switch (before) {
    case ReportOptions::Before::kNothing:
      return absl::StrCat("writes ", znodes);
    case ReportOptions::Before::kSome:
      return absl::StrCat("writes what an earlier run has left of ", znodes);
    case ReportOptions::Before::kAll:
      break;
  }
  return absl::StrCat("writes nothing, as an earlier run wrote all ", znodes);
}

}  // namespace

std::string WhatIsWritten(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options) {
  const absl::Time now = options.now;
  std::vector<std::string> parts = {HowManyAreWritten(numbers.znodes, options.written_before)};
  if (numbers.accepted_losses) {
    parts.push_back(absl::StrCat(Counted(numbers.partitions_lost, "partition"), " EMPTY"));
  }
  if (numbers.nodes_answered < numbers.nodes_asked) {
    parts.push_back(
        absl::StrCat(Counted(numbers.nodes_asked - numbers.nodes_answered, "node"), " left out"));
  }
  if (now != absl::InfinitePast()) {
    parts.push_back(absl::StrCat("evidence ", AgeInWords(now - plan.evidence_collected_at)));
  }
  return absl::StrJoin(parts, "; ");
}

int PlanExitCode(PlanOutcome outcome, const PlanNumbers& numbers) {
  switch (outcome) {
    case PlanOutcome::kConflict:
      return 3;
    case PlanOutcome::kTryAgain:
      return 1;
    case PlanOutcome::kReady:
      break;
  }
  return numbers.accepted_losses ? 5 : 0;
}

int PlanExitCode(const RecoveryPlan& plan) {
  PlanNumbers numbers;
  numbers.accepted_losses = plan.HasAcceptedLosses();
  return PlanExitCode(plan.outcome, numbers);
}

NextStep NextStepOf(const RecoveryPlan& plan, const ReportOptions& options) {
  if (options.next.has_value()) return *options.next;
  switch (plan.outcome) {
    case PlanOutcome::kConflict:
      return AfterConflict(plan, options);
    case PlanOutcome::kTryAgain:
      return AfterError(plan, options);
    case PlanOutcome::kReady:
      break;
  }
  return AfterReady(plan, options);
}

std::string ExplainCommand(const RecoveryPlan& plan, const ReportOptions& options) {
  if (plan.outcome != PlanOutcome::kReady || options.plan_path.empty()) return "";
  return absl::StrCat("metarec explain --plan ", PlanPath(options));
}

std::string CommandToSee(const RecoveryPlan& plan, const ReportOptions& options,
                         absl::string_view option) {
  if (plan.outcome != PlanOutcome::kReady || options.plan_path.empty()) {
    return absl::StrCat("add ", option);
  }
  return absl::StrCat("metarec report --plan ", PlanPath(options), " ", option);
}

}  // namespace metarec
