#include "migration/split/split_state.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

constexpr absl::string_view kStateFormat = "metarec-split";
constexpr int64_t kStateVersion = 1;

absl::Status CannotState(absl::string_view what, const std::string& path) {
  const std::string message = absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno));
  if (errno == ENOSPC || errno == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

std::string ScopeLine(const SplitScope& scope, uint32_t expired_before) {
  std::string line;
  JsonWriter out(&line, {.text = JsonText::kHex});
  out.StartObject();
  out.Key("format").String(kStateFormat).Key("version").Int(kStateVersion);
  out.Key("backup").String(scope.backup_digest);
  out.Key("source_partitions").Int(scope.source_count);
  out.Key("app_name").String(scope.app_name).Key("app_id").Int(scope.app_id);
  out.Key("partitions").Int(scope.target_count);
  out.Key("units").Int(static_cast<int64_t>(scope.units));
  out.Key("shard").Int(scope.shard).Key("shards").Int(scope.shards);
  out.Key("expired_before").Int(expired_before);
  out.EndObject();
  return line;
}

std::string UnitLine(size_t unit, const SplitUnitResult& result) {
  std::string line;
  JsonWriter out(&line);
  out.StartObject();
  out.Key("unit").Int(static_cast<int64_t>(unit));
  out.Key("rows").Int(result.counts.copied.rows);
  out.Key("digest").String(result.counts.copied.ToHex());
  out.Key("expired").Int(result.counts.expired);
  out.Key("misplaced").Int(result.counts.misplaced);
  out.Key("empty_writes").Int(result.counts.empty_writes);
  out.Key("files").StartArray();
  for (const SplitFile& file : result.files) {
    out.StartObject();
    out.Key("partition").Int(file.target).Key("name").String(file.name);
    out.Key("size").Int(file.size).Key("md5").String(file.md5);
    out.Key("rows").Int(file.rows.rows).Key("digest").String(file.rows.ToHex());
    out.EndObject();
  }
  out.EndArray().EndObject();
  return line;
}

void ReadDigest(JsonFieldReader& fields, RowsDigest* digest) {
  const int64_t rows = fields.Int("rows", 0);
  const std::string hex = fields.String("digest");
  if (fields.ok() && !RowsDigest::FromHex(hex, rows, digest)) fields.Fail("'digest' is none");
}

}  // namespace

SplitState::~SplitState() {
  absl::MutexLock lock(&mutex_);
  if (file_ >= 0) close(file_);
}

absl::StatusOr<std::unique_ptr<SplitState>> SplitState::Read(const std::string& path,
                                                             const SplitScope& scope) {
  std::unique_ptr<SplitState> state(new SplitState(path, scope));
  METAREC_RETURN_IF_ERROR(state->Load());
  return state;
}

absl::StatusOr<std::unique_ptr<SplitState>> SplitState::Open(const std::string& path,
                                                             const SplitScope& scope,
                                                             uint32_t expired_before) {
  std::unique_ptr<SplitState> state(new SplitState(path, scope));
  METAREC_RETURN_IF_ERROR(state->OpenFile(expired_before));
  return state;
}

absl::Status SplitState::OpenFile(uint32_t expired_before) {
  const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return CannotState("open", path_);
  {
    absl::MutexLock lock(&mutex_);
    file_ = file;
  }
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process works on this split: it holds ", path_));
  }
  const absl::Status loaded = Load();
  if (!absl::IsNotFound(loaded)) return loaded;
  // It is empty, or holds no whole line.
  expired_before_ = expired_before;
  absl::MutexLock lock(&mutex_);
  if (ftruncate(file_, 0) != 0) return CannotState("write", path_);
  return Append(ScopeLine(scope_, expired_before));
}

absl::Status SplitState::Load() {
  std::ifstream in(path_, std::ios::binary);
  if (!in.is_open()) return absl::NotFoundError(absl::StrCat("there is no file ", path_));
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path_));
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  // Behind the last line break is nothing, or what a kill left.
  const absl::string_view rest = lines.back();
  lines.pop_back();
  if (lines.empty()) return absl::NotFoundError(absl::StrCat(path_, " holds nothing yet"));
  METAREC_RETURN_IF_ERROR(ReadScope(lines.front()));
  for (size_t i = 1; i < lines.size(); ++i) {
    METAREC_RETURN_IF_ERROR(ReadUnit(lines[i], static_cast<int64_t>(i) + 1));
  }
  absl::MutexLock lock(&mutex_);
  if (file_ < 0) return absl::OkStatus();
  const auto end = static_cast<off_t>(text.size() - rest.size());
  if (ftruncate(file_, end) != 0 || lseek(file_, end, SEEK_SET) != end) {
    return CannotState("write", path_);
  }
  return absl::OkStatus();
}

