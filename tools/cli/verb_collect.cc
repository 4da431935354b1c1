#include <iostream>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "replica_collector/evidence_file.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/disk_arguments.h"
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
  DiskArguments disks;
  OutputArguments output;
  NewFileArguments file{{.format = kEvidenceFormat, .name = "an evidence file of metarec"}};
};

struct Counts {
  int64_t nodes = 0;  // that were asked
  int64_t answered = 0;
  int64_t read_from_disk = 0;
  int64_t replicas = 0;
  int64_t folders_unusable = 0;
};

Counts CountEvidence(const Evidence& evidence) {
  Counts counts;
  for (const NodeEvidence& node : evidence.nodes) {
    counts.replicas += static_cast<int64_t>(node.replicas.size());
    if (node.disk.has_value()) {
      ++counts.read_from_disk;
      counts.folders_unusable += static_cast<int64_t>(node.disk->unusable.size());
      continue;
    }
    ++counts.nodes;
    counts.answered += node.complete();
  }
  return counts;
}

// What the disks of nodes have that is not used.
std::string FoldersNotUsed(const Evidence& evidence) {
  std::string text;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.disk.has_value()) continue;
    const std::string name = Printable(node.listed_as.front());
    for (const std::string& folder : node.disk->unusable) {
      absl::StrAppend(&text, name, ": cannot be used: ", Printable(folder), "\n");
    }
    for (const std::string& folder : node.disk->set_aside) {
      absl::StrAppend(&text, name, ": set aside by the server, not used: ", Printable(folder),
                      "\n");
    }
  }
  return text;
}

// "2 of 3 nodes answered, 1 was read from its disks".
std::string Obtained(const Counts& counts) {
  std::vector<std::string> parts;
  if (counts.nodes > 0) {
    parts.push_back(
        absl::StrCat(counts.answered, " of ", Counted(counts.nodes, "node"), " answered"));
  }
  if (counts.read_from_disk > 0) {
    parts.push_back(absl::StrCat(
        counts.nodes > 0 ? absl::StrCat(counts.read_from_disk)
                         : Counted(counts.read_from_disk, "node"),
        counts.read_from_disk == 1 ? " was read from its disks" : " were read from their disks"));
  }
  return absl::StrJoin(parts, ", ");
}

std::string TextOf(const Evidence& evidence, const CollectArguments& arguments) {
  std::vector<std::vector<std::string>> rows = {{"node", "result", "tables", "replicas"}};
  for (const NodeEvidence& node : evidence.nodes) {
    const bool complete = node.complete();
    rows.push_back({Printable(node.listed_as.front()),
                    node.disk.has_value() ? "from disk" : node.error,
                    complete ? absl::StrCat(node.tables.size()) : "-",
                    complete ? absl::StrCat(node.replicas.size()) : "-"});
  }
  std::string text = AlignedRows(rows);
  for (const NodeEvidence& node : evidence.nodes) {
    if (node.complete()) continue;
    absl::StrAppend(&text, Printable(node.listed_as.front()), ": ", Printable(node.error_detail),
                    "\n");
  }
  absl::StrAppend(&text, FoldersNotUsed(evidence));
  const Counts counts = CountEvidence(evidence);
  absl::StrAppend(&text, Obtained(counts), ", ", Counted(counts.replicas, "replica"),
                  "; written to ", ShellWord(arguments.file.path()), "\n");
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
    std::vector<std::string> set_aside;
    std::vector<std::string> unusable;
    if (node.disk.has_value()) {
      for (const std::string& folder : node.disk->set_aside)
        set_aside.push_back(JsonString(folder));
      for (const std::string& folder : node.disk->unusable) unusable.push_back(JsonString(folder));
    }
    nodes.push_back(JsonObject()
                        .Set("listed_as", node.listed_as.front())
                        .Set("address", node.address.ToString())
                        .Set("name", node.name)
                        .Set("error", node.error)
                        .Set("error_detail", node.error_detail)
                        .Set("from_disk", node.disk.has_value())
                        .SetJson("folders_set_aside", JsonArray(set_aside))
                        .SetJson("folders_unusable", JsonArray(unusable))
                        .Set("tables", static_cast<int64_t>(node.tables.size()))
                        .Set("replicas", static_cast<int64_t>(node.replicas.size()))
                        .ToText());
  }
  const Counts counts = CountEvidence(evidence);
  return JsonObject()
      .Set("evidence", arguments.file.path())
      .Set("nodes_asked", counts.nodes)
      .Set("nodes_answered", counts.answered)
      .Set("nodes_read_from_disk", counts.read_from_disk)
      .Set("replicas", counts.replicas)
      .Set("replicas_still_served", CountServing(evidence).serving)
      .SetJson("nodes", JsonArray(nodes))
      .ToLine();
}

