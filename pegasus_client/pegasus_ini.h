// The syntax of Pegasus's configuration files, as its servers read it.

#pragma once

#include <map>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// [section] and key = value, each in a line of its own, with blanks around anything. '#' and ';'
// begin a comment wherever they stand, unless '^' stands before them. Of a key that is given twice
// the first one counts. What stock servers refuse is refused here, too: a section that is given
// twice, a key outside of a section, a byte-order mark, a file without anything.
class PegasusIni {
 public:
  struct Entry {
    std::string value;   // "" for a key without one
    int line = 0;        // from 1
    int again_line = 0;  // where it is given for a second time; 0: nowhere
  };

  // Errors are kInvalidArgument and begin with `name` and the line. `text` may be anything.
  static absl::StatusOr<PegasusIni> Parse(absl::string_view text, absl::string_view name);

  bool HasSection(absl::string_view section) const;
  // nullptr: there is none.
  const Entry* Find(absl::string_view section, absl::string_view key) const;

 private:
  struct Section {
    int line = 0;
    std::map<std::string, Entry, std::less<>> entries;
  };

  // OK, or what is wrong with it and what to do.
  absl::Status AddLine(absl::string_view line, int number);
  absl::Status AddSection(absl::string_view line, int number);

  std::map<std::string, Section, std::less<>> sections_;
  Section* current_ = nullptr;
};

}  // namespace metarec