absl::Status SplitState::ReadScope(absl::string_view line) {
  JsonDocument document;
  document.Parse(line);
  JsonFieldReader fields(document.root());
  const bool is_ours =
      fields.String("format") == kStateFormat && fields.Int("version") == kStateVersion;
  SplitScope scope;
  scope.backup_digest = fields.String("backup");
  scope.source_count = fields.Int32("source_partitions");
  scope.app_name = fields.String("app_name");
  scope.app_id = fields.Int32("app_id");
  scope.target_count = fields.Int32("partitions");
  scope.units = static_cast<size_t>(fields.Int("units", 0));
  scope.shard = fields.Int32("shard");
  scope.shards = fields.Int32("shards");
  expired_before_ = static_cast<uint32_t>(fields.Int("expired_before", 0, UINT32_MAX));
  constexpr absl::string_view kStartAgain =
      "; remove it together with the table's folder beside it to start again";
  if (!is_ours || !fields.ok()) {
    return absl::DataLossError(absl::StrCat(path_, " is no state of a split", kStartAgain));
  }
  if (scope == scope_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path_, " is of another split: of ",
      scope.backup_digest == scope_.backup_digest ? "this backup" : "another backup", " with ",
      scope.source_count, " partitions to table ", Printable(scope.app_name), " (id ", scope.app_id,
      ") with ", scope.target_count, " partitions, shard ", scope.shard, "/", scope.shards, ", ",
      scope.units, " parts; this one is to table ", scope_.app_name, " (id ", scope_.app_id,
      ") with ", scope_.target_count, " partitions, shard ", scope_.shard, "/", scope_.shards, ", ",
      scope_.units, " parts. Give the same options again, or another folder", kStartAgain));
}

absl::Status SplitState::ReadUnit(absl::string_view line, int64_t number) {
  JsonDocument document;
  document.Parse(line);
  JsonFieldReader fields(document.root());
  SplitUnitResult result;
  const int64_t unit = fields.Int("unit", 0, static_cast<int64_t>(scope_.units) - 1);
  ReadDigest(fields, &result.counts.copied);
  result.counts.expired = fields.Int("expired", 0);
  result.counts.misplaced = fields.Int("misplaced", 0);
  result.counts.empty_writes = fields.Int("empty_writes", 0);
  const JsonValue files = fields.Array("files");
  for (size_t i = 0; i < files.size(); ++i) {
    JsonFieldReader of(files[i]);
    SplitFile& file = result.files.emplace_back();
    file.target = of.Int32("partition", 0, scope_.target_count - 1);
    file.name = of.String("name");
    file.size = of.Int("size", 0);
    file.md5 = of.String("md5");
    ReadDigest(of, &file.rows);
    if (!of.ok()) fields.Fail(of.error());
  }
  if (!fields.ok()) {
    return absl::DataLossError(
        absl::StrCat(path_, ":", number, " is damaged: ", fields.error(),
                     "; remove it together with the table's folder beside it to start again"));
  }
  absl::MutexLock lock(&mutex_);
  complete_[static_cast<size_t>(unit)] = std::move(result);
  return absl::OkStatus();
}

std::map<size_t, SplitUnitResult> SplitState::complete() const {
  absl::MutexLock lock(&mutex_);
  return complete_;
}

absl::Status SplitState::Append(absl::string_view line) {
  std::string bytes = absl::StrCat(line, "\n");
  absl::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t written = write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const absl::Status failed = CannotState("write", path_);
      // What follows must not come behind half a line.
      const off_t end = lseek(file_, 0, SEEK_CUR) - static_cast<off_t>(bytes.size() - left.size());
      if (ftruncate(file_, end) == 0) lseek(file_, end, SEEK_SET);
      return failed;
    }
    left.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(file_) == 0 ? absl::OkStatus() : CannotState("write", path_);
}

absl::Status SplitState::Add(size_t unit, const SplitUnitResult& result) {
  absl::MutexLock lock(&mutex_);
  METAREC_RETURN_IF_ERROR(Append(UnitLine(unit, result)));
  complete_[unit] = result;
  return absl::OkStatus();
}

void SplitState::Forget(size_t unit) {
  absl::MutexLock lock(&mutex_);
  complete_.erase(unit);
}

}  // namespace metarec
