// The metrics as Prometheus wants them. "promtool check metrics" finds nothing wrong with them;
// what it looks for is looked for here, too.

#include <cctype>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery_service/status/status_pages.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A status that has everything that there are metrics of.
RecoveryServiceStatus FullStatus(ServiceWorld* world) {
  world->source.down[3] = true;
  world->Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored =
        co_await world->service->Serve(ServiceWorld::StartRecovery("1,2,3", /*skip_bad=*/true));
    static_cast<void>(ignored);
  });
  world->service->NoteZooKeeperTrouble("");
  RecoveryServiceStatus status = world->service->status();
  status.ports.emplace();
  return status;
}

// What is wrong with a family's name for its type.
std::string WrongName(const std::string& name, const std::string& type) {
  if (!std::regex_match(name, std::regex("metarec_[a-z0-9_]+"))) return "no lower_case";
  const bool is_counter = type == "counter";
  if (is_counter != absl::EndsWith(name, "_total")) return "only counters end with _total";
  for (const char* const suffix : {"_count", "_sum", "_bucket"}) {
    if (absl::EndsWith(name, suffix)) return "that is a suffix of histograms";
  }
  for (const char* const part : {"gauge", "counter", "_ms", "millis", "minutes", "hours"}) {
    if (absl::StrContains(name, part)) return "neither types nor units but base units";
  }
  return "";
}

TEST(MetricsFormatTest, EveryLineIsByTheRules) {
  ServiceWorld world;
  const std::string text = MetricsText(FullStatus(&world));
  ASSERT_TRUE(absl::EndsWith(text, "\n"));
  std::set<std::string> families;
  std::set<std::string> samples;
  std::string family;
  std::string help;
  const std::regex sample(R"re(([a-z0-9_]+)(\{([a-z_]+="[^"\\]*",?)*\})? (\S+))re");
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()))) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (absl::StartsWith(line, "# HELP ")) {
      ASSERT_EQ(words.size(), 4U) << line;
      help = words[2];
    } else if (absl::StartsWith(line, "# TYPE ")) {
      family = words[2];
      EXPECT_EQ(help, family) << "every family has a text of help";
      EXPECT_TRUE(families.insert(family).second) << family << " comes twice";
      EXPECT_EQ(WrongName(family, words[3]), "") << line;
    } else {
      std::smatch parts;
      ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
      EXPECT_EQ(parts[1], family) << line;
      EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
      double value = 0;
      EXPECT_TRUE(absl::SimpleAtod(std::string(parts[4]), &value)) << line;
    }
  }
  EXPECT_GT(families.size(), 20U);
}

TEST(MetricsTextTest, TheProgressWasNamedLikeACounter) {
  const std::string text = MetricsText(RecoveryServiceStatus());
  EXPECT_THAT(text, AllOf(Not(HasSubstr("metarec_progress_total")),
                          HasSubstr("\nmetarec_progress_expected 0\n")));
}

TEST(MetricsTextTest, SayWhatTheLastRunEndedWithAndWhatIsLost) {
  ServiceWorld world;
  const std::string text = MetricsText(FullStatus(&world));
  EXPECT_THAT(
      text, AllOf(HasSubstr("\nmetarec_last_run_result{error=\"ERR_OK\"} 1\n"),
                  HasSubstr("\nmetarec_last_run_succeeded 1\n"),
                  HasSubstr("\nmetarec_last_run_end_timestamp_seconds "),
                  HasSubstr("\nmetarec_partitions 1\n"), HasSubstr("\nmetarec_partitions_lost 0\n"),
                  HasSubstr("\nmetarec_partitions_thin 1\n"),
                  HasSubstr("metarec_build_info{commit=\"\",version=\"1.2.3\"} 1\n")));
  ServiceWorld failing;
  failing.source.down[1] = true;
  failing.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored =
        co_await failing.service->Serve(ServiceWorld::StartRecovery("1,2,3"));
    static_cast<void>(ignored);
  });
  EXPECT_THAT(MetricsText(failing.service->status()),
              AllOf(HasSubstr("\nmetarec_last_run_result{error=\"ERR_TRY_AGAIN\"} 1\n"),
                    HasSubstr("\nmetarec_last_run_succeeded 0\n")));
}

TEST(MetricsTextTest, AZooKeeperThatIsGoneWasInvisible) {
  ServiceWorld world;
  EXPECT_THAT(MetricsText(world.service->status()), Not(HasSubstr("metarec_zookeeper_connected")));
  world.service->NoteZooKeeperTrouble("");
  EXPECT_THAT(MetricsText(world.service->status()), HasSubstr("\nmetarec_zookeeper_connected 1\n"));
  world.service->NoteZooKeeperTrouble("no server answers");
  EXPECT_THAT(MetricsText(world.service->status()), HasSubstr("\nmetarec_zookeeper_connected 0\n"));
}

}  // namespace
}  // namespace metarec