asio::awaitable<absl::StatusOr<ExitCode>> Collect(const CollectArguments& arguments,
                                                  CommandLoop* loop, ProgressPrinter* progress) {
  Clock* const clock = &loop->clock();
  NodeList list;
  if (arguments.nodes.given() || !arguments.disks.given()) {
    METAREC_CO_ASSIGN_OR_RETURN(list, arguments.nodes.Read());
  }
  METAREC_CO_ASSIGN_OR_RETURN(CollectorOptions options, CollectorOptionsOf(arguments.nodes));
  METAREC_CO_RETURN_IF_ERROR(arguments.disks.Check());
  METAREC_CO_RETURN_IF_ERROR(arguments.file.Check());
  std::cerr << WarnOfDuplicates(list) << std::flush;
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(absl::ToUnixSeconds(clock->Now()));
  const NodeNames names = options.node_names;
  const absl::Duration identify_timeout = options.identify_timeout;
  if (!list.entries.empty()) {
    // Names that are given may be those of servers that are not asked.
    if (arguments.disks.given()) options.node_names.clear();
    METAREC_CO_ASSIGN_OR_RETURN(
        evidence, co_await CollectEvidence(std::move(list), std::move(options), clock, progress));
  }
  if (arguments.disks.given()) {
    std::string notes;
    METAREC_CO_RETURN_IF_ERROR(
        co_await arguments.disks.AddEvidence(clock, identify_timeout, &evidence, &notes));
    METAREC_CO_RETURN_IF_ERROR(NameNodes(names, &evidence));
    progress->Clear();
    std::cerr << notes << std::flush;
  }
  progress->Clear();
  EvidenceFileOptions file;
  file.overwrite = arguments.file.overwrite();
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_CO_RETURN_IF_ERROR(arguments.file.Check());
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
  const bool is_whole = counts.answered == counts.nodes && counts.folders_unusable == 0;
  co_return is_whole ? ExitCode::kDone : ExitCode::kFailed;
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
      "Only reads, from a healthy cluster too. Exit code 1 if a node did not answer, or if a "
      "folder "
      "on its disks cannot be used; the evidence file is written all the same, and says so.");
  verb.Paragraph(
      "A replica server that does not start any more still has its replicas: --data_dirs reads "
      "them from its disks. Their decrees are lower bounds, and a running replica of the same "
      "ballot comes first. If a server of NODES does not answer, what was read from its disks "
      "takes its place.");
  verb.Example("metarec collect -f recover_node_list --evidence monday.evidence");
  verb.Example("metarec collect -s rs1:34801,rs2:34801 --evidence monday.evidence.zst --overwrite");
  verb.Example(
      "metarec collect -f recover_node_list --data_dirs /ssd1/replica,/ssd2/replica --as "
      "rs4:34801 --evidence monday.evidence");
  const auto arguments = std::make_shared<CollectArguments>();
  arguments->nodes.AddTo(verb);
  arguments->disks.AddTo(verb);
  arguments->file.AddTo(verb, "--evidence");
  arguments->output.AddTo(verb);
  return [arguments] { return RunCollect(*arguments); };
}

}  // namespace metarec::tools
