#include "compared_answers.h"

#include <iostream>
#include <map>
#include <set>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "listed_differences.h"

namespace metarec {
namespace {

struct Tally {
  int answers = 0;
  int fields = 0;
  int differing = 0;
  std::map<const ListedDifference*, int> occurred;
};

Tally& TheTally() {
  static auto* const tally = new Tally;
  return *tally;
}

std::string ValueOf(const MessageFields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "(absent)" : found->second;
}

void CompareField(const std::string& situation, const CapturedRequest& captured,
                  const std::string& field, const std::string& stock, const std::string& ours) {
  Tally& tally = TheTally();
  ++tally.fields;
  if (stock == ours) return;
  ++tally.differing;
  const ListedDifference* const listed = FindListed(situation, captured.name, field);
  EXPECT_NE(listed, nullptr) << field << "\n  stock: " << stock << "\n  ours:  " << ours;
  if (listed == nullptr) return;
  ++tally.occurred[listed];
  if (!listed->but_for_line_breaks) return;
  EXPECT_EQ(WithoutBreaks(ours), WithoutBreaks(stock)) << field;
}

}  // namespace

MessageFields FieldsOfFrame(const CapturedRequest& captured, const std::string& frame) {
  const absl::StatusOr<Answer> answer = ParseAnswer(frame);
  EXPECT_TRUE(answer.ok()) << answer.status();
  MessageFields fields;
  if (!answer.ok()) return fields;
  for (const auto& [name, value] : answer->header) fields["header." + name] = value;
  if (answer->body.empty()) return fields;
  const absl::StatusOr<MessageFields> body = BodyFields(captured.task_code, answer->body);
  EXPECT_TRUE(body.ok()) << body.status();
  if (body.ok()) fields.insert(body->begin(), body->end());
  return fields;
}

void GoldenAnswersTest::Compare(const std::string& situation, const CapturedRequest& captured,
                                const std::string& ours) {
  CompareWith(captured.response, situation, captured, ours);
}

void GoldenAnswersTest::CompareWith(const std::string& stock, const std::string& situation,
                                    const CapturedRequest& captured, const std::string& ours) {
  SCOPED_TRACE(absl::StrCat(situation, ": ", captured.name));
  const MessageFields theirs = FieldsOfFrame(captured, stock);
  const MessageFields found = FieldsOfFrame(captured, ours);
  std::set<std::string> names;
  for (const auto& [name, value] : theirs) names.insert(name);
  for (const auto& [name, value] : found) names.insert(name);
  ++TheTally().answers;
  // Of a refusal where there was none, nothing but that can be compared.
  const bool is_refusal = ValueOf(found, "err") == "ERR_UNDER_RECOVERY" &&
                          ValueOf(theirs, "err") != "ERR_UNDER_RECOVERY";
  for (const std::string& name : names) {
    if (is_refusal && name != "err" && !absl::StartsWith(name, "header.")) continue;
    CompareField(situation, captured, name, ValueOf(theirs, name), ValueOf(found, name));
  }
}

void GoldenAnswersTest::TearDownTestSuite() {
  Tally& tally = TheTally();
  for (const ListedDifference& listed : ListedDifferences()) {
    const int occurred = tally.occurred[&listed];
    std::cout << absl::StrFormat("%5d  %s", occurred, DocumentedAs(listed));
    if (::testing::GTEST_FLAG(filter) != "*") continue;
    EXPECT_GT(occurred, 0) << DocumentedAs(listed);
  }
  std::cout << tally.answers << " answers, " << tally.fields << " fields compared, "
            << tally.fields - tally.differing << " equal\n";
}

}  // namespace metarec
