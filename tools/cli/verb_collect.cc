#include <iostream>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "replica_collector/evidence_file.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/verbs.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr char kCollect[] = "collect";

struct CollectArguments {
  NodeArguments nodes;
  OutputArguments output;
  NewFileArguments file;
};

struct Counts {
  int64_t nodes = 0;
  int64_t answered = 0;
  int64_t replicas = 0;
};

Counts CountEvidence(const Evidence& evidence) {
  Counts counts;
  for (const NodeEvidence& node : evidence.nodes) {
    ++counts.nodes;
    counts.answered += node.complete();
    counts.replicas += static_cast<int64_t>(node.replicas.size());
  }
  return counts;
}

std::string TextOf(const Evidence& evidence, const CollectArguments& arguments) {
  std::vector<std::vector<std::string>> rows = {{"node", "result", "tables", "replicas"}};
  for (const NodeEvidence& node : evidence.nodes) {
    const bool complete = node.complete();
    rows.push_back({Printable(node.listed_as.front()), node.error,
                    complete ? absl::StrCat(node.tables.size()) : "-",
                    complete ? absl::StrCat(node.replicas.size()) : "-"});
  }
  std::string text = AlignedRows(rows);
  for (const NodeEvidence& node : evidence.nodes) {
    if (node.complete()) continue;
    absl::StrAppend(&text, Printable(node.listed_as.front()), ": ", Printable(node.error_detail),
                    "\n");
  }
  const Counts counts = CountEvidence(evidence);
  absl::StrAppend(&text, counts.answered, " of ", Counted(counts.nodes, "node"), " answered, ",
                  Counted(counts.replicas, "replica"), "; written to ",
                  ShellWord(arguments.file.path()), "\n");
  const ServingCount serving = CountServing(evidence);
  if (serving.serving > 0) {
    absl::StrAppend(
        &text, serving.serving, " of them ", serving.serving == 1 ? "is" : "are",
        " still served by ", Counted(serving.nodes_serving, "node"),
        " (PS_PRIMARY or PS_SECONDARY): a meta server runs, or ran until a moment ago\n");
  }
  return text;
}

std::string JsonOf(const Evidence& evidence, const CollectArguments& arguments) {
  std::vector<std::string> nodes;
  for (const NodeEvidence& node : evidence.nodes) {
    nodes.push_back(JsonObject()
                        .Set("listed_as", node.listed_as.front())
                        .Set("address", node.address.ToString())
                        .Set("name", node.name)
                        .Set("error", node.error)
                        .Set("error_detail", node.error_detail)
                        .Set("tables", static_cast<int64_t>(node.tables.size()))
                        .Set("replicas", static_cast<int64_t>(node.replicas.size()))
                        .ToText());
  }
  const Counts counts = CountEvidence(evidence);
  return JsonObject()
      .Set("evidence", arguments.file.path())
      .Set("nodes_asked", counts.nodes)
      .Set("nodes_answered", counts.answered)
      .Set("replicas", counts.replicas)
      .Set("replicas_still_served", CountServing(evidence).serving)
      .SetJson("nodes", JsonArray(nodes))
      .ToLine();
}

asio::awaitable<absl::StatusOr<ExitCode>> Collect(const CollectArguments& arguments,
                                                  CommandLoop* loop, ProgressPrinter* progress) {
  Clock* const clock = &loop->clock();
  METAREC_CO_ASSIGN_OR_RETURN(NodeList list, arguments.nodes.Read());
  METAREC_CO_ASSIGN_OR_RETURN(CollectorOptions options, CollectorOptionsOf(arguments.nodes));
  METAREC_CO_RETURN_IF_ERROR(arguments.file.Check());
  std::cerr << WarnOfDuplicates(list) << std::flush;
  METAREC_CO_ASSIGN_OR_RETURN(
      const Evidence evidence,
      co_await CollectEvidence(std::move(list), std::move(options), clock, progress));
  progress->Clear();
  EvidenceFileOptions file;
  file.overwrite = arguments.file.overwrite();
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_CO_RETURN_IF_ERROR(WriteEvidenceFile(evidence, arguments.file.path(), file));
  CommandLoop::AfterInterruption written(
      "the evidence file is written; only its summary was not printed");
  written.same_command = false;
  loop->SetAfterInterruption(written);
  const absl::Status printed = arguments.output.Print(
      arguments.output.json() ? JsonOf(evidence, arguments) : TextOf(evidence, arguments));
  if (!printed.ok()) {
    co_return Annotate(printed, absl::StrCat("; ", arguments.file.path(), " is written"));
  }
  const Counts counts = CountEvidence(evidence);
  co_return counts.answered == counts.nodes ? ExitCode::kDone : ExitCode::kFailed;
}

ExitCode RunCollect(const CollectArguments& arguments) {
  CommandLoop loop;
  return loop.Run(
      kCollect, "nothing was written; run the same command again",
      [&](ProgressPrinter* progress) { return Collect(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeCollectVerb(Command& verb) {
  verb.Paragraph(
      "Only reads, from a healthy cluster too. Exit code 1 if a node did not answer; the evidence "
      "file is written all the same, and says so.");
  verb.Example("metarec collect -f recover_node_list --evidence monday.evidence");
  verb.Example("metarec collect -s rs1:34801,rs2:34801 --evidence monday.evidence.zst --overwrite");
  const auto arguments = std::make_shared<CollectArguments>();
  arguments->nodes.AddTo(verb);
  arguments->file.AddTo(verb, "--evidence");
  arguments->output.AddTo(verb);
  return [arguments] { return RunCollect(*arguments); };
}

}  // namespace metarec::tools
