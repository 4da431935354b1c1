#include "migration/tables/copy_state_file.h"

#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

constexpr char kKind[] = "metarec_table_copy";
constexpr char kBeginning[] = R"({"kind":"metarec_table_copy",)";
constexpr char kRemedy[] = "remove it to copy from the beginning";
constexpr size_t kStatePartitionsMax = 1 << 20;
constexpr size_t kLineBytesMax = 64 << 20;  // a long key

absl::Status CheckScope(const std::string& path, const JsonValue& header, const CopyScope& scope) {
  const JsonValue stored = header.Find("scope");
  for (const auto& [name, value] : scope) {
    const std::optional<std::string> old = stored.Find(name).Bytes();
    if (old == value) continue;
    return MarkedError(
        ErrorMark::kRefused,
        absl::StrCat(path, " is of another copy: ", name, " was ",
                     old ? Printable(*old) : "not known", " and is ", Printable(value),
                     ". Give the same options, or another --state file, or ", kRemedy));
  }
  return absl::OkStatus();
}

// Nobody is to remove a file of another kind to copy from the beginning.
absl::Status AnotherFile(const std::string& path) {
  return MarkedError(
      ErrorMark::kRefused,
      absl::StrCat(path, ":1: not the state of a table copy; give another --state FILE"));
}

absl::StatusOr<CopyPosition> PositionOf(const JsonLineParser& parser) {
  JsonFieldReader fields(parser.root());
  CopyPosition position;
  position.is_done = fields.Bool("done");
  position.rows = fields.Int("rows", 0);
  if (fields.Find("last")) {
    absl::StatusOr<RowKey> last =
        RowKey::FromEncoded(absl::HexStringToBytes(fields.String("last")));
    if (!last.ok()) return parser.Damaged(last.status().message());
    position.last = *std::move(last);
  }
  if (!fields.ok()) return parser.Damaged(fields.error());
  return position;
}

}  // namespace

absl::Status WriteCopyState(const std::string& path, const CopyScope& scope,
                            const std::vector<CopyPosition>& positions) {
  LineWriterOptions options;
  options.overwrite = true;
  options.line_bytes_max = kLineBytesMax;
  METAREC_ASSIGN_OR_RETURN(LineWriter file, LineWriter::Create(path, options));
  const auto sink = [&file](absl::string_view line) { return file.Append(line); };
  JsonLineWriter out(sink);
  out.StartObject();
  out.String("kind", kKind).Object("scope", scope);
  out.Int("partitions", static_cast<int64_t>(positions.size())).EndObject();
  METAREC_RETURN_IF_ERROR(out.EndLine());
  for (const CopyPosition& position : positions) {
    out.StartObject();
    out.Bool("done", position.is_done).Int("rows", position.rows);
    if (position.last) out.String("last", absl::BytesToHexString(position.last->encoded()));
    out.EndObject();
    METAREC_RETURN_IF_ERROR(out.EndLine());
  }
  out.StartObject();
  METAREC_RETURN_IF_ERROR(out.EndFile());
  return file.Finish();
}

absl::StatusOr<std::optional<std::vector<CopyPosition>>> ReadCopyState(const std::string& path,
                                                                       const CopyScope& scope) {
  LineReaderOptions options;
  options.line_bytes_max = kLineBytesMax;
  absl::StatusOr<LineReader> file = LineReader::Open(path, options);
  if (absl::IsNotFound(file.status())) return std::optional<std::vector<CopyPosition>>();
  METAREC_RETURN_IF_ERROR(file.status());
  JsonLineParser parser(path, kRemedy);
  std::vector<CopyPosition> positions;
  std::optional<int64_t> expected;
  std::string line;
  for (;;) {
    METAREC_ASSIGN_OR_RETURN(const bool more, file->Next(&line));
    if (!more) return parser.Truncated();
    parser.Parse(line, file->line_was_terminated());
    if (parser.line_number() == 1 && !absl::StartsWith(line, kBeginning)) return AnotherFile(path);
    if (!parser.has_object()) return parser.NotParsed("not a JSON object");
    if (const JsonValue digest = parser.root().Find("digest")) {
      if (!expected || static_cast<int64_t>(positions.size()) != *expected) {
        return parser.Truncated();
      }
      METAREC_RETURN_IF_ERROR(parser.CheckDigest(digest.String().value_or("")));
      return std::optional(std::move(positions));
    }
    parser.AddToDigest(line);
    if (expected) {
      METAREC_ASSIGN_OR_RETURN(CopyPosition position, PositionOf(parser));
      positions.push_back(std::move(position));
      if (positions.size() > kStatePartitionsMax)
        return parser.Damaged("it has too many partitions");
      continue;
    }
    METAREC_RETURN_IF_ERROR(CheckScope(path, parser.root(), scope));
    expected = parser.root().Find("partitions").Int(0);
    if (!expected) return parser.Damaged("it does not say how many partitions there are");
  }
}

}  // namespace metarec
