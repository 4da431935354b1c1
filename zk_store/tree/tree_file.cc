#include "zk_store/tree/tree_file.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_digest.h"

namespace metarec {
namespace {

constexpr int kVersion = 1;
constexpr absl::string_view kRemedy = "export the tree again, or take an intact copy";

// Of a node's line: what NodeStat has, under ZooKeeper's own names.
struct CountField {
  const char* key;
  int32_t NodeStat::*of;
};
constexpr CountField kCounts[] = {{"version", &NodeStat::version},
                                  {"cversion", &NodeStat::child_version},
                                  {"aversion", &NodeStat::acl_version},
                                  {"children", &NodeStat::num_children}};
struct LongField {
  const char* key;
  int64_t NodeStat::*of;
};
constexpr LongField kZxids[] = {
    {"czxid", &NodeStat::czxid}, {"mzxid", &NodeStat::mzxid}, {"pzxid", &NodeStat::pzxid}};
constexpr LongField kTimes[] = {{"ctime_ms", &NodeStat::ctime_ms},
                                {"mtime_ms", &NodeStat::mtime_ms}};

// Transactions and sessions, as ZooKeeper shows them. JSON readers could not keep their 64 bits.
std::string HexText(int64_t number) {
  return absl::StrCat("0x", absl::Hex(static_cast<uint64_t>(number)));
}

std::optional<int64_t> ParseHex(absl::string_view text) {
  uint64_t number = 0;
  if (!absl::ConsumePrefix(&text, "0x") || !absl::SimpleHexAtoi(text, &number)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(number);
}

absl::string_view ParentOf(absl::string_view path) { return path.substr(0, path.rfind('/')); }

std::string Quoted(absl::string_view path) {
  return path.empty() ? "the root" : absl::StrCat("'", ShortenedInTheMiddle(Printable(path)), "'");
}

// Checks that nodes come as those of a tree do.
class TreeOrder {
 public:
  // What is wrong with `node` as the next one; "" if nothing is.
  std::string MistakeOf(const TreeNode& node) {
    std::string mistake = Compare(node);
    previous_ = node.path;
    previous_is_ephemeral_ = node.kind() == NodeKind::kEphemeral;
    began_ = true;
    return mistake;
  }

 private:
  std::string Compare(const TreeNode& node) const {
    if (!node.path.empty()) {
      if (node.path.front() != '/') return Wrong(node, "does not begin with a slash");
      for (const absl::string_view name : absl::StrSplit(node.path.substr(1), '/')) {
        if (name.empty()) return Wrong(node, "has an empty name in it");
        if (name == "." || name == "..") return Wrong(node, "has a relative name in it");
      }
    }
    if (!began_) return node.path.empty() ? "" : Wrong(node, "comes before the root");
    const int order = ComparePaths(previous_, node.path);
    if (order == 0) return Wrong(node, "is there twice");
    if (order > 0) {
      return Wrong(node, absl::StrCat("comes behind ", Quoted(previous_), ", out of order"));
    }
    const absl::string_view parent = ParentOf(node.path);
    if (!IsWithin(previous_, parent)) return Wrong(node, "is there without its parent");
    if (previous_is_ephemeral_ && previous_ == parent) {
      return Wrong(node, "is the child of an ephemeral znode, which has none");
    }
    return "";
  }

  static std::string Wrong(const TreeNode& node, absl::string_view what) {
    return absl::StrCat(Quoted(node.path), " ", what);
  }

  bool began_ = false;
  std::string previous_;
  bool previous_is_ephemeral_ = false;
};

void WriteKind(const TreeNode& node, JsonWriter* out) {
  const NodeKind kind = node.kind();
  if (kind == NodeKind::kPersistent) return;
  out->String("kind", NodeKindName(kind));
  if (kind == NodeKind::kEphemeral) out->String("owner", HexText(node.stat.ephemeral_owner));
  if (kind == NodeKind::kTtl) out->Int("ttl_ms", TtlOfOwner(node.stat.ephemeral_owner));
}

void WriteData(const TreeNode& node, JsonWriter* out) {
  if (node.null_data) {
    out->Key("data").Null();
  } else if (IsUtf8(node.data)) {
    out->String("data", node.data, JsonText::kAsIs);
  } else {
    out->String("data_base64", absl::Base64Escape(node.data));
  }
}

// Counts what passes.
class Summing {
 public:
  void Add(const TreeNode& node) {
    ++summary_.znodes;
    summary_.data_bytes += static_cast<int64_t>(node.data.size());
    if (node.kind() == NodeKind::kEphemeral) ++summary_.ephemerals;
    for (const LongField& field : kZxids) {
      summary_.zxid_max = std::max(summary_.zxid_max, node.stat.*field.of);
    }
    digest_.Add(node);
  }
  TreeSummary Finish() {
    summary_.digest = digest_.Finish();
    return summary_;
  }

 private:
  TreeSummary summary_;
  TreeDigest digest_;
};

}  // namespace

void WriteTreeNode(const TreeNode& node, TreeNodeFields fields, JsonWriter* out) {
  // Bytes that are no UTF-8 are an object with "hex" there.
  out->String("path", node.path, JsonText::kHex);
  WriteKind(node, out);
  if (fields.data) WriteData(node, out);
  if (fields.acl) {
    out->StartArray("acl");
    for (const AclEntry& entry : node.acl) out->String(AclText(entry));
    out->EndArray();
  }
  for (const CountField& field : kCounts) out->Int(field.key, node.stat.*field.of);
  for (const LongField& field : kZxids) out->String(field.key, HexText(node.stat.*field.of));
  for (const LongField& field : kTimes) out->Int(field.key, node.stat.*field.of);
}

class TreeFileWriter::File {
 public:
  File(LineWriter file, bool has_acls)
      : file_(std::move(file)),
        has_acls_(has_acls),
        append_([this](absl::string_view line) { return file_.Append(line); }),
        out_(append_) {}

