#include "pegasus_client/shell_tables.h"

#include <algorithm>
#include <initializer_list>

#include <absl/strings/str_cat.h>

#include "base/json/json_writer.h"
#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr size_t kGap = 2;  // between the longest cell of a column and the next column

void AppendPadding(size_t used, size_t width, std::string* out) {
  if (used < width) out->append(width - used, ' ');
}

void AppendName(absl::string_view name, std::string* out) {
  if (!name.empty()) absl::StrAppend(out, "[", name, "]\n");
}

void AppendCell(absl::string_view cell, size_t width, bool right_aligned, std::string* out) {
  if (right_aligned) AppendPadding(cell.size(), width, out);
  absl::StrAppend(out, cell);
  if (!right_aligned) AppendPadding(cell.size(), width, out);
}

void AppendText(const ColumnTable& table, std::string* out) {
  AppendName(table.name, out);
  std::vector<size_t> widths;
  for (const ColumnTable::Column& column : table.columns) widths.push_back(column.title.size());
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (size_t i = 0; i < widths.size(); ++i) {
    const ColumnTable::Column& column = table.columns[i];
    AppendCell(column.title, widths[i] + kGap, column.right_aligned, out);
  }
  out->push_back('\n');
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      AppendCell(row[i], widths[i] + kGap, table.columns[i].right_aligned, out);
    }
    out->push_back('\n');
  }
}

void AppendText(const FieldTable& table, std::string* out) {
  AppendName(table.name, out);
  size_t key_width = 0;
  size_t value_width = 0;
  for (const auto& [key, value] : table.fields) {
    key_width = std::max(key_width, key.size());
    value_width = std::max(value_width, value.size());
  }
  for (const auto& [key, value] : table.fields) {
    AppendCell(key, key_width + kGap, /*right_aligned=*/false, out);
    absl::StrAppend(out, ": ");
    AppendCell(value, value_width, /*right_aligned=*/false, out);
    out->push_back('\n');
  }
}

void WriteJson(const ColumnTable& table, JsonWriter* writer) {
  writer->StartObject(table.name);
  for (const auto& row : table.rows) {
    writer->StartObject(row.empty() ? absl::string_view() : absl::string_view(row.front()));
    for (size_t i = 0; i < table.columns.size() && i < row.size(); ++i) {
      writer->String(table.columns[i].title, row[i]);
    }
    writer->EndObject();
  }
  writer->EndObject();
}

void WriteJson(const FieldTable& table, JsonWriter* writer) {
  writer->StartObject(table.name);
  for (const auto& [key, value] : table.fields) writer->String(key, value);
  writer->EndObject();
}

}  // namespace

ColumnTable ColumnTable::LeftAligned(absl::string_view name,
                                     std::initializer_list<absl::string_view> titles) {
  ColumnTable table;
  table.name = std::string(name);
  for (absl::string_view title : titles) table.columns.push_back({std::string(title), false});
  return table;
}

void ShellTables::Add(ColumnTable table) {
  for (auto& row : table.rows) {
    for (std::string& cell : row) cell = Printable(cell);
  }
  tables_.emplace_back(std::move(table));
}

void ShellTables::Add(FieldTable table) {
  for (auto& [key, value] : table.fields) {
    value = table.has_lines ? PrintableLines(value) : Printable(value);
  }
  tables_.emplace_back(std::move(table));
}

std::string ShellTables::ToText() const {
  std::string text;
  for (const auto& table : tables_) {
    std::visit([&text](const auto& alternative) { AppendText(alternative, &text); }, table);
    if (tables_.size() > 1) text.push_back('\n');
  }
  return text;
}

std::string ShellTables::ToJson() const {
  std::string json;
  JsonWriter writer(&json, {.indent = 4});
  writer.StartObject();
  for (const auto& table : tables_) {
    std::visit([&writer](const auto& alternative) { WriteJson(alternative, &writer); }, table);
  }
  writer.EndObject().Newline();
  return json;
}

}  // namespace metarec
