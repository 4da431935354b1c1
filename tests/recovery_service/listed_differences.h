// In what the service's answers may differ from those that stock meta servers were captured giving.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// The first three are patterns as of fnmatch.
struct ListedDifference {
  const char* situation;  // "waiting", "first beacon", "recovered", "tree"
  const char* answer;     // the end of the captured request's name
  const char* field;      // a message_fields.h path; the frame's begin with "header."
  const char* reason;
  bool but_for_line_breaks = false;  // otherwise equal
};

// docs/differences-from-pegasus.md has them, too.
const std::vector<ListedDifference>& ListedDifferences();

// nullptr: it may not differ.
const ListedDifference* FindListed(const std::string& situation, const std::string& request,
                                   const std::string& field);

// A row of the table in the document.
std::string DocumentedAs(const ListedDifference& listed);

std::string WithoutBreaks(absl::string_view text);

}  // namespace metarec
