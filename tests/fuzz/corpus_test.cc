// Every input that is kept, once through its target. What fuzzing found to be wrong is among them
// by a name that says what it was (found_*).

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"

namespace metarec::fuzz {
namespace {

std::vector<std::string> InputsOf(absl::string_view target) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           absl::StrCat(METAREC_TESTS_DIR, "/fuzz/corpus/", target))) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class FuzzCorpus : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzCorpus, HoldsNothingThatFails) {
  const std::vector<std::string> paths = InputsOf(GetParam().name);
  ASSERT_FALSE(paths.empty());
  GetParam().run("");
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    // A CHECK that fails ends the program; this says where.
    RecordProperty("input", path);
    GetParam().run(ReadWholeFile(path));
  }
}

// After a change of the format they were all refused at their first line.
TEST(PlanFileCorpus, MostInputsAreReadBeyondTheirFirstLine) {
  size_t read_on = 0;
  const std::vector<std::string> paths = InputsOf("plan_file");
  for (const std::string& path : paths) {
    const auto plan = DecodePlan(ReadWholeFile(path), "plan");
    read_on += !absl::StartsWith(plan.status().message(), "plan:1:");
  }
  EXPECT_GT(2 * read_on, paths.size());
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, ::testing::ValuesIn(kFuzzTargets),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace metarec::fuzz
