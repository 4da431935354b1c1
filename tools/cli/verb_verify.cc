#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/headline.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/old_tree_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/store_arguments.h"
#include "tools/cli/verbs.h"
#include "zk_store/topology/neighbouring_roots.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_verifier.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::tools {
namespace {

constexpr char kVerify[] = "verify";

struct VerifyArguments {
  const Command* verb = nullptr;
  std::string plan_path;
  EvidenceArguments evidence;
  PlanArguments plan;
  OldTreeArguments old_trees;
  StoreArguments store{StoreArguments::Access::kRead};
  OutputArguments output;
  size_t differences_max = 20;
};

constexpr DifferenceKind kKinds[] = {DifferenceKind::kAppsState,    DifferenceKind::kMissing,
                                     DifferenceKind::kUnexpected,   DifferenceKind::kDiffers,
                                     DifferenceKind::kBallotTooLow, DifferenceKind::kProgress};

int64_t CountAll(const VerifyResult& result) {
  int64_t count = 0;
  for (const DifferenceKind kind : kKinds) count += result.Count(kind);
  return count;
}

// What is expected, and who wrote what is there.
struct Origin {
  std::string plan_digest;         // of what is expected
  std::optional<Journal> journal;  // of the root; nullopt: it has none that can be read
  std::string nothing_there;       // if there is no such root: that, and what there is instead

  bool is_another_plan() const {
    return journal.has_value() && journal->plan_digest != plan_digest;
  }
};

std::string DescribeProgress(const Origin& origin) {
  if (!origin.journal.has_value()) {
    return "progress: ahead of what is expected, as when a meta server has gone on from here; the "
           "root has no journal that would tell by which plan it was written\n";
  }
  return origin.is_another_plan()
             ? "progress: ahead of what is expected, as when a meta server has gone on\n"
             : "progress: a meta server has gone on from here\n";
}

std::string DescribeAnotherPlan(const Origin& origin) {
  return absl::StrCat("the root was written by another plan, ",
                      Printable(origin.journal->plan_digest), " (started ",
                      Printable(origin.journal->started_at),
                      origin.journal->finished ? "" : ", not finished", "); compared with ",
                      origin.plan_digest, "\n");
}

std::string TextOf(const VerifyResult& result, const RecoveryPlan& plan, const Origin& origin,
                   const VerifyArguments& arguments) {
  const int64_t count = CountAll(result);
  const int64_t empty = CountPlan(plan).partitions_lost;
  const std::string with_empty =
      empty == 0 ? "" : absl::StrCat(", ", empty, " of them created EMPTY");
  if (count == 0) {
    return absl::StrCat(arguments.store.root(), " is as it should be: ", CountedTables(plan), ", ",
                        Counted(static_cast<int64_t>(plan.topology.partitions.size()), "partition"),
                        with_empty, "\n");
  }
  if (!origin.nothing_there.empty()) return absl::StrCat(origin.nothing_there, "\n");
  std::string text;
  const size_t shown = std::min(result.differences.size(), arguments.differences_max);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&text, Printable(DescribeDifference(result.differences[i])), "\n");
  }
  absl::StrAppend(&text, Counted(count, "difference"), " in ", arguments.store.root(), ":");
  absl::string_view separator = " ";
  for (const DifferenceKind kind : kKinds) {
    if (result.Count(kind) == 0) continue;
    absl::StrAppend(&text, separator, result.Count(kind), " ", DifferenceKindName(kind));
    separator = ", ";
  }
  if (static_cast<int64_t>(shown) < count) {
    absl::StrAppend(&text, " (", shown, " shown; --differences_max shows more)");
  }
  absl::StrAppend(&text, "\n");
  if (result.Count(DifferenceKind::kBallotTooLow) > 0) {
    absl::StrAppend(&text,
                    "ballot_too_low: replica servers that know a higher ballot permanently "
                    "ignore these entries; recover into a new root\n");
  }
  if (result.Count(DifferenceKind::kProgress) > 0) {
    absl::StrAppend(&text, DescribeProgress(origin));
  }
  if (empty > 0) {
    absl::StrAppend(&text, "expected are ",
                    Counted(static_cast<int64_t>(plan.topology.partitions.size()), "partition"),
                    with_empty, "\n");
  }
  if (origin.is_another_plan()) absl::StrAppend(&text, DescribeAnotherPlan(origin));
  return text;
}

std::string JsonOf(const VerifyResult& result, const RecoveryPlan& plan, const Origin& origin,
                   const VerifyArguments& arguments) {
  std::vector<std::string> differences;
  for (const Difference& difference : result.differences) {
    std::vector<std::string> fields;
    for (const FieldDifference& field : difference.fields) {
      fields.push_back(JsonObject()
                           .Set("field", field.field)
                           .Set("expected", field.expected)
                           .Set("found", field.found)
                           .ToText());
    }
    differences.push_back(JsonObject()
                              .Set("kind", DifferenceKindName(difference.kind))
                              .Set("path", difference.path)
                              .Set("app_id", int64_t{difference.app_id})
                              .Set("partition_index", int64_t{difference.partition_index})
                              .SetJson("fields", JsonArray(fields))
                              .ToText());
  }
  JsonObject counts;
  for (const DifferenceKind kind : kKinds) counts.Set(DifferenceKindName(kind), result.Count(kind));
  return JsonObject()
      .Set("root", arguments.store.root())
      .Set("clean", CountAll(result) == 0)
      .Set("root_exists", origin.nothing_there.empty())
      .Set("partitions_empty", CountPlan(plan).partitions_lost)
      .Set("plan_digest", origin.plan_digest)
      .Set("journal_digest", origin.journal.has_value() ? origin.journal->plan_digest : "")
      .Set("znodes_read", result.znodes_read)
      .SetJson("counts", counts.ToText())
      .SetJson("differences", JsonArray(differences))
      .ToLine();
}

