// Compares the service's answers with those of stock meta servers, field by field, apart from the
// listed differences, and counts what was compared.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include "captured_messages.h"

namespace metarec {

// The first three are patterns as of fnmatch.
struct ListedDifference {
  const char* situation;  // "waiting", "first beacon", "recovered", "tree"
  const char* answer;     // the end of the captured request's name
  const char* field;      // a captured_messages.h path; the frame's begin with "header."
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

// Everything that the frame of an answer says.
MessageFields FieldsOfFrame(const CapturedRequest& captured, const std::string& frame);

// The tests of both files that have it are one suite, and run in one process.
class GoldenAnswersTest : public ::testing::Test {
 protected:
  // Says what was compared; everything that is listed must have occurred.
  static void TearDownTestSuite();

  // `situation` is one of the list. The stock answer is the captured one.
  static void Compare(const std::string& situation, const CapturedRequest& captured,
                      const std::string& ours);
  static void CompareWith(const std::string& stock, const std::string& situation,
                          const CapturedRequest& captured, const std::string& ours);
};

}  // namespace metarec
