// The verbs that write a tree into a running ZooKeeper: zk copy from anywhere, zk import from a
// file.

#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/cli/zk/open_side.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"

namespace metarec::tools {
namespace {

// Ephemeral znodes and steps of which a line is shown.
constexpr size_t kLinesMax = 1000;

struct CopyArguments {
  std::string verb;
  bool is_import = false;
  SideArguments from{SideArguments::Access::kRead, "from"};
  SideArguments to{SideArguments::Access::kCreate, "to"};
  std::string acl_map_file;
  bool update = false;
  bool delete_extra = false;
  bool dry_run = false;
  bool plain_kinds = false;
  int32_t passes_max = 10;
  OutputArguments output;
};

// A tree that tells what it has left out, once it is read.
class TellingTree final : public TreeSource {
 public:
  // `tree` lives in `owner`. `*told` must outlive this.
  TellingTree(std::shared_ptr<void> owner, TreeSource* tree, std::function<std::string()> left_out,
              std::string* told)
      : owner_(std::move(owner)), tree_(tree), left_out_(std::move(left_out)), told_(told) {}
  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override {
    absl::StatusOr<std::vector<TreeNode>> nodes = co_await tree_->Next();
    if (nodes.ok() && nodes->empty()) *told_ = left_out_();
    co_return nodes;
  }
  const TreeHead& head() const override { return tree_->head(); }

 private:
  const std::shared_ptr<void> owner_;
  TreeSource* const tree_;
  const std::function<std::string()> left_out_;
  std::string* const told_;
};

// What is shown line by line, as far as it is shown.
struct Lines {
  std::vector<std::string> shown;
  int64_t count = 0;

  void Add(std::string line) {
    if (++count <= static_cast<int64_t>(kLinesMax)) shown.push_back(std::move(line));
  }
};

struct Copied {
  TreeCopyResult result;
  Lines ephemerals;  // in JSON: objects
  Lines steps;       // of a dry run
  // Of a source that is no running ZooKeeper.
  std::string data_directory_json = "null";
  std::string left_out;
};

std::string RelativePath(const std::string& path) { return path.empty() ? "/" : Printable(path); }

absl::StatusOr<AclMap> ReadAclMap(const std::string& file) {
  if (file.empty()) return AclMap();
  const absl::StatusOr<std::string> text =
      ReadTextFile(file, AclMap::kTextBytesMax, InterruptSignals::descriptor());
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat("--acl_map: ", text.status().message()));
  }
  absl::StatusOr<AclMap> map = AclMap::Parse(*text);
  if (map.ok()) return map;
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", map.status().message()));
}

absl::StatusOr<TreeCopyOptions> OptionsOf(const CopyArguments& arguments) {
  TreeCopyOptions options;
  switch (arguments.to.acl()) {
    case SideArguments::AclChoice::kKeep:
      options.acl = CopiedAcl::kKeep;
      break;
    case SideArguments::AclChoice::kOpen:
      options.acl = CopiedAcl::kOpen;
      break;
    case SideArguments::AclChoice::kCreator:
      options.acl = CopiedAcl::kCreator;
      break;
  }
  if (!arguments.acl_map_file.empty() && options.acl != CopiedAcl::kKeep) {
    return absl::InvalidArgumentError("--acl_map is for --acl keep");
  }
  METAREC_ASSIGN_OR_RETURN(options.acl_map, ReadAclMap(arguments.acl_map_file));
  options.update = arguments.update;
  options.delete_extra = arguments.delete_extra;
  options.dry_run = arguments.dry_run;
  options.plain_kinds = arguments.plain_kinds;
  options.passes_max = arguments.passes_max;
  return options;
}

// Of files that have changed since they were read.
absl::Status WithRemedy(const absl::Status& unchanged) {
  if (!absl::IsAborted(unchanged)) return unchanged;
  return Annotate(unchanged,
                  ". The same command goes on with an unfinished copy only if the files still hold "
                  "the same tree; metarec zk rm deletes that copy");
}