  absl::Status WriteHead(const TreeHead& head) {
    out_.StartObject();
    out_.String("format", kTreeFormat);
    out_.Int("version", kVersion);
    out_.String("source", head.source);
    out_.String("root", head.root);
    out_.Int("time_ms", head.time_ms);
    out_.String("zxid", HexText(head.zxid));
    out_.Bool("acls", head.has_acls);
    out_.Bool("kinds", head.has_kinds);
    out_.EndObject();
    return out_.EndLine();
  }

  absl::Status Append(const TreeNode& node) {
    if (const std::string mistake = order_.MistakeOf(node); !mistake.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot write ", file_.path(), ": the znode ", mistake));
    }
    Sum(node);
    out_.StartObject();
    WriteTreeNode(node, {.acl = has_acls_}, &out_);
    out_.EndObject();
    return out_.EndLine();
  }

  absl::StatusOr<TreeSummary> Finish() {
    TreeSummary summary = summing_.Finish();
    out_.StartObject();
    out_.StartObject("counts");
    out_.Int("znodes", summary.znodes);
    out_.Int("ephemerals", summary.ephemerals);
    out_.Int("data_bytes", summary.data_bytes);
    out_.EndObject();
    out_.String("zxid_max", HexText(summary.zxid_max));
    out_.String("tree_digest", summary.digest);
    METAREC_RETURN_IF_ERROR(out_.EndFile());
    METAREC_RETURN_IF_ERROR(file_.Finish());
    return summary;
  }

 private:
  // As it will be read.
  void Sum(const TreeNode& node) {
    if (has_acls_ || node.acl.empty()) return summing_.Add(node);
    TreeNode without_acl = node;
    without_acl.acl.clear();
    summing_.Add(without_acl);
  }

  LineWriter file_;
  const bool has_acls_;
  const std::function<absl::Status(absl::string_view)> append_;
  JsonLineWriter out_;
  TreeOrder order_;
  Summing summing_;
};

absl::StatusOr<TreeFileWriter> TreeFileWriter::Create(const std::string& path, const TreeHead& head,
                                                      const TreeFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineWriter lines,
      LineWriter::Create(path, {.overwrite = options.overwrite,
                                .line_bytes_max = options.line_bytes_max,
                                .interrupt_descriptor = options.interrupt_descriptor}));
  auto file = std::make_unique<File>(std::move(lines), head.has_acls);
  METAREC_RETURN_IF_ERROR(file->WriteHead(head));
  return TreeFileWriter(std::move(file));
}

TreeFileWriter::TreeFileWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
TreeFileWriter::TreeFileWriter(TreeFileWriter&&) noexcept = default;
TreeFileWriter& TreeFileWriter::operator=(TreeFileWriter&&) noexcept = default;
TreeFileWriter::~TreeFileWriter() = default;

absl::Status TreeFileWriter::Append(const TreeNode& node) { return file_->Append(node); }
absl::StatusOr<TreeSummary> TreeFileWriter::Finish() { return file_->Finish(); }

asio::awaitable<absl::StatusOr<TreeSummary>> WriteTreeFile(
    TreeSource* source, std::string path, TreeFileOptions options,
    std::function<void(int64_t znodes, int64_t bytes)> on_read) {
  std::optional<TreeFileWriter> file;
  int64_t znodes = 0;
  int64_t bytes = 0;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TreeNode> nodes, co_await source->Next());
    if (!file.has_value()) {
      const TreeHead& head = source->head();
      if (nodes.empty()) {
        co_return absl::NotFoundError(absl::StrCat("there is no znode ", Printable(head.root),
                                                   " in ", head.source, "; check the path"));
      }
      METAREC_CO_ASSIGN_OR_RETURN(file, TreeFileWriter::Create(path, head, options));
    }
    if (nodes.empty()) break;
    for (const TreeNode& node : nodes) {
      METAREC_CO_RETURN_IF_ERROR(file->Append(node));
      bytes += static_cast<int64_t>(node.data.size());
    }
    znodes += static_cast<int64_t>(nodes.size());
    if (on_read) on_read(znodes, bytes);
  }
  co_return file->Finish();
}

