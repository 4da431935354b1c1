#include "migration/zookeeper/tables_before.h"

#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

// Of one table.
std::vector<std::string> FieldsThatDiffer(const AppZnode& before, const AppZnode& now,
                                          bool copied) {
  std::vector<std::string> fields;
  if (copied) {
    std::string expected;
    std::string found;
    EncodeApp(before, &expected);
    EncodeApp(now, &found);
    for (const FieldDifference& difference : DiffAppJson(before.app_name, expected, found)) {
      fields.push_back(absl::StrCat(difference.field, " was ", difference.expected, " and is ",
                                    difference.found));
    }
    return fields;
  }
  const auto compare = [&](const char* field, const auto& then, const auto& since) {
    if (then == since) return;
    fields.push_back(absl::StrCat(field, " was ", then, " and is ", since));
  };
  compare("its name", before.app_name, now.app_name);
  compare("its status", absl::string_view(TableStatusWord(before.status)),
          absl::string_view(TableStatusWord(now.status)));
  compare("partition_count", before.partition_count, now.partition_count);
  compare("max_replica_count", before.max_replica_count, now.max_replica_count);
  return fields;
}

}  // namespace

absl::Status WriteTablesBefore(const std::string& path, const std::vector<TableView>& tables) {
  std::map<int32_t, const TableView*> in_order;
  for (const TableView& table : tables) in_order[table.app_id] = &table;
  LineWriterOptions options;
  options.overwrite = true;
  METAREC_ASSIGN_OR_RETURN(LineWriter writer, LineWriter::Create(path, options));
  for (const auto& [id, table] : in_order) {
    if (table->status != TableStatus::kAvailable && table->status != TableStatus::kDropped) {
      return absl::FailedPreconditionError(absl::StrCat("table ", table->app_name, " is ",
                                                        TableStatusName(table->status),
                                                        ": wait until that is over"));
    }
    std::string json;
    EncodeApp(*table, &json);
    METAREC_RETURN_IF_ERROR(writer.Append(json));
  }
  return writer.Finish();
}

absl::StatusOr<std::vector<AppZnode>> ReadTablesBefore(const std::string& path) {
  METAREC_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path));
  std::vector<AppZnode> tables;
  std::string line;
  for (;;) {
    METAREC_ASSIGN_OR_RETURN(const bool is_line, reader.Next(&line));
    if (!is_line) return tables;
    METAREC_ASSIGN_OR_RETURN(AppZnode table, DecodeApp(path, line));
    tables.push_back(std::move(table));
  }
}

std::vector<std::string> TablesThatDiffer(const std::vector<AppZnode>& before,
                                          const std::vector<TableView>& now, bool copied) {
  std::map<int32_t, const TableView*> by_id;
  for (const TableView& table : now) by_id[table.app_id] = &table;
  std::vector<std::string> differ;
  for (const AppZnode& table : before) {
    // What was dropped may come back by a recovery, or not.
    if (!copied && table.status == TableStatus::kDropped) continue;
    const std::string name = absl::StrCat("table ", table.app_name, " (", table.app_id, ")");
    const auto found = by_id.find(table.app_id);
    if (found == by_id.end()) {
      differ.push_back(absl::StrCat(name, " is not there any more"));
      continue;
    }
    const std::vector<std::string> fields = FieldsThatDiffer(table, *found->second, copied);
    if (fields.empty()) continue;
    differ.push_back(absl::StrCat(name, " is not as before: ", absl::StrJoin(fields, ", ")));
  }
  return differ;
}

}  // namespace metarec
