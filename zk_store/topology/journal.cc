#include "zk_store/topology/journal.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr absl::string_view kFormat = "metarec-journal";
constexpr int32_t kVersion = 1;
constexpr absl::string_view kWriting = "writing";
constexpr absl::string_view kFinished = "finished";

}  // namespace

std::string JournalTime(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

std::string EncodeJournal(const Journal& journal) {
  std::string out;
  JsonWriter json(&out);
  json.StartObject();
  json.String("format", kFormat);
  json.Int("version", kVersion);
  json.String("state", journal.finished ? kFinished : kWriting);
  json.String("plan_digest", journal.plan_digest);
  json.Int("tables", journal.tables);
  json.Int("partitions", journal.partitions);
  json.String("started_at", journal.started_at);
  json.String("finished_at", journal.finished_at);
  json.String("tool_version", journal.tool_version);
  json.EndObject();
  return out;
}

absl::StatusOr<Journal> DecodeJournal(absl::string_view path, absl::string_view json) {
  Journal journal;
  std::string format;
  int32_t version = 0;
  std::string state;
  JsonField fields[] = {{"format", &format},
                        {"version", &version},
                        {"state", &state},
                        {"plan_digest", &journal.plan_digest},
                        {"tables", &journal.tables},
                        {"partitions", &journal.partitions},
                        {"started_at", &journal.started_at},
                        {"finished_at", &journal.finished_at},
                        {"tool_version", &journal.tool_version}};
  METAREC_RETURN_IF_ERROR(ReadJsonFields(path, json, absl::MakeSpan(fields)));
  if (format != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a journal of metarec"));
  }
  if (version == kVersion && journal.plan_digest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a journal of metarec that names no plan (edited or damaged)"));
  }
  if (version != kVersion || (state != kWriting && state != kFinished)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": a journal of version ", version, " in state \"", state,
        "\", which this program does not know; use the one that wrote it",
        journal.tool_version.empty() ? "" : absl::StrCat(" (", journal.tool_version, ")")));
  }
  journal.finished = state == kFinished;
  return journal;
}

}  // namespace metarec
