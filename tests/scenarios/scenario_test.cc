// Runs every *.txt file of this folder. With METAREC_REWRITE_SCENARIOS=1 (or the flag --rewrite) it
// writes what the commands printed into the files instead of comparing.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <gtest/gtest.h>

#include "tests/scenarios/scenario_file.h"
#include "tests/scenarios/scenario_runner.h"

namespace metarec::scenarios {
namespace {

bool rewrite = false;

std::vector<std::string> ScenarioPaths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(METAREC_TESTS_DIR "/scenarios")) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).stem().string();
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

class ScenarioTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    auto runner = ScenarioRunner::Start();
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = runner->release();
  }
  static void TearDownTestSuite() {
    delete runner_;
    runner_ = nullptr;
  }

  static ScenarioRunner* runner_;
};

ScenarioRunner* ScenarioTest::runner_ = nullptr;

TEST_P(ScenarioTest, PrintsWhatItSays) {
  ASSERT_NE(runner_, nullptr);
  const absl::StatusOr<Scenario> scenario = ReadScenario(GetParam());
  ASSERT_TRUE(scenario.ok()) << scenario.status().message();
  const absl::StatusOr<std::string> transcript = runner_->Run(*scenario);
  ASSERT_TRUE(transcript.ok()) << transcript.status().message();
  if (rewrite) {
    if (*transcript == scenario->expected) return;
    std::ofstream file(scenario->path, std::ios::binary | std::ios::trunc);
    file << scenario->head << *transcript << std::flush;
    ASSERT_TRUE(file.good()) << "cannot write " << scenario->path;
    return;
  }
  EXPECT_EQ(scenario->expected, *transcript)
      << scenario->path << "\nIf the new transcript is right: METAREC_REWRITE_SCENARIOS=1 "
      << "scenario_test --gtest_filter='*" << scenario->name << "'";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioTest, ::testing::ValuesIn(ScenarioPaths()), TestName);

}  // namespace
}  // namespace metarec::scenarios

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* const variable = std::getenv("METAREC_REWRITE_SCENARIOS");
  metarec::scenarios::rewrite = variable != nullptr && std::string(variable) == "1";
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--rewrite") metarec::scenarios::rewrite = true;
  }
  return RUN_ALL_TESTS();
}
