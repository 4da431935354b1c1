// Plan files: they read back equal, and whatever is wrong with one is said with file and line.

#include "meta_recovery/plan_file/plan_file.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/line_file/json_lines.h"
#include "meta_recovery/report/explain.h"
#include "testing/scratch_folder.h"
#include "tests/meta_recovery/planner/golden_evidence.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

RecoveryPlan GoldenPlan() {
  const auto plan = MakePlan(
      LoadGoldenEvidence(".", {"localhost:34801", "localhost:34802", "localhost:34803"}), {});
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *plan;
}

RecoveryPlan SmallPlan() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n2").Current().replicas[1].status = static_cast<ReplicaStatus>(42);
  return Plan(cluster, {.settlements = {}});
}

std::vector<std::string> LinesOf(const RecoveryPlan& plan) {
  std::vector<std::string> lines = absl::StrSplit(EncodePlan(plan), '\n');
  lines.pop_back();  // behind the last newline
  return lines;
}

// The lines with a digest that fits.
std::string Sealed(std::vector<std::string> lines) {
  LineDigest digest;
  lines.pop_back();
  for (const std::string& line : lines) digest.Add(line);
  lines.push_back(absl::StrCat("{\"digest\":\"", digest.Finish(), "\"}"));
  return absl::StrJoin(lines, "\n") + "\n";
}

std::string ErrorOf(const std::string& text) {
  const absl::Status status = DecodePlan(text, "my.plan").status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

class PlanFileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  const testing::ScratchFolder folder_;
};

TEST_F(PlanFileTest, ReadsBackEqualPlainAndCompressed) {
  const RecoveryPlan plan = GoldenPlan();
  for (const char* name : {"a.plan", "a.plan.zst"}) {
    ASSERT_TRUE(WritePlanFile(plan, Path(name)).ok());
    const auto read = ReadPlanFile(Path(name));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, plan);
  }
  EXPECT_EQ(Read(Path("a.plan")), EncodePlan(plan));
  EXPECT_LT(Read(Path("a.plan.zst")).size(), EncodePlan(plan).size() / 3);
}

TEST_F(PlanFileTest, AnExcerptTellsOfItsSubjectWhatTheWholeTells) {
  const RecoveryPlan plan = GoldenPlan();
  ASSERT_TRUE(WritePlanFile(plan, Path("a.plan")).ok());
  std::vector<std::string> subjects = {"999", "1.999", "no_such_table", "no_such_node:1", ""};
  for (const TopologyNode& node : plan.topology.nodes) {
    subjects.push_back(node.name);
    subjects.push_back(node.address.ToString());
  }
  for (const TopologyTable& table : plan.topology.tables) {
    subjects.push_back(absl::StrCat(table.app_id));
    subjects.push_back(table.app_name);
    subjects.push_back(absl::StrCat(table.app_id, ".", table.partition_count - 1));
  }
  for (const std::string& subject : subjects) {
    SCOPED_TRACE(subject);
    const auto excerpt = ReadPlanExcerpt(Path("a.plan"), PlanSelection::Subject(subject));
    ASSERT_TRUE(excerpt.ok()) << excerpt.status();
    EXPECT_EQ(Explain(excerpt->plan, subject), Explain(plan, subject));
    EXPECT_EQ(excerpt->numbers, CountPlan(plan));
  }
}

TEST_F(PlanFileTest, AnExcerptHoldsNothingButItsSubject) {
  const RecoveryPlan plan = GoldenPlan();
  ASSERT_TRUE(WritePlanFile(plan, Path("a.plan")).ok());
  const auto held = [this](PlanSelection selection) {
    const auto excerpt = ReadPlanExcerpt(Path("a.plan"), std::move(selection));
    EXPECT_TRUE(excerpt.ok()) << excerpt.status();
    return excerpt.ok() ? excerpt->plan : RecoveryPlan();
  };
  EXPECT_EQ(held(PlanSelection::Subject("1.0")).partitions.size(), 1u);
  const RecoveryPlan table = held(PlanSelection::Table("1"));
  EXPECT_EQ(table.partitions.size(), plan.topology.tables[0].partitions_count);
  for (const Finding& finding : table.findings) EXPECT_EQ(finding.app_id, 1);
  const std::string& node = plan.topology.nodes[0].name;
  EXPECT_FALSE(held(PlanSelection::Subject(node)).replicas.empty());
  const RecoveryPlan none = held(PlanSelection::Table(node));
  EXPECT_TRUE(none.replicas.empty() && none.partitions.empty() && none.findings.empty());
}