class TreeFileReader::File {
 public:
  explicit File(LineReader file) : file_(std::move(file)), lines_(file_.path(), kRemedy) {}

  absl::Status ReadHead() {
    METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more) return NotATree("it is empty");
    if (!lines_.has_object()) return NotATree("its first line is no JSON");
    JsonFieldReader fields(lines_.root());
    const std::string format = fields.String("format");
    if (!fields.ok()) return NotATree("its first line names no format");
    if (format != kTreeFormat) {
      return NotATree(absl::StrCat("its format is '", absl::CHexEscape(Shortened(format)), "'"));
    }
    fields.Int("version", kVersion, kVersion);
    if (!fields.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_.path(), ":1: this tree file is of another version than ", kVersion,
          ", the only one that this program reads; export the tree again with this program, or use "
          "the one that wrote it"));
    }
    head_.source = fields.String("source");
    head_.root = fields.String("root");
    head_.time_ms = fields.Int("time_ms");
    head_.zxid = Hex(fields, "zxid");
    head_.has_acls = fields.Bool("acls");
    head_.has_kinds = fields.Bool("kinds");
    if (!fields.ok()) return lines_.Damaged(fields.error());
    lines_.AddToDigest(line_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<TreeNode>> ReadSome() {
    if (!error_.ok()) return error_;
    std::vector<TreeNode> nodes;
    size_t bytes = 0;
    while (!ended_ && nodes.size() < kTreeBatchNodes && bytes < kTreeBatchBytes) {
      error_ = ReadLine(&nodes);
      if (!error_.ok()) break;
      bytes += line_.size();
    }
    // What came before an error is given first.
    if (nodes.empty() && !error_.ok()) return error_;
    return nodes;
  }

  const TreeHead& head() const { return head_; }
  const TreeSummary& summary() const { return summary_; }

 private:
  absl::Status NotATree(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_.path(), ":1: not a tree file: ", what,
                                                   "; give a file that `metarec zk export` wrote"));
  }

  // Reads and parses a line; false at the end of the file.
  absl::StatusOr<bool> NextLine() {
    METAREC_ASSIGN_OR_RETURN(const bool more, file_.Next(&line_));
    if (more) lines_.Parse(line_, file_.line_was_terminated());
    return more;
  }

  absl::Status ReadLine(std::vector<TreeNode>* nodes) {
    METAREC_ASSIGN_OR_RETURN(bool more, NextLine());
    if (!more) return lines_.Truncated();
    if (!lines_.has_object()) return lines_.NotParsed("not a JSON object");
    if (!lines_.root().Find("digest")) {
      METAREC_ASSIGN_OR_RETURN(TreeNode node, ReadNode());
      nodes->push_back(std::move(node));
      return absl::OkStatus();
    }
    METAREC_RETURN_IF_ERROR(ReadEnd());
    ended_ = true;
    METAREC_ASSIGN_OR_RETURN(more, NextLine());
    return more ? lines_.Damaged("text behind the last line of the tree") : absl::OkStatus();
  }

  absl::StatusOr<TreeNode> ReadNode() {
    TreeNode node;
    JsonFieldReader fields(lines_.root());
    node.path = fields.String("path");
    ReadKind(fields, &node);
    ReadData(fields, &node);
    if (head_.has_acls) {
      for (const std::string& text : fields.Strings("acl")) {
        absl::StatusOr<AclEntry> entry = ParseAclEntry(text);
        if (!entry.ok()) fields.Fail(absl::StrCat("'acl': ", entry.status().message()));
        if (entry.ok()) node.acl.push_back(*std::move(entry));
      }
    }
    for (const CountField& field : kCounts) node.stat.*field.of = fields.Int32(field.key);
    for (const LongField& field : kZxids) node.stat.*field.of = Hex(fields, field.key);
    for (const LongField& field : kTimes) node.stat.*field.of = fields.Int(field.key);
    if (!fields.ok()) return lines_.Damaged(fields.error());
    if (const std::string mistake = order_.MistakeOf(node); !mistake.empty()) {
      return lines_.Damaged(mistake);
    }
    lines_.AddToDigest(line_);
    summing_.Add(node);
    return node;
  }

  static int64_t Hex(JsonFieldReader& fields, const char* key) {
    const std::optional<int64_t> number = ParseHex(fields.String(key));
    if (number.has_value()) return *number;
    fields.Fail(absl::StrCat("'", key, "' is no number that begins with 0x"));
    return 0;
  }

  static void ReadKind(JsonFieldReader& fields, TreeNode* node) {
    if (!fields.Find("kind")) return;
    const std::string kind = fields.String("kind");
    if (kind == NodeKindName(NodeKind::kContainer)) {
      node->stat.ephemeral_owner = OwnerOfContainer();
    } else if (kind == NodeKindName(NodeKind::kTtl)) {
      node->stat.ephemeral_owner = OwnerOfTtl(fields.Int("ttl_ms", 0, kTtlMaxMs));
    } else if (kind == NodeKindName(NodeKind::kEphemeral)) {
      node->stat.ephemeral_owner = Hex(fields, "owner");
      if (node->kind() != NodeKind::kEphemeral) fields.Fail("'owner' is no session");
    } else {
      fields.Fail("'kind' is not one of the known ones");
    }
  }

  static void ReadData(JsonFieldReader& fields, TreeNode* node) {
    if (fields.Find("data_base64")) {
      if (!absl::Base64Unescape(fields.String("data_base64"), &node->data)) {
        fields.Fail("'data_base64' is no base64");
      }
    } else if (fields.Find("data").IsNull()) {
      node->null_data = true;
    } else {
      node->data = fields.String("data");
    }
    if (node->data.size() > size_t{std::numeric_limits<int32_t>::max()}) {
      fields.Fail("the data are longer than any znode's");
      return;
    }
    node->stat.data_bytes = static_cast<int32_t>(node->data.size());
  }

  absl::Status ReadEnd() {
    JsonFieldReader end(lines_.root());
    const std::string digest = end.String("digest");
    const std::string tree_digest = end.String("tree_digest");
    const int64_t zxid_max = Hex(end, "zxid_max");
    JsonFieldReader counts(end.Find("counts"));
    const int64_t znodes = counts.Int("znodes");
    const int64_t ephemerals = counts.Int("ephemerals");
    const int64_t data_bytes = counts.Int("data_bytes");
    if (!counts.ok()) end.Fail(absl::StrCat("'counts': ", counts.error()));
    if (!end.ok()) return lines_.Damaged(end.error());
    summary_ = summing_.Finish();
    if (znodes != summary_.znodes || ephemerals != summary_.ephemerals ||
        data_bytes != summary_.data_bytes) {
      return lines_.Damaged("the counts differ from what is in the file");
    }
    METAREC_RETURN_IF_ERROR(lines_.CheckDigest(digest));
    // Somebody who made the digest of an edited file again gets here.
    if (tree_digest != summary_.digest || zxid_max != summary_.zxid_max) {
      return lines_.Damaged("'tree_digest' or 'zxid_max' differs from what is in the file");
    }
    return absl::OkStatus();
  }

  LineReader file_;
  JsonLineParser lines_;
  std::string line_;
  TreeHead head_;
  TreeOrder order_;
  Summing summing_;
  TreeSummary summary_;
  absl::Status error_;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<TreeFileReader>> TreeFileReader::Open(
    const std::string& path, const TreeFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineReader lines,
      LineReader::Open(path, {.line_bytes_max = options.line_bytes_max,
                              .interrupt_descriptor = options.interrupt_descriptor}));
  auto file = std::make_unique<File>(std::move(lines));
  METAREC_RETURN_IF_ERROR(file->ReadHead());
  return std::unique_ptr<TreeFileReader>(new TreeFileReader(std::move(file)));
}

TreeFileReader::TreeFileReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
TreeFileReader::~TreeFileReader() = default;

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> TreeFileReader::Next() {
  // A long file is no reason to let nothing else run.
  co_await Yield();
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("reading was cancelled");
  co_return ReadSome();
}

const TreeHead& TreeFileReader::head() const { return file_->head(); }
absl::StatusOr<std::vector<TreeNode>> TreeFileReader::ReadSome() { return file_->ReadSome(); }
const TreeSummary& TreeFileReader::summary() const { return file_->summary(); }

absl::StatusOr<TreeSummary> CheckTreeFile(const std::string& path, const TreeFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(const std::unique_ptr<TreeFileReader> file,
                           TreeFileReader::Open(path, options));
  for (;;) {
    METAREC_ASSIGN_OR_RETURN(const std::vector<TreeNode> nodes, file->ReadSome());
    if (nodes.empty()) return file->summary();
  }
}

}  // namespace metarec
