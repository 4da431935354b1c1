// The tables that Pegasus's shell prints, byte for byte (INTEROP.md section 7.2): operators'
// scripts cut them with grep and awk.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// A table with a header and any number of rows.
struct ColumnTable {
  struct Column {
    std::string title;
    bool right_aligned = false;
  };

  std::string name;  // printed as "[name]"; empty: no such line
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells in each as there are columns

  // Columns that are all left-aligned.
  static ColumnTable LeftAligned(absl::string_view name,
                                 std::initializer_list<absl::string_view> titles);
};

// A table of one column: "key : value" lines.
struct FieldTable {
  std::string name;  // as above
  std::vector<std::pair<std::string, std::string>> fields;
  bool has_lines = false;  // values may be of several lines, and stay so
};

// What one command prints: its tables, in order.
class ShellTables {
 public:
  // What a terminal or JSON would not take as it is becomes \xNN.
  void Add(ColumnTable table);
  void Add(FieldTable table);

  // What one should know who reads the tables; not a part of them. Empty: nothing.
  void set_note(std::string note) { note_ = std::move(note); }
  const std::string& note() const { return note_; }

  // A single table ends with its last line; of several, each is followed by an empty line.
  std::string ToText() const;

  // Option -j: an object by table name. In it a FieldTable is an object of strings; a ColumnTable
  // is an object by the first cell of each row, and each row is an object by column title, in which
  // every value is a string.
  std::string ToJson() const;

 private:
  std::vector<std::variant<ColumnTable, FieldTable>> tables_;
  std::string note_;
};

}  // namespace metarec
