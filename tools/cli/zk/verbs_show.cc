// The verbs that show znodes of a tree of any kind: zk ls, zk cat, zk tree.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <unistd.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/cli/zk/open_side.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

constexpr char kUnchanged[] = "nothing was changed; run the same command again";

// Bytes that are no UTF-8 are told apart in JSON, as in tree files.
constexpr JsonStyle kJson = {.text = JsonText::kHex};

// What the three verbs have in common.
struct ShowArguments {
  SideArguments side{SideArguments::Access::kRead};
  OutputArguments output;
  bool long_format = false;
  bool recursive = false;
  bool stat = false;
  int32_t depth = 1;
};

using Show = asio::awaitable<absl::StatusOr<std::string>> (*)(const ShowArguments& arguments,
                                                              const OpenedSide& side,
                                                              ProgressPrinter* progress);

asio::awaitable<absl::StatusOr<ExitCode>> ShowSide(const ShowArguments& arguments,
                                                   OpenSideOptions options, Show show, Clock* clock,
                                                   ProgressPrinter* progress) {
  options.earlier_will_do = true;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<OpenedSide> side,
                              co_await OpenSide(arguments.side, options, clock));
  METAREC_CO_ASSIGN_OR_RETURN(const std::string text, co_await show(arguments, *side, progress));
  progress->Clear();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(text));
  PrintNotes(*side);
  co_return ExitCode::kDone;
}