TEST_F(PlanFileTest, WhatIsWrongWithAFileIsNoticedOutsideOfTheExcerptToo) {
  const RecoveryPlan plan = GoldenPlan();
  const std::string last_table =
      absl::StrCat("{\"partition\":{\"pid\":\"", plan.tables.size(), ".");
  std::ofstream(Path("edited.plan")) << absl::StrReplaceAll(
      EncodePlan(plan), {{last_table + "0\",\"ballot\":", last_table + "0\",\"ballot\":1"}});
  const auto excerpt = ReadPlanExcerpt(Path("edited.plan"), PlanSelection::Subject("1.0"));
  EXPECT_TRUE(absl::IsDataLoss(excerpt.status())) << excerpt.status();
}

TEST_F(PlanFileTest, IsNotOverwrittenUnlessTold) {
  ASSERT_TRUE(WritePlanFile(SmallPlan(), Path("a.plan")).ok());
  const std::string before = Read(Path("a.plan"));
  EXPECT_EQ(WritePlanFile(GoldenPlan(), Path("a.plan")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read(Path("a.plan")), before);
  EXPECT_TRUE(WritePlanFile(GoldenPlan(), Path("a.plan"), {.overwrite = true}).ok());
  EXPECT_NE(Read(Path("a.plan")), before);
}

TEST_F(PlanFileTest, AFindingThatFitsIntoNoLineIsToldBeforeAnythingIsWritten) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  for (const char* node : {"n1", "n2"}) {
    cluster.Node(node).With(
        [&](TableRecord& table) { table.envs["k"] = std::string(600, node[1]); });
  }
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_TRUE(CheckPlanFits(plan).ok());
  const absl::Status fits = CheckPlanFits(plan, {.line_bytes_max = 1150});
  EXPECT_EQ(fits.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(fits.message()), HasSubstr("above the bound of 1150 ({\"finding\":"));
  EXPECT_FALSE(WritePlanFile(plan, Path("p"), {.line_bytes_max = 1150}).ok());
}

TEST_F(PlanFileTest, ThatIsMissingIsNotFound) {
  EXPECT_EQ(ReadPlanFile(Path("none.plan")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PlanFileTest, ErrorsNameFileAndLine) {
  std::vector<std::string> lines = LinesOf(SmallPlan());
  lines[2] = "{}";
  std::ofstream(Path("a.plan")) << Sealed(lines);
  const absl::Status status = ReadPlanFile(Path("a.plan")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("a.plan") + ":3: "));
}

TEST(PlanExcerptTest, WhatIsNotWrittenLikeANumberMayBeATablesName) {
  TableOrPartition numbers;
  for (const char* text : {"007", "+7", " 7", "7 ", "7.", "3.017", "3.+1", "3.-1", "0x7", ""}) {
    EXPECT_FALSE(ParseTableOrPartition(text, &numbers)) << text;
  }
  ASSERT_TRUE(ParseTableOrPartition("7", &numbers));
  EXPECT_EQ(numbers.app_id, 7);
  ASSERT_TRUE(ParseTableOrPartition("3.0", &numbers));
  EXPECT_EQ(numbers.app_id, 3);
  EXPECT_EQ(numbers.partition_index, 0);
}

TEST(PlanFile, DigestIsTheLastLineAndThatOfAllBytesBefore) {
  const RecoveryPlan plan = SmallPlan();
  EXPECT_THAT(LinesOf(plan).back(), MatchesRegex("\\{\"digest\":\"sha256:[0-9a-f]{64}\"\\}"));
  EXPECT_EQ(Sealed(LinesOf(plan)), EncodePlan(plan));
  RecoveryPlan other = plan;
  other.findings.clear();
  EXPECT_NE(LinesOf(other).back(), LinesOf(plan).back());
}

TEST(PlanFile, BytesThatAreNoTextSurvive) {
  const std::string bytes("\xff\0\"\n", 4);
  Cluster cluster;
  cluster.Node("n1").Node("n2").Everywhere(1, bytes, 1);
  cluster.Node("n1").With([](TableRecord& table) {
    table.envs = {{"\xfe", "\x01"}, {"k", "\xc3\xa9"}};
  });
  cluster.Node("n2").With([](TableRecord& table) {
    table.app_name = "\xfe";
    table.envs = {{"\xfe", "\xff"}, {"k", "\xc3\xa9"}};
  });
  // Read back, and equal.
  const RecoveryPlan plan = Plan(cluster, {.settlements = {{"1.app_name", bytes}}});
  EXPECT_EQ(TableOf(plan, 1).app_name, bytes);
  EXPECT_EQ(FactOfThe(plan, FindingKind::kRecordsDiffer, "field"), "envs.\xfe");
}

TEST(PlanFile, EveryTruncationIsNoticed) {
  const std::string text = EncodePlan(SmallPlan());
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    ASSERT_FALSE(DecodePlan(text.substr(0, size), "my.plan").ok()) << size;
  }
  EXPECT_THAT(ErrorOf(text.substr(0, text.size() / 2)), HasSubstr("it is truncated"));
  EXPECT_THAT(ErrorOf(text.substr(0, text.rfind("{\"digest"))), HasSubstr("it is truncated"));
}

