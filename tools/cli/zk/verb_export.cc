// zk export: a tree of any kind into a tree file.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/cli/zk/open_side.h"
#include "zk_store/client/store_error.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

struct ExportArguments {
  std::string verb;
  SideArguments side{SideArguments::Access::kRead};
  NewFileArguments file{{.format = kTreeFormat, .name = "a tree file of metarec"}};
  bool no_acls = false;
  OutputArguments output;
};

std::string TextOf(const TreeSummary& summary, const OpenedSide& side,
                   const ExportArguments& arguments) {
  return absl::StrCat(
      side.name(), ": ", Counted(summary.znodes, "znode"),
      summary.ephemerals > 0 ? absl::StrCat(" (", summary.ephemerals, " ephemeral)") : "", ", ",
      Counted(summary.data_bytes, "byte"), " of data; written to ",
      ShellWord(arguments.file.path()), "\ntree digest ", summary.digest, "\n");
}

std::string JsonOf(const TreeSummary& summary, const OpenedSide& side,
                   const ExportArguments& arguments) {
  return JsonObject()
      .Set("side", side.name())
      .Set("file", arguments.file.path())
      .Set("znodes", summary.znodes)
      .Set("ephemerals", summary.ephemerals)
      .Set("data_bytes", summary.data_bytes)
      .Set("acls", !arguments.no_acls)
      .Set("tree_digest", summary.digest)
      .SetJson("data_directory", side.DataDirectoryJson())
      .ToLine();
}

asio::awaitable<absl::StatusOr<ExitCode>> Export(const ExportArguments& arguments,
                                                 CommandLoop* loop, ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(arguments.file.Check());
  OpenSideOptions options;
  options.acls = !arguments.no_acls;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<OpenedSide> side,
                              co_await OpenSide(arguments.side, options, &loop->clock()));
  TreeFileOptions file;
  file.overwrite = arguments.file.overwrite();
  file.interrupt_descriptor = InterruptSignals::descriptor();
  Progress shown;
  shown.phase = Phase::kRead;
  const std::function<void(int64_t, int64_t)> on_read = [&](int64_t znodes, int64_t) {
    shown.done = znodes;
    progress->OnProgress(shown);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeSummary summary,
      co_await WriteTreeFile(side->tree(), arguments.file.path(), file, on_read));
  progress->Clear();
  CommandLoop::AfterInterruption written(
      "the tree file is written; only its summary was not printed");
  written.same_command = false;
  loop->SetAfterInterruption(written);
  const absl::Status printed =
      arguments.output.Print(arguments.output.json() ? JsonOf(summary, *side, arguments)
                                                     : TextOf(summary, *side, arguments));
  if (!printed.ok()) {
    co_return Annotate(printed, absl::StrCat("; ", arguments.file.path(), " is written"));
  }
  PrintNotes(*side);
  co_return ExitCode::kDone;
}

absl::Status CheckExportArguments(const ExportArguments& arguments) {
  METAREC_RETURN_IF_ERROR(
      CheckIsNoSide(arguments.file.path(),
                    "zk export writes a file: metarec zk export SIDE FILE. Into a running "
                    "ZooKeeper write metarec zk copy and metarec zk import"));
  return arguments.side.Check();
}

ExitCode RunExport(const ExportArguments& arguments) {
  if (const absl::Status wrong = CheckExportArguments(arguments); !wrong.ok()) {
    return Fail(arguments.verb, wrong);
  }
  CommandLoop loop;
  return loop.Run(
      arguments.verb, "nothing was written; run the same command again",
      [&](ProgressPrinter* progress) { return Export(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeZkExportVerb(Command& verb) {
  verb.Paragraph(
      "Writes a tree into a file that metarec zk can read, copy from and compare with, and that "
      "people and diff can read, too: one line of JSON for each znode, with its data, its ACL and "
      "its versions. Only reads the tree, which may be in use meanwhile; then the file has no "
      "single moment.");
  verb.Example("metarec zk export zk1:2181,zk2:2181/pegasus pegasus.jsonl.zst");
  verb.Example("metarec zk export zk1:2181/ all.jsonl", "all of a ZooKeeper, but /zookeeper");
  verb.Example("metarec zk export /var/lib/zookeeper all.jsonl.zst",
               "from the files of a server that is dead");
  const auto arguments = std::make_shared<ExportArguments>();
  arguments->verb = absl::StrCat("zk ", verb.name());
  AddSides(verb, {&arguments->side});
  arguments->file.AddTo(verb, "file");
  verb.AddFlag("--no_acls", &arguments->no_acls,
               "leave the ACLs out, if these credentials may not see them");
  arguments->output.AddTo(verb);
  return [arguments] { return RunExport(*arguments); };
}

}  // namespace metarec::tools