// `store` is the session with the source, if it is a running ZooKeeper.
CopyFrom MakeSource(const CopyArguments& arguments, MetaStore* store, Clock* clock, Copied* copied,
                    ProgressPrinter* progress) {
  const SidePlace place = arguments.from.place();
  const std::string below = arguments.from.path();
  CopyFrom from;
  from.name = absl::StrCat(place.ToText(), below.empty() ? "" : absl::StrCat(" at ", below));
  from.store = store;
  if (store == nullptr) {
    // A dead server's files, and a tree file, are read once, and stay as they are.
    const auto kept = std::make_shared<std::shared_ptr<OpenedSide>>();
    const auto tell = [kept, copied] {
      return std::make_unique<TellingTree>(
          *kept, (*kept)->tree(), [opened = kept->get()] { return opened->LeftOut(); },
          &copied->left_out);
    };
    from.open = [&arguments, clock, copied, progress, kept,
                 tell](bool acls) -> asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> {
      if (*kept != nullptr) {
        METAREC_CO_RETURN_IF_ERROR(WithRemedy((*kept)->Reopen()));
        co_return tell();
      }
      OpenSideOptions options;
      options.acls = acls;
      options.whole_first = true;
      METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<OpenedSide> side,
                                  co_await OpenSide(arguments.from, options, clock));
      // Before anything is written: what tree it is that a data directory has.
      progress->Clear();
      std::cerr << side->Report() << std::flush;
      copied->data_directory_json = side->DataDirectoryJson();
      *kept = std::move(side);
      co_return tell();
    };
    from.check_unchanged = [kept] { return WithRemedy((*kept)->CheckUnchanged()); };
    return from;
  }
  from.root = JoinPaths(place.path, below);
  from.open = [store, clock, copied, root = from.root, name = from.name](
                  bool acls) -> asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> {
    LiveTreeOptions options;
    options.source = name;
    options.read_acls = acls;
    options.ahead_bytes_max = kCopyAheadBytesMax;
    const auto tree = std::make_shared<LiveTree>(store, clock, root, std::move(options));
    co_return std::make_unique<TellingTree>(
        tree, tree.get(), [live = tree.get(), name] { return LeftOutOf(*live, name); },
        &copied->left_out);
  };
  return from;
}

std::string CountsText(const TreeWriterStats& written, bool dry_run) {
  return absl::StrCat(dry_run ? "would create " : "created ", written.created, ", set ",
                      written.set, ", set the ACLs of ", written.acls_set,
                      dry_run ? ", delete " : ", deleted ", written.deleted);
}

std::string TextOf(const Copied& copied, const std::string& from, const std::string& to,
                   bool dry_run) {
  const TreeCopyResult& result = copied.result;
  std::string text;
  const auto add_lines = [&text](const Lines& lines) {
    for (const std::string& line : lines.shown) absl::StrAppend(&text, line, "\n");
    const int64_t more = lines.count - static_cast<int64_t>(lines.shown.size());
    if (more > 0) absl::StrAppend(&text, "and ", more, " more\n");
  };
  add_lines(copied.steps);
  add_lines(copied.ephemerals);
  if (result.ephemerals > 0) {
    absl::StrAppend(&text, Counted(result.ephemerals, "ephemeral znode"),
                    " not copied, since those belong to their sessions\n");
  }
  if (result.made_plain > 0) {
    absl::StrAppend(&text, Counted(result.made_plain, "container or TTL znode"),
                    " made persistent\n");
  }
  if (result.system_znodes > 0) {
    absl::StrAppend(&text, Counted(result.system_znodes, "znode"),
                    " at and below /zookeeper not copied: in ", to, " that is ZooKeeper's own\n");
  }
  if (result.extra.count > 0) {
    absl::StrAppend(&text, Counted(result.extra.count, "znode"), " only in ", to, ": ",
                    result.extra.ToText(), " (--delete deletes what is extra)\n");
  }
  if (result.target_ephemerals > 0) {
    absl::StrAppend(&text, Counted(result.target_ephemerals, "ephemeral znode"), " in ", to,
                    " left alone\n");
  }
  absl::StrAppend(&text, from, ": ", Counted(result.znodes, "znode"), ", ",
                  Counted(result.data_bytes, "byte"), " of data\n", to, ": ",
                  CountsText(result.written, dry_run), "\n");
  if (dry_run) return absl::StrCat(text, "nothing was written\n");
  absl::StrAppend(&text, result.extra.count > 0 ? "copied; what is extra differs" : "equal",
                  ", read back after ", result.passes, result.passes == 1 ? " pass" : " passes",
                  result.resumed ? ", gone on with an earlier run" : "", "; tree digest ",
                  result.digest, "\n");
  return text;
}