absl::Status CheckArguments(const VerifyArguments& arguments) {
  if (!arguments.plan_path.empty() && arguments.evidence.given()) {
    return absl::InvalidArgumentError("give either --plan or what to plan from, not both");
  }
  if (arguments.plan_path.empty() && !arguments.evidence.given()) {
    return absl::InvalidArgumentError(
        "say what to compare with: --plan FILE, -f FILE, -s HOST:PORT,... or --evidence FILE");
  }
  if (arguments.plan_path.empty()) {
    METAREC_RETURN_IF_ERROR(arguments.evidence.Check());
    METAREC_RETURN_IF_ERROR(arguments.old_trees.Check());
  } else if (const std::string option = GivenForPlanning(*arguments.verb); !option.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " has no effect with --plan, which is planned already; leave it out"));
  }
  return arguments.store.Check();
}

asio::awaitable<absl::StatusOr<RecoveryPlan>> WhatToExpect(const VerifyArguments& arguments,
                                                           Clock* clock,
                                                           ProgressPrinter* progress) {
  if (!arguments.plan_path.empty()) co_return ReadPlan(arguments.plan_path);
  METAREC_CO_ASSIGN_OR_RETURN(PlanOptions options, arguments.plan.ToOptions());
  METAREC_CO_RETURN_IF_ERROR(arguments.old_trees.ApplyTo(&options));
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<OldTree> old_trees,
                              co_await arguments.old_trees.Read(clock));
  METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence,
                              co_await arguments.evidence.Obtain(clock, progress));
  co_return MakePlan(std::move(evidence), options, old_trees);
}

asio::awaitable<absl::StatusOr<Origin>> FindOrigin(const RecoveryPlan& plan, std::string root,
                                                   StoreReader* reader) {
  Origin origin;
  METAREC_CO_ASSIGN_OR_RETURN(origin.plan_digest, TopologyDigest(plan.topology));
  const std::string path = ClusterPaths(root).journal();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader->Get(path));
  if (!node.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto existing, co_await reader->Exists(root));
    if (existing.has_value()) co_return origin;
    METAREC_CO_ASSIGN_OR_RETURN(origin.nothing_there, co_await NothingAt(reader, root));
    co_return origin;
  }
  absl::StatusOr<Journal> journal = DecodeJournal(path, node->data);
  if (journal.ok()) origin.journal = *std::move(journal);
  co_return origin;
}

asio::awaitable<absl::StatusOr<ExitCode>> Verify(const VerifyArguments& arguments, Clock* clock,
                                                 ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(CheckArguments(arguments));
  METAREC_CO_ASSIGN_OR_RETURN(const RecoveryPlan plan,
                              co_await WhatToExpect(arguments, clock, progress));
  if (plan.outcome != PlanOutcome::kReady) {
    progress->Clear();
    std::cerr << "metarec verify: there is nothing to compare with: "
              << HeadlineOf(plan.outcome, CountPlan(plan), HeadlineMoment::kPlanned).text
              << ". metarec plan shows the report" << std::endl;
    co_return static_cast<ExitCode>(PlanExitCode(plan));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await arguments.store.Open(clock));
  RetryBudget budget(clock);
  StoreReader reader(store.get(), &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const Origin origin,
                              co_await FindOrigin(plan, arguments.store.root(), &reader));
  TopologyVerifierOptions options;
  // Fresh evidence of a living cluster leads to another plan than the one that it began with.
  options.may_have_gone_on = arguments.plan_path.empty() || !origin.is_another_plan();
  TopologyVerifier verifier(options, &reader, progress);
  METAREC_CO_ASSIGN_OR_RETURN(const VerifyResult result,
                              co_await verifier.Verify(plan.topology, arguments.store.root()));
  progress->Clear();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(arguments.output.json()
                                                        ? JsonOf(result, plan, origin, arguments)
                                                        : TextOf(result, plan, origin, arguments)));
  co_return CountAll(result) == 0 ? ExitCode::kDone : ExitCode::kDifferences;
}

ExitCode RunVerify(const VerifyArguments& arguments) {
  CommandLoop loop;
  return loop.Run(
      kVerify, "nothing was changed; run the same command again",
      [&](ProgressPrinter* progress) { return Verify(arguments, &loop.clock(), progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeVerifyVerb(Command& verb) {
  verb.Paragraph("Only reads. Exit code 2 if there are differences.");
  verb.Paragraph(
      "Against a plan: is everything there as planned? Against nodes or evidence: would a plan "
      "made "
      "from them say the same? A partition whose ballot in the tree is below a replica's "
      "(ballot_too_low) is one that its replica servers permanently ignore.");
  verb.Example("metarec verify --plan monday.plan --zk zk1:2181 --root /pegasus/recovered");
  verb.Example("metarec verify -f recover_node_list --zk zk1:2181 --root /pegasus/onebox");
  const auto arguments = std::make_shared<VerifyArguments>();
  verb.Add("--plan", &arguments->plan_path, "the plan file to compare with").TypeName("FILE");
  arguments->verb = &verb;
  arguments->evidence.AddTo(verb);
  arguments->plan.AddTo(verb);
  arguments->old_trees.AddTo(verb);
  arguments->store.AddTo(verb);
  arguments->output.AddTo(verb);
  verb.Add("--differences_max", &arguments->differences_max, "how many differences the text shows")
      .TypeName("N")
      .ShowDefault()
      .Group("OUTPUT");
  return [arguments] { return RunVerify(*arguments); };
}

}  // namespace metarec::tools
