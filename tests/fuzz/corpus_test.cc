// Every input that is kept, once through its target. What fuzzing found to be wrong is among them
// by a name that says what it was (found_*).

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"

namespace metarec::fuzz {
namespace {

class FuzzCorpus : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzCorpus, HoldsNothingThatFails) {
  const std::string folder = absl::StrCat(METAREC_TESTS_DIR, "/fuzz/corpus/", GetParam().name);
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  ASSERT_FALSE(paths.empty());
  GetParam().run("");
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    // A CHECK that fails ends the program; this says where.
    RecordProperty("input", path);
    GetParam().run(ReadWholeFile(path));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, ::testing::ValuesIn(kFuzzTargets),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace metarec::fuzz