std::string JsonOf(const Copied& copied, const std::string& from, const std::string& to,
                   bool dry_run) {
  const TreeCopyResult& result = copied.result;
  std::vector<std::string> extra;
  for (const std::string& path : result.extra.first) extra.push_back(JsonString(path));
  return JsonObject()
      .Set("from", from)
      .Set("to", to)
      .Set("dry_run", dry_run)
      .Set("equal", !dry_run && result.extra.count == 0)
      .Set("znodes", result.znodes)
      .Set("data_bytes", result.data_bytes)
      .Set("created", result.written.created)
      .Set("set", result.written.set)
      .Set("acls_set", result.written.acls_set)
      .Set("deleted", result.written.deleted)
      .Set("ephemerals", result.ephemerals)
      .SetJson("ephemerals_seen", JsonArray(copied.ephemerals.shown))
      .Set("made_plain", result.made_plain)
      .Set("system_znodes", result.system_znodes)
      .Set("extra", result.extra.count)
      .SetJson("extra_first", JsonArray(extra))
      .Set("target_ephemerals", result.target_ephemerals)
      .Set("passes", static_cast<int64_t>(result.passes))
      .Set("resumed", result.resumed)
      .SetJson("steps", JsonArray(copied.steps.shown))
      .Set("steps_count", copied.steps.count)
      .Set("run", result.run)
      .Set("tree_digest", result.digest)
      .SetJson("data_directory", copied.data_directory_json)
      .ToLine();
}

CopyEvents EventsInto(Copied* copied, const CopyArguments& arguments, ProgressPrinter* progress) {
  const bool json = arguments.output.json();
  CopyEvents events;
  if (arguments.dry_run) {
    events.on_step = [copied, json](const CopyStep& step) {
      copied->steps.Add(
          json ? JsonObject().Set("step", CopyStepName(step.kind)).Set("path", step.path).ToText()
               : absl::StrCat(CopyStepName(step.kind), " ", RelativePath(step.path)));
    };
  }
  events.on_ephemeral = [copied, json](const std::string& path, int64_t session) {
    const std::string owner = absl::StrFormat("0x%x", static_cast<uint64_t>(session));
    copied->ephemerals.Add(
        json ? JsonObject().Set("path", path).Set("session", owner).ToText()
             : absl::StrCat("ephemeral ", RelativePath(path), " of session ", owner));
  };
  events.on_progress = [progress, dry_run = arguments.dry_run](const CopyProgress& copy) {
    Progress shown;
    shown.phase = copy.activity == "check" ? Phase::kVerify
                  : dry_run                ? Phase::kRead
                                           : Phase::kWrite;
    shown.done = copy.znodes;
    // What is being copied may have grown since it was counted.
    shown.total = copy.total >= copy.znodes ? copy.total : 0;
    if (copy.pass > 1) shown.note = absl::StrCat("pass ", copy.pass);
    progress->OnProgress(shown);
  };
  return events;
}

asio::awaitable<absl::StatusOr<ExitCode>> CopySides(const CopyArguments& arguments,
                                                    CommandLoop* loop, ProgressPrinter* progress) {
  METAREC_CO_ASSIGN_OR_RETURN(TreeCopyOptions options, OptionsOf(arguments));
  const SidePlace place = arguments.to.place();
  std::unique_ptr<MetaStore> source;
  if (!arguments.from.place().is_file()) {
    METAREC_CO_ASSIGN_OR_RETURN(source, co_await arguments.from.Open(&loop->clock()));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> target,
                              co_await arguments.to.Open(&loop->clock()));
  Copied copied;
  CopyFrom from = MakeSource(arguments, source.get(), &loop->clock(), &copied, progress);
  CopyInto into{target.get(), place.path, place.ToText()};
  const std::string from_name = from.name;
  CopyEvents events = EventsInto(&copied, arguments, progress);
  METAREC_CO_ASSIGN_OR_RETURN(
      copied.result, co_await CopyTree(std::move(from), std::move(into), std::move(options),
                                       std::move(events), &loop->clock()));
  progress->Clear();
  std::cerr << copied.left_out << std::flush;
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(
      arguments.output.json() ? JsonOf(copied, from_name, place.ToText(), arguments.dry_run)
                              : TextOf(copied, from_name, place.ToText(), arguments.dry_run)));
  const bool is_pending = arguments.dry_run && copied.steps.count > 0;
  co_return is_pending || copied.result.extra.count > 0 ? ExitCode::kDifferences : ExitCode::kDone;
}