TEST(PlanFile, EveryEditIsNoticed) {
  const std::string text = EncodePlan(SmallPlan());
  for (size_t i = 0; i < text.size(); i += 3) {
    std::string edited = text;
    edited[i] = edited[i] == '1' ? '2' : '1';
    ASSERT_FALSE(DecodePlan(edited, "my.plan").ok()) << i;
  }
  EXPECT_THAT(ErrorOf(absl::StrReplaceAll(text, {{"\"create_second\":", "\"create_second\":1"}})),
              HasSubstr("the digest differs"));
  EXPECT_THAT(ErrorOf(text + "{}\n"), HasSubstr("text behind the last line"));
}

TEST(PlanFile, WhatIsNoPlanIsSaidToBeWhatItLooksLike) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("my.plan:1: not a plan file: it is empty"));
  EXPECT_THAT(ErrorOf(std::string("\x7f"
                                  "ELF\0\1",
                                  6)),
              HasSubstr("it looks like a binary file"));
  EXPECT_THAT(ErrorOf("localhost:34801\n"), HasSubstr("its first line is no JSON"));
  EXPECT_THAT(ErrorOf("{\"format\":\"metarec-evidence\",\"version\":1}\n"),
              HasSubstr("it is an evidence file"));
  EXPECT_THAT(ErrorOf("{\"a\":1}\n"), HasSubstr("its first line names no format"));
  EXPECT_THAT(ErrorOf("{\"format\":\"metarec-plan\",\"version\":1}\n"),
              HasSubstr("another version than 4"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("my.plan:1"));
}

struct Replacement {
  const char* from;
  const char* to;
  const char* error;
};

