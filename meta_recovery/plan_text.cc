#include "meta_recovery/plan_text.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

constexpr size_t kLineBytes = 100;

// Bytes of the UTF-8 character at the beginning of `text`; 0 if there is none.
size_t Utf8CharacterBytes(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t bytes = 0;
  uint32_t code_point = 0;
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xC2 && byte(0) < 0xE0) {
    bytes = 2;
    code_point = byte(0) & 0x1F;
  } else if (byte(0) >= 0xE0 && byte(0) < 0xF0) {
    bytes = 3;
    code_point = byte(0) & 0x0F;
  } else if (byte(0) >= 0xF0 && byte(0) < 0xF5) {
    bytes = 4;
    code_point = byte(0) & 0x07;
  }
  if (bytes == 0 || text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (bytes == 3 && code_point < 0x800) || (bytes == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
  const bool control = code_point < 0xA0;  // C1 controls act on terminals too
  return overlong || surrogate || control || code_point > 0x10FFFF ? 0 : bytes;
}

}  // namespace

std::string Printable(absl::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  if (plain) return std::string(text);
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    size_t bytes = Utf8CharacterBytes(text);
    if (bytes == 1 && absl::ascii_iscntrl(static_cast<unsigned char>(text[0]))) bytes = 0;
    if (bytes == 0) {
      absl::StrAppend(&printable, "\\x",
                      absl::Hex(static_cast<unsigned char>(text[0]), absl::kZeroPad2));
      bytes = 1;
    } else {
      absl::StrAppend(&printable, text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return printable;
}

std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string CountedTables(const RecoveryPlan& plan) {
  const int64_t placeholders =
      std::count_if(plan.tables.begin(), plan.tables.end(),
                    [](const TableDecision& table) { return table.placeholder; });
  std::string text = Counted(static_cast<int64_t>(plan.tables.size()) - placeholders, "table");
  if (placeholders > 0) absl::StrAppend(&text, ", ", Counted(placeholders, "placeholder"));
  return text;
}

std::string ShellWord(absl::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("_-+=:,./@%").find(c) != absl::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      absl::StrAppend(&quoted, "'\\''");
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back('\'');
  return quoted;
}

std::string CutList(absl::string_view joined, size_t max) {
  std::vector<absl::string_view> items = absl::StrSplit(joined, ',', absl::SkipEmpty());
  for (absl::string_view& item : items) item = absl::StripAsciiWhitespace(item);
  if (items.size() <= max + 1) return absl::StrJoin(items, ", ");
  const size_t rest = items.size() - max;
  items.resize(max);
  return absl::StrCat(absl::StrJoin(items, ", "), " and ", rest, " more");
}

std::string Wrapped(absl::string_view text, size_t column, size_t indent) {
  std::string wrapped;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!wrapped.empty()) {
      if (column + 1 + word.size() > kLineBytes) {
        absl::StrAppend(&wrapped, "\n", std::string(indent, ' '));
        column = indent;
      } else {
        wrapped.push_back(' ');
        ++column;
      }
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

std::string NodeLabel(const RecoveryPlan& plan, NodeIndex node) {
  if (node == kNoNode) return "-";
  if (node >= plan.topology.nodes.size()) return absl::StrCat("node #", node);
  const TopologyNode& entry = plan.topology.nodes[node];
  return Printable(entry.name.empty() ? entry.address.ToString() : entry.name);
}

std::string TableLabel(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  if (table == SIZE_MAX) return absl::StrCat("table ", app_id);
  return absl::StrCat("table ", app_id, " (", Printable(plan.topology.tables[table].app_name), ")");
}

std::string PartitionLabel(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  const size_t table = FindTable(plan, app_id);
  const std::string label = absl::StrCat("partition ", app_id, ".", index);
  if (table == SIZE_MAX) return label;
  return absl::StrCat(label, " (", Printable(plan.topology.tables[table].app_name), ")");
}

size_t FindTable(const RecoveryPlan& plan, int32_t app_id) {
  const auto& tables = plan.topology.tables;
  const auto found =
      std::lower_bound(tables.begin(), tables.end(), app_id,
                       [](const TopologyTable& table, int32_t id) { return table.app_id < id; });
  if (found == tables.end() || found->app_id != app_id) return SIZE_MAX;
  return static_cast<size_t>(found - tables.begin());
}

size_t FindPartition(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  const size_t table = FindTable(plan, app_id);
  if (table == SIZE_MAX) return SIZE_MAX;
  const auto partitions = plan.topology.PartitionsOf(plan.topology.tables[table]);
  const auto found = std::lower_bound(
      partitions.begin(), partitions.end(), index,
      [](const TopologyPartition& partition, int32_t i) { return partition.index < i; });
  if (found == partitions.end() || found->index != index) return SIZE_MAX;
  return plan.topology.tables[table].partitions_begin +
         static_cast<size_t>(found - partitions.begin());
}

}  // namespace metarec