ExitCode RunShow(const std::string& verb, const ShowArguments& arguments,
                 const OpenSideOptions& options, Show show) {
  if (const absl::Status wrong = arguments.side.Check(); !wrong.ok()) return Fail(verb, wrong);
  CommandLoop loop;
  return loop.Run(
      verb, kUnchanged,
      [&](ProgressPrinter* progress) {
        return ShowSide(arguments, options, show, &loop.clock(), progress);
      },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

// --at takes it, too.
std::string WhenText(int64_t unix_ms) { return UtcText(absl::FromUnixMillis(unix_ms)); }

// "persistent", "ephemeral of 0x1000...", "ttl 5000 ms".
std::string KindText(const TreeNode& node) {
  std::string text(NodeKindName(node.kind()));
  if (node.kind() == NodeKind::kEphemeral) {
    absl::StrAppend(&text, " of 0x", absl::Hex(static_cast<uint64_t>(node.stat.ephemeral_owner)));
  }
  if (node.kind() == NodeKind::kTtl) {
    absl::StrAppend(&text, " ", TtlOfOwner(node.stat.ephemeral_owner), " ms");
  }
  return text;
}

// zk ls

std::string LineOf(const TreeNode& node, bool long_format) {
  const std::string name = Printable(absl::string_view(node.path).substr(1));
  if (!long_format) return absl::StrCat(name, "\n");
  return absl::StrFormat("%-10s %8d %10d %7d  %s  %s\n", NodeKindName(node.kind()),
                         node.stat.num_children, node.stat.data_bytes, node.stat.version,
                         WhenText(node.stat.mtime_ms), name);
}

asio::awaitable<absl::StatusOr<std::string>> List(const ShowArguments& arguments,
                                                  const OpenedSide& side,
                                                  ProgressPrinter* progress) {
  const bool json = arguments.output.json();
  std::string text;
  JsonWriter out(&text, kJson);
  if (json) {
    out.StartObject();
    out.String("side", side.name());
    out.StartArray("znodes");
  } else if (arguments.long_format) {
    text = absl::StrFormat("%-10s %8s %10s %7s  %-23s  %s\n", "KIND", "CHILDREN", "BYTES",
                           "VERSION", "MODIFIED", "NAME");
  }
  // Named: see base/runtime/cancellation.h.
  const std::function<void(TreeNode)> on_node = [&](const TreeNode& node) {
    const bool is_listed =
        !node.path.empty() && (arguments.recursive || node.path.find('/', 1) == std::string::npos);
    if (!is_listed) return;
    if (!json) {
      text += LineOf(node, arguments.long_format);
      return;
    }
    out.StartObject();
    WriteTreeNode(node, {.data = false, .acl = false}, &out);
    out.Int("data_bytes", node.stat.data_bytes);
    out.EndObject();
  };
  METAREC_CO_RETURN_IF_ERROR(co_await ReadToEnd(side, progress, on_node));
  if (json) out.EndArray().EndObject().Newline();
  co_return text;
}

// zk cat

std::string StatText(const TreeNode& node, bool has_acl) {
  const NodeStat& stat = node.stat;
  const auto hex = [](int64_t number) {
    return absl::StrCat("0x", absl::Hex(static_cast<uint64_t>(number)));
  };
  return absl::StrCat("kind:     ", KindText(node), "\nbytes:    ", stat.data_bytes,
                      node.null_data ? " (no data)" : "", "\nchildren: ", stat.num_children,
                      "\nversion:  ", stat.version, "\ncversion: ", stat.child_version,
                      "\naversion: ", stat.acl_version, "\ncreated:  ", WhenText(stat.ctime_ms),
                      ", ", hex(stat.czxid), "\nmodified: ", WhenText(stat.mtime_ms), ", ",
                      hex(stat.mzxid), "\npzxid:    ", hex(stat.pzxid),
                      has_acl ? absl::StrCat("\nacl:      ", Printable(AclText(node.acl))) : "",
                      "\n");
}

asio::awaitable<absl::StatusOr<std::string>> Cat(const ShowArguments& arguments,
                                                 const OpenedSide& side,
                                                 ProgressPrinter* progress) {
  std::optional<TreeNode> root;
  const std::function<void(TreeNode)> on_node = [&root](TreeNode node) {
    if (node.path.empty()) root = std::move(node);
  };
  METAREC_CO_RETURN_IF_ERROR(co_await ReadToEnd(side, progress, on_node));
  if (!root.has_value()) co_return side.NothingThere();
  const bool has_acl = side.tree()->head().has_acls;
  if (arguments.output.json()) {
    std::string text;
    JsonWriter out(&text, kJson);
    out.StartObject();
    out.String("side", side.name());
    WriteTreeNode(*root, {.data = true, .acl = has_acl}, &out);
    out.EndObject().Newline();
    co_return text;
  }
  if (arguments.stat) co_return StatText(*root, has_acl);
  // A terminal is not to obey what a znode holds; everybody else gets the bytes.
  const bool to_terminal = arguments.output.file().empty() && ::isatty(STDOUT_FILENO) == 1;
  co_return to_terminal ? absl::StrCat(PrintableLines(root->data), "\n") : root->data;
}

// zk tree

struct Sum {
  std::string path;
  int64_t znodes = 0;
  int64_t data_bytes = 0;
  int64_t ephemerals = 0;

  void Add(const Sum& other) {
    znodes += other.znodes;
    data_bytes += other.data_bytes;
    ephemerals += other.ephemerals;
  }
};

// Sums of the znodes down to a depth, each behind what is below it, as du has them. Only the
// ancestors of the present znode are held.
class Sums {
 public:
  Sums(int32_t depth_max, std::function<void(const Sum&)> on_sum)
      : depth_max_(depth_max), on_sum_(std::move(on_sum)) {}

  void Add(const TreeNode& node) {
    while (!open_.empty() && !IsWithin(node.path, open_.back().path)) Close();
    const auto depth = std::count(node.path.begin(), node.path.end(), '/');
    if (depth <= depth_max_) open_.push_back({.path = node.path});
    open_.back().Add({.path = "",
                      .znodes = 1,
                      .data_bytes = static_cast<int64_t>(node.data.size()),
                      .ephemerals = node.kind() == NodeKind::kEphemeral ? 1 : 0});
  }
  void Finish() {
    while (!open_.empty()) Close();
  }

 private:
  void Close() {
    const Sum sum = std::move(open_.back());
    open_.pop_back();
    if (!open_.empty()) open_.back().Add(sum);
    on_sum_(sum);
  }

  const int64_t depth_max_;
  const std::function<void(const Sum&)> on_sum_;
  std::vector<Sum> open_;
};

asio::awaitable<absl::StatusOr<std::string>> SumUp(const ShowArguments& arguments,
                                                   const OpenedSide& side,
                                                   ProgressPrinter* progress) {
  const bool json = arguments.output.json();
  std::string text;
  JsonWriter out(&text, kJson);
  if (json) {
    out.StartObject();
    out.String("side", side.name());
    out.StartArray("sums");
  } else {
    text = absl::StrFormat("%10s %14s  %s\n", "ZNODES", "BYTES", "PATH");
  }
  Sums sums(arguments.depth, [&](const Sum& sum) {
    if (!json) {
      absl::StrAppendFormat(&text, "%10d %14d  %s\n", sum.znodes, sum.data_bytes,
                            sum.path.empty() ? "total" : Printable(sum.path));
      return;
    }
    out.StartObject();
    out.String("path", sum.path);
    out.Int("znodes", sum.znodes);
    out.Int("ephemerals", sum.ephemerals);
    out.Int("data_bytes", sum.data_bytes);
    out.EndObject();
  });
  const std::function<void(TreeNode)> on_node = [&sums](const TreeNode& node) { sums.Add(node); };
  METAREC_CO_RETURN_IF_ERROR(co_await ReadToEnd(side, progress, on_node));
  sums.Finish();
  if (json) out.EndArray().EndObject().Newline();
  co_return text;
}

}  // namespace

RunVerb MakeZkLsVerb(Command& verb) {
  verb.Paragraph("Lists the children of a znode, one a line, in the order of their names' bytes.");
  verb.Example("metarec zk ls zk1:2181/pegasus/onebox/apps");
  verb.Example("metarec zk ls -l tree.jsonl.zst --path /apps", "of a file, with sizes and times");
  verb.Example("metarec zk ls /var/lib/zookeeper --path /pegasus --at 2026-11-30T00:10:00Z",
               "of a server that is dead, as it was then");
  const auto arguments = std::make_shared<ShowArguments>();
  AddSides(verb, {&arguments->side});
  verb.AddFlag("-l,--long", &arguments->long_format,
               "kind, number of children, bytes of data, version and time of the last change");
  verb.AddFlag("-R,--recursive", &arguments->recursive, "everything below, by path");
  arguments->output.AddTo(verb);
  return [arguments, name = absl::StrCat("zk ", verb.name())] {
    OpenSideOptions options;
    options.acls = false;
    if (!arguments->recursive) options.depth_max = 1;
    return RunShow(name, *arguments, options, &List);
  };
}

RunVerb MakeZkCatVerb(Command& verb) {
  verb.Paragraph(
      "Prints the data of a znode, byte for byte and with nothing behind it. A terminal gets what "
      "it could obey as \\xNN.");
  verb.Example("metarec zk cat zk1:2181/pegasus/onebox/apps/2");
  verb.Example("metarec zk cat --stat tree.jsonl --path /apps", "versions, times and ACL instead");
  const auto arguments = std::make_shared<ShowArguments>();
  AddSides(verb, {&arguments->side});
  verb.AddFlag("--stat", &arguments->stat, "what ZooKeeper says of the znode, instead of its data");
  arguments->output.AddTo(verb);
  return [arguments, name = absl::StrCat("zk ", verb.name())] {
    OpenSideOptions options;
    options.depth_max = 0;
    // An ACL that may not be seen is no reason not to show the data.
    options.acls = arguments->stat || arguments->output.json();
    return RunShow(name, *arguments, options, &Cat);
  };
}

RunVerb MakeZkTreeVerb(Command& verb) {
  verb.Paragraph(
      "Counts znodes and bytes of data, of each child with all that is below it, and of all, as du "
      "does.");
  verb.Example("metarec zk tree zk1:2181/pegasus/onebox/apps");
  verb.Example("metarec zk tree zk1:2181/ --depth 2 | sort -n", "what is most");
  const auto arguments = std::make_shared<ShowArguments>();
  AddSides(verb, {&arguments->side});
  verb.Add("--depth", &arguments->depth, "how many levels to show sums of; 0 is the total alone")
      .TypeName("LEVELS")
      .Between(0, 1000)
      .ShowDefault();
  arguments->output.AddTo(verb);
  return [arguments, name = absl::StrCat("zk ", verb.name())] {
    OpenSideOptions options;
    options.acls = false;
    return RunShow(name, *arguments, options, &SumUp);
  };
}

}  // namespace metarec::tools