TEST(PlanFile, WhatCannotBeIsRefusedEvenWithADigestThatFits) {
  const Replacement cases[] = {
      {"\"primary\":0", "\"primary\":3", "'primary' is missing or cannot be"},
      {"\"primary\":0", "\"primary\":-1", "'primary' is missing or cannot be"},
      {"\"last_drops\":[2,1]", "\"last_drops\":[2,7]", "names a node that is not in the file"},
      {"[[0,\"PS_INACTIVE\"", "[[9,\"PS_INACTIVE\"", "'replicas' holds something"},
      {"[[0,\"PS_INACTIVE\"", "[[0,\"PS_ASLEEP\"", "'replicas' holds something"},
      {"\"ballot\":3", "\"ballot\":-3", "'ballot' is missing or cannot be"},
      {"\"ballot\":3", "\"ballot\":99999999999999999999", "'ballot' is missing or cannot be"},
      {"\"ballot\":3", "\"ballet\":3", "'ballot' is missing or cannot be"},
      {"\"partition_count\":2", "\"partition_count\":2000000000", "'partition_count' is missing"},
      {"\"partitions\":2,", "\"partitions\":3,", "while the first line announces 3"},
      {"\"app_id\":1,\"status\"", "\"app_id\":2,\"status\"", "'app_id' is not the next one"},
      {"\"pid\":\"1.1\"", "\"pid\":\"1.0\"", "'pid' is '1.0', which cannot be"},
      {"\"pid\":\"1.1\"", "\"pid\":\"1.2\"", "'pid' is '1.2', which cannot be"},
      {"\"pid\":\"1.1\"", "\"pid\":\"2.1\"", "'pid' is '2.1', which cannot be"},
      {"\"described_by\":[0,", "\"described_by\":[8,", "names a node that is not in the file"},
      {"\"address\":\"10.0.0.2:34801\"", "\"address\":\"10.0.0.2\"", "10.0.0.2"},
      {"\"outcome\":\"ready\"", "\"outcome\":\"fine\"", "'outcome' is 'fine'"},
      {"\"kind\":\"table_lost_state\"", "\"kind\":\"table_found\"", "'kind' is 'table_found'"},
      {"\"kind\":\"table_lost_state\"", "\"kind\":\"bad_node\"", "that names none"},
      {"\"nodes\":3,\"old_trees\":0,\"tables\":1", "\"nodes\":4,\"old_trees\":0,\"tables\":1",
       "there are 3 nodes, while"},
      {"\"nodes\":3,\"old_trees\":0,\"tables\":1", "\"nodes\":2,\"old_trees\":0,\"tables\":1",
       "there are 3 nodes, while"},
      {"\"name\":\"n1:34801\"", "\"name\":\"n1\"",
       "my.plan:3: 'name' is no host:port: the ':' and the port are missing"},
      {"\"name\":\"n2:34801\"", "\"name\":\"n2:0\"", "my.plan:4: 'name' is no host:port"},
      {"\"name\":\"n2:34801\"", "\"name\":\"n 2:34801\"", "'name' is no host:port"},
      {"\"name\":\"n2:34801\"", "\"name\":\"n2:34801:1\"", "'name' is no host:port"},
      {"[\"n1:34801\"]", "[\"n1:34801\",\"n1:34801\"]", "'listed_as' does not ascend"},
      {"[\"n1:34801\"]", "[]", "'listed_as' is empty"},
      {"\"error\":\"ERR_OK\"", "\"error\":\"FINE\"", "'error' is no name of an error"},
      {"\"error\":\"ERR_OK\"", "\"error\":\"ERR_\"", "'error' is no name of an error"},
      {"\"facts\":{\"env_sources\":[],\"duplicating_nodes\":[]}", "\"facts\":{\"env_sources\":[]}",
       "a finding table_lost_state: 'duplicating_nodes' is missing or cannot be"},
      {"\"duplicating_nodes\":[]", "\"duplicating_nodes\":true",
       "'duplicating_nodes' is missing or cannot be"},
      {"\"duplicating_nodes\":[]", "\"duplicating_nodes\":[7]",
       "'duplicating_nodes' names a node that is not in the file"},
      {"\"duplicating_nodes\":[]", "\"duplicating_nodes\":[],\"replicas\":1",
       "there are facts that the kind does not have"},
      {"\"facts\":{\"env_sources\":[],\"duplicating_nodes\":[]}", "\"facts\":[]",
       "'facts' is missing or cannot be"},
      {"\"severity\":\"note\"", "\"severity\":\"unknown\"", "'severity' is 'unknown'"},
      {"\"settlements\":[]", "\"settlements\":[[\"1.app_name\",\"a\"],[\"1.app_name\",\"b\"]]",
       "my.plan:2: 'settlements' names '1.app_name' twice"},
      {"\"envs\":[]", "\"envs\":[[\"k\",\"v\"],[\"k\",\"v\"]]", "'envs' names 'k' twice"},
      {"{\"table\":", "{\"chair\":", "'chair' is out of place"},
      {"{\"options\":", "{\"node\":", "the second line holds no options"},
  };
  const std::vector<std::string> lines = LinesOf(SmallPlan());
  for (const Replacement& replacement : cases) {
    SCOPED_TRACE(absl::StrCat(replacement.from, " -> ", replacement.to));
    std::vector<std::string> edited = lines;
    bool found = false;
    for (std::string& line : edited) {
      const size_t at = found ? std::string::npos : line.find(replacement.from);
      if (at == std::string::npos) continue;
      line.replace(at, std::string(replacement.from).size(), replacement.to);
      found = true;
    }
    EXPECT_TRUE(found);
    EXPECT_THAT(ErrorOf(Sealed(edited)), HasSubstr(replacement.error));
  }
}

TEST(PlanFile, ThatLacksPartitionsOfItsLastTableIsRefused) {
  std::vector<std::string> lines = LinesOf(SmallPlan());
  const auto table = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.rfind("{\"table\":", 0) == 0;
  });
  ASSERT_NE(table, lines.end());
  *table = absl::StrReplaceAll(*table, {{"partition_count\":2", "partition_count\":3"},
                                        {"\"partitions\":2", "\"partitions\":3"}});
  EXPECT_THAT(ErrorOf(Sealed(lines)), HasSubstr("'finding' is out of place"));
  std::erase_if(lines, [](const std::string& line) { return line.rfind("{\"finding\":", 0) == 0; });
  EXPECT_THAT(ErrorOf(Sealed(lines)), HasSubstr("the last table lacks partitions"));
}

TEST(PlanFile, LinesOutOfOrderAreRefused) {
  std::vector<std::string> lines = LinesOf(SmallPlan());
  std::swap(lines[lines.size() - 2], lines[2]);
  EXPECT_FALSE(DecodePlan(Sealed(lines), "my.plan").ok());
}

}  // namespace
}  // namespace metarec