absl::Status CheckArguments(const CopyArguments& arguments) {
  METAREC_RETURN_IF_ERROR(arguments.from.Check());
  METAREC_RETURN_IF_ERROR(arguments.to.Check());
  if (arguments.to.place().is_file()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "to: ", arguments.to.place().ToText(),
        " is a file or a folder, which cannot be copied into; ",
        arguments.from.place().is_file()
            ? "give HOST:PORT,.../PATH"
            : "metarec zk export FROM FILE writes one, and metarec zk import FILE TO is the other "
              "way round"));
  }
  if (arguments.is_import && !arguments.from.place().is_file()) {
    return absl::InvalidArgumentError(
        "from: zk import reads a tree file or a data directory; metarec zk copy copies from "
        "another ZooKeeper");
  }
  if (arguments.delete_extra && !arguments.update) {
    return absl::InvalidArgumentError("--delete is for --update");
  }
  return CheckApart(arguments.from, arguments.to);
}

ExitCode RunCopy(const CopyArguments& arguments) {
  if (const absl::Status wrong = CheckArguments(arguments); !wrong.ok()) {
    return Fail(arguments.verb, wrong);
  }
  CommandLoop loop;
  const CommandLoop::AfterInterruption after(
      arguments.dry_run ? "nothing was written"
                        : "the target is unfinished, and says so in metarec_tree_journal; the same "
                          "command goes on with it",
      /*does_write=*/!arguments.dry_run);
  return loop.Run(
      arguments.verb, after,
      [&](ProgressPrinter* progress) { return CopySides(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

RunVerb MakeCopy(Command& verb, bool is_import) {
  const auto arguments = std::make_shared<CopyArguments>();
  arguments->verb = absl::StrCat("zk ", verb.name());
  arguments->is_import = is_import;
  AddSides(verb, {&arguments->from, &arguments->to});
  verb.Add("--acl_map", &arguments->acl_map_file,
           "file with one line for each identity of the source's ACLs and what it is in the "
           "target: digest:old:hash digest:new:hash")
      .TypeName("FILE");
  verb.AddFlag("--update", &arguments->update,
               "make a target that is there what the source is; without it, it must be absent or "
               "empty");
  verb.AddFlag("--delete", &arguments->delete_extra,
               "with --update: delete what is only in the target");
  verb.AddFlag("--dry_run", &arguments->dry_run, "list each change, and write nothing");
  verb.AddFlag("--plain_kinds", &arguments->plain_kinds,
               "make containers and TTL znodes persistent ones");
  verb.Add("--passes", &arguments->passes_max,
           "how often to copy again what changed meanwhile, until it is still")
      .TypeName("N")
      .ShowDefault()
      .Between(1, 1000);
  arguments->output.AddTo(verb);
  return [arguments] { return RunCopy(*arguments); };
}

}  // namespace

RunVerb MakeZkCopyVerb(Command& verb) {
  verb.Paragraph(
      "Copies a tree into a running ZooKeeper, with its ACLs, and reads both back: exit code 0 "
      "means that they are equal, and that the source was still from the last pass on. Ephemeral "
      "znodes are not copied, since they belong to a session. A copy that was interrupted is "
      "marked, and the same command goes on with it.");
  verb.Example("metarec zk copy zk1:2181/pegasus zk2:2181/pegasus");
  verb.Example("metarec zk copy zk1:2181/pegasus zk2:2181/pegasus --update --delete --dry_run",
               "what would change in a target that is there");
  verb.Example("metarec zk copy ./version-2 zk2:2181/ --acl open",
               "from the data directory of a server that is dead");
  return MakeCopy(verb, /*is_import=*/false);
}

RunVerb MakeZkImportVerb(Command& verb) {
  verb.Paragraph(
      "Copies a tree file, as zk export writes it, or a data directory into a running ZooKeeper, "
      "as zk copy does.");
  verb.Example("metarec zk import pegasus.jsonl.zst zk2:2181/pegasus");
  verb.Example("metarec zk import pegasus.jsonl.zst zk2:2181/pegasus --update --delete --dry_run",
               "what would change to make it again what the file says");
  return MakeCopy(verb, /*is_import=*/true);
}

}  // namespace metarec::tools
