// The verbs that compare trees of any kind: zk diff, and zk verify, which has a file as its first
// one.

#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/cli/zk/open_side.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

// Data up to so many bytes are shown in a line about them.
constexpr size_t kShownDataBytes = 60;

struct CompareArguments {
  // With one name the first side is a file.
  CompareArguments(std::string verb_in, const char* b_name)
      : verb(std::move(verb_in)), b(SideArguments::Access::kRead, b_name) {}
  CompareArguments(std::string verb_in, const char* a_name, const char* b_name)
      : CompareArguments(std::move(verb_in), b_name) {
    a.emplace(SideArguments::Access::kRead, a_name);
  }

  std::string a_name() const { return a.has_value() ? a->name() : "file"; }
  std::string b_name() const { return b.name(); }

  const std::string verb;
  std::optional<SideArguments> a;
  std::string file;  // without `a`
  SideArguments b;
  bool ephemerals = false;
  bool no_acls = false;
  size_t differences_max = 100;
  OutputArguments output;
};

std::string DataText(const TreeNode& node) {
  if (node.null_data) return "no data";
  const std::string printable = Printable(node.data);
  if (node.data.size() <= kShownDataBytes) return absl::StrCat("\"", printable, "\"");
  return absl::StrCat(node.data.size(), " bytes");
}

// "data of /x: "1" in A, "2" in B; ...", without a newline.
std::string DescribeDifference(const TreeDifference& difference, const CompareArguments& names) {
  const std::string path =
      difference.nodes.path().empty() ? "/" : Printable(difference.nodes.path());
  std::vector<std::string> details;
  const auto both = [&](const std::string& a, const std::string& b) {
    details.push_back(absl::StrCat(a, " in ", names.a_name(), ", ", b, " in ", names.b_name()));
  };
  if (difference.missing()) details.push_back(absl::StrCat("only in ", names.a_name()));
  if (difference.extra()) details.push_back(absl::StrCat("only in ", names.b_name()));
  if (!difference.missing() && !difference.extra()) {
    const TreeNode& a = *difference.nodes.a;
    const TreeNode& b = *difference.nodes.b;
    if (difference.data && DataText(a) == DataText(b)) {
      details.push_back(absl::StrCat(DataText(a), " in both, which differ"));
    } else if (difference.data) {
      both(DataText(a), DataText(b));
    }
    if (difference.acl) both(Printable(AclText(a.acl)), Printable(AclText(b.acl)));
    if (difference.kind) {
      both(std::string(NodeKindName(a.kind())), std::string(NodeKindName(b.kind())));
    }
  }
  return absl::StrCat(absl::StrJoin(WordsOf(difference), "+"), " ", path, ": ",
                      absl::StrJoin(details, "; "));
}

// What is kept of a comparison: the first differences, as far as they are shown.
struct Compared {
  TreeDiffResult result;
  std::vector<std::string> shown;  // lines, or objects of JSON
};

std::string NodeJson(const std::optional<TreeNode>& node, bool acls) {
  if (!node.has_value()) return "null";
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  WriteTreeNode(*node, {.data = false, .acl = acls}, &out);
  out.Int("data_bytes", static_cast<int64_t>(node->data.size()));
  out.EndObject();
  return text;
}

std::string DifferenceJson(const TreeDifference& difference, bool acls) {
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  out.String("path", difference.nodes.path());
  out.Strings("differs", WordsOf(difference));
  out.Json("a", NodeJson(difference.nodes.a, acls));
  out.Json("b", NodeJson(difference.nodes.b, acls));
  out.EndObject();
  return text;
}

std::string SideText(const TreeDiffSide& side) {
  return absl::StrCat(Counted(side.znodes, "znode"), ", ", side.digest,
                      side.ephemerals_left_out > 0
                          ? absl::StrCat(" (", side.ephemerals_left_out, " ephemeral left out)")
                          : "");
}

