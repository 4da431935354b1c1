// What holds of every kind of finding.

#include "meta_recovery/planner/finding_registry.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(FindingRegistryTest, EveryKindHasATitleAndASentenceOfItsOwn) {
  std::set<absl::string_view> names;
  std::set<absl::string_view> titles;
  std::set<std::string> sentences;
  for (const FindingKindRow& row : FindingKindRows()) {
    EXPECT_EQ(&RowOf(row.kind), &row);
    names.insert(row.name);
    titles.insert(row.title);
    const std::string sentence =
        FindingSentence(testing::HealthyPlan().plan(), {.facts = FindingFacts::Of(row.kind),
                                                        .severity = Severity::kWarning,
                                                        .app_id = 2,
                                                        .partition_index = 7});
    EXPECT_THAT(sentence, Not(IsEmpty()));
    sentences.insert(sentence);
  }
  EXPECT_EQ(names.size(), kFindingKinds);
  EXPECT_EQ(titles.size(), kFindingKinds);
  EXPECT_EQ(sentences.size(), kFindingKinds);
}

TEST(FindingRegistryTest, SpeaksOfAnyFindingWithoutFactsInAnEmptyPlan) {
  const RecoveryPlan empty;
  for (const FindingKindRow& row : FindingKindRows()) {
    for (int severity = 0; severity <= static_cast<int>(Severity::kConflict); ++severity) {
      Finding finding = {.facts = FindingFacts::Of(row.kind),
                         .severity = static_cast<Severity>(severity)};
      for (const int32_t app_id : {0, 3, -1}) {
        finding.app_id = app_id;
        finding.partition_index = app_id;
        finding.node = 7;
        const std::string sentence = FindingSentence(empty, finding);
        EXPECT_THAT(sentence, Not(IsEmpty()));
        EXPECT_THAT(sentence, Not(HasSubstr("\n")));
        FactTexts(empty, finding);
      }
    }
  }
}

}  // namespace
}  // namespace metarec
