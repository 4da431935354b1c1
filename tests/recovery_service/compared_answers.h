// Compares the service's answers with those of stock meta servers, field by field, apart from the
// listed differences; counts what was compared.

#pragma once

#include <string>

#include <gtest/gtest.h>

#include "captured_messages.h"

namespace metarec {

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