std::string TextOf(const Compared& compared, const OpenedSide& a, const OpenedSide& b,
                   const CompareArguments& arguments) {
  const TreeDiffResult& result = compared.result;
  std::string text;
  for (const std::string& line : compared.shown) absl::StrAppend(&text, line, "\n");
  absl::StrAppend(&text, arguments.a_name(), " ", a.name(), ": ", SideText(result.a), "\n",
                  arguments.b_name(), " ", b.name(), ": ", SideText(result.b), "\n");
  if (result.equal()) {
    absl::StrAppend(&text, "equal");
  } else {
    std::vector<std::string> counts;
    for (const TreeDifferenceWay& way : TreeDifferenceWays()) {
      if (result.*way.count > 0) counts.push_back(absl::StrCat(result.*way.count, " ", way.word));
    }
    absl::StrAppend(&text, Counted(result.paths, "difference"), ": ", absl::StrJoin(counts, ", "));
    if (static_cast<int64_t>(compared.shown.size()) < result.paths) {
      absl::StrAppend(&text, " (", compared.shown.size(), " shown; --differences_max shows more)");
    }
  }
  if (!result.acls_compared) absl::StrAppend(&text, "; ACLs were not compared");
  return absl::StrCat(text, "\n");
}

void WriteSide(absl::string_view key, const OpenedSide& side, const TreeDiffSide& of,
               JsonWriter* out) {
  out->StartObject(key);
  out->String("side", side.name());
  out->Int("znodes", of.znodes);
  out->Int("ephemerals_left_out", of.ephemerals_left_out);
  out->String("tree_digest", of.digest);
  out->EndObject();
}

std::string JsonOf(const Compared& compared, const OpenedSide& a, const OpenedSide& b) {
  const TreeDiffResult& result = compared.result;
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  out.Bool("equal", result.equal());
  WriteSide("a", a, result.a, &out);
  WriteSide("b", b, result.b, &out);
  out.Bool("acls_compared", result.acls_compared);
  out.Bool("kinds_compared", result.kinds_compared);
  out.StartObject("counts");
  for (const TreeDifferenceWay& way : TreeDifferenceWays()) out.Int(way.word, result.*way.count);
  out.EndObject();
  out.Int("differences_count", result.paths);
  out.String("digest", result.digest);
  out.StartArray("differences");
  for (const std::string& difference : compared.shown) out.Json(difference);
  out.EndArray().EndObject().Newline();
  return text;
}

asio::awaitable<absl::StatusOr<std::unique_ptr<OpenedSide>>> OpenFirst(
    const CompareArguments& arguments, OpenSideOptions options, Clock* clock) {
  if (arguments.a.has_value()) co_return co_await OpenSide(*arguments.a, options, clock);
  // What a file lacks that was cut is no difference.
  options.whole_first = true;
  const SidePlace place{.hosts = {}, .path = "", .file = arguments.file};
  co_return OpenTreeFile(place, arguments.b.path(), options);
}

asio::awaitable<absl::StatusOr<ExitCode>> Compare(const CompareArguments& arguments, Clock* clock,
                                                  ProgressPrinter* progress) {
  OpenSideOptions options;
  options.acls = !arguments.no_acls;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<OpenedSide> a,
                              co_await OpenFirst(arguments, options, clock));
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<OpenedSide> b,
                              co_await OpenSide(arguments.b, options, clock));
  Compared compared;
  const bool json = arguments.output.json();
  const std::function<void(TreeDifference)> on_difference = [&](const TreeDifference& difference) {
    if (compared.shown.size() >= arguments.differences_max) return;
    compared.shown.push_back(json ? DifferenceJson(difference, options.acls)
                                  : DescribeDifference(difference, arguments));
  };
  Progress shown;
  shown.phase = Phase::kVerify;
  const std::function<void(int64_t, int64_t)> on_progress = [&](int64_t paths,
                                                                int64_t differences) {
    shown.done = paths;
    shown.failed = differences;
    progress->OnProgress(shown);
  };
  TreeDiffOptions diff;
  diff.ephemerals = arguments.ephemerals;
  diff.acls = options.acls;
  diff.a_name = absl::StrCat(arguments.a_name(), ", ", a->name());
  diff.b_name = absl::StrCat(arguments.b_name(), ", ", b->name());
  METAREC_CO_ASSIGN_OR_RETURN(
      compared.result, co_await DiffTrees(a->tree(), b->tree(), diff, on_difference, on_progress));
  progress->Clear();
  const auto is_nothing = [](const TreeDiffSide& side) {
    return side.znodes + side.ephemerals_left_out == 0;
  };
  // Two mistyped paths are not equal trees.
  if (is_nothing(compared.result.a) && is_nothing(compared.result.b)) co_return a->NothingThere();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(json ? JsonOf(compared, *a, *b)
                                                         : TextOf(compared, *a, *b, arguments)));
  for (const OpenedSide* side : {a.get(), b.get()}) PrintNotes(*side);
  if (is_nothing(compared.result.a)) std::cerr << "note: " << a->NothingThere().message() << "\n";
  if (is_nothing(compared.result.b)) std::cerr << "note: " << b->NothingThere().message() << "\n";
  co_return compared.result.equal() ? ExitCode::kDone : ExitCode::kDifferences;
}

absl::Status CheckCompareArguments(const CompareArguments& arguments) {
  if (arguments.a.has_value()) {
    METAREC_RETURN_IF_ERROR(arguments.a->Check());
  } else {
    METAREC_RETURN_IF_ERROR(
        CheckIsNoSide(arguments.file,
                      "a tree file comes first: metarec zk verify FILE SIDE. Two trees of any "
                      "kind are compared by metarec zk diff A B"));
  }
  return arguments.b.Check();
}

ExitCode RunCompare(const CompareArguments& arguments) {
  if (const absl::Status wrong = CheckCompareArguments(arguments); !wrong.ok()) {
    return Fail(arguments.verb, wrong);
  }
  CommandLoop loop;
  return loop.Run(
      arguments.verb, "nothing was changed; run the same command again",
      [&](ProgressPrinter* progress) { return Compare(arguments, &loop.clock(), progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

RunVerb DeclareCompare(Command& verb, std::shared_ptr<CompareArguments> arguments) {
  verb.AddFlag("--ephemerals", &arguments->ephemerals,
               "compare ephemeral znodes, too, which are left out otherwise");
  verb.AddFlag("--no_acls", &arguments->no_acls,
               "do not compare ACLs, if these credentials may not see them");
  verb.Add("--differences_max", &arguments->differences_max, "how many differences are shown")
      .TypeName("COUNT")
      .ShowDefault();
  arguments->output.AddTo(verb);
  return [arguments] { return RunCompare(*arguments); };
}

}  // namespace

RunVerb MakeZkDiffVerb(Command& verb) {
  verb.Paragraph(
      "Compares two trees, in one pass and in little memory: which znodes only one of them has, "
      "and where data, ACLs or kinds differ. Versions, transaction ids and times are not compared, "
      "since no copy can keep them. Exit code 2 if there are differences.");
  verb.Paragraph(
      "The digest of a tree is the same wherever it is: metarec zk export prints it, too, and "
      "metarec zk rm wants it.");
  verb.Example("metarec zk diff zk1:2181/pegasus zk9:2181/pegasus");
  verb.Example("metarec zk diff monday.jsonl.zst tuesday.jsonl.zst");
  verb.Example("metarec zk diff /var/lib/zookeeper /var/lib/zookeeper --a_at 2026-11-30T00:10:00Z",
               "what has changed since, in the files of a server that is dead");
  auto arguments = std::make_shared<CompareArguments>(absl::StrCat("zk ", verb.name()), "a", "b");
  AddSides(verb, {&*arguments->a, &arguments->b});
  return DeclareCompare(verb, std::move(arguments));
}

RunVerb MakeZkVerifyVerb(Command& verb) {
  verb.Paragraph(
      "Compares a tree with a file that metarec zk export wrote of it, or of the one that it was "
      "copied from. Exit code 2 if there are differences.");
  verb.Example("metarec zk verify pegasus.jsonl.zst zk9:2181/pegasus");
  verb.Example("metarec zk verify pegasus.jsonl.zst zk9:2181/pegasus --path /onebox/apps",
               "this part of both");
  auto arguments = std::make_shared<CompareArguments>(absl::StrCat("zk ", verb.name()), "side");
  verb.Add("file", &arguments->file, "what the tree should be, a tree file")
      .TypeName("FILE")
      .Required();
  arguments->b.set_path_help("the part that is meant, of the file and of the side");
  AddSides(verb, {&arguments->b});
  return DeclareCompare(verb, std::move(arguments));
}

}  // namespace metarec::tools
