#include "replica_collector/evidence_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/line_file/json_lines.h"
#include "testing/scratch_folder.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

TableRecord Table(int32_t app_id, const std::string& name) {
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = name;
  table.app_id = app_id;
  table.partition_count = 8;
  table.is_stateful = true;
  table.max_replica_count = 3;
  table.create_second = 1'795'221'015;
  table.init_partition_count = 4;
  return table;
}

// Everything that the format can hold, odd values included.
Evidence OddEvidence() {
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(1'795'221'132);

  NodeEvidence& first = evidence.nodes.emplace_back();
  first.listed_as = {"localhost:34801", "127.0.0.1:34801"};
  first.address = {0x7f000001, 34801};
  first.name = "localhost:34801";
  first.name_source = NodeNameSource::kReverseLookup;
  first.attempts = 3;
  first.own_address = {0x0a000001, 34801};
  first.ambiguous = {
      {.text = "localhost:34801", .not_asked = {{0x7f000002, 34801}}},
      {.text = "127.0.0.1:34801", .not_asked = {{0x7f000002, 34801}, {0x7f000003, 34801}}}};
  first.looked_up_name = "looked-up:34801";
  first.beacon_names = {"rs1:34801", "\xFF"};
  first.tables = {Table(2, "temp"), Table(7, "quote\" tab\t \xE2\x82\xAC"),
                  Table(INT32_MAX, std::string("no utf-8 \xFF\0!", 12))};
  first.tables[0].Mutable().envs = {
      {"rocksdb.usage_scenario", "normal"}, {"", ""}, {"\xC0", "\x01"}};
  first.tables[1].Mutable().duplicating = true;
  first.tables[1].Mutable().is_bulk_loading = true;
  first.tables[1].Mutable().atomic_idempotent = true;
  first.tables[1].Mutable().drop_second = INT64_MIN;
  for (int i = 0; i < 2'345; ++i) {
    first.replicas.push_back({2, i, i + 1, 10 + i, 20 + i, 5 + i, ReplicaStatus::kInactive});
  }
  first.replicas.push_back(
      {INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, -1, 0, static_cast<ReplicaStatus>(99)});

  NodeEvidence& failed = evidence.nodes.emplace_back();
  failed.listed_as = {"n2:34802"};
  failed.address = {0x0a000002, 34802};
  failed.name = "n2:34802";
  failed.error = "ERR_TIMEOUT";
  failed.error_detail = "no answer within 5s";

  NodeEvidence& unknown = evidence.nodes.emplace_back();
  unknown.listed_as = {"n3:34803"};
  unknown.error = "ERR_NETWORK_FAILURE";

  NodeEvidence& empty = evidence.nodes.emplace_back();
  empty.listed_as = {"n4:34804"};
  empty.address = {0x0a000004, 34804};
  empty.name = "node-4:34804";
  empty.name_source = NodeNameSource::kOverride;

  evidence.unlisted = {{.address = {0x0a000008, 34801}, .names = {"rs8:34801"}, .is_there = true},
                       {.address = {0x0a000009, 34801}}};
  return evidence;
}

Evidence SmallEvidence() {
  Evidence evidence;
  for (uint32_t i = 1; i <= 2; ++i) {
    NodeEvidence& node = evidence.nodes.emplace_back();
    node.listed_as = {absl::StrCat("n", i, ":1")};
    node.address = {i, 1};
    node.name = node.listed_as[0];
    node.tables = {Table(1, "t")};
    node.replicas = {{1, 0, 3, 2, 2, 1, ReplicaStatus::kPrimary}};
  }
  return evidence;
}

class EvidenceFile : public ::testing::Test {
 protected:
  static std::string Bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::string Written(const Evidence& evidence) {
    const absl::Status status = WriteEvidenceFile(evidence, path_, {.overwrite = true});
    EXPECT_TRUE(status.ok()) << status;
    return Bytes(path_);
  }
  absl::Status ErrorOf(const std::string& bytes, const EvidenceFileOptions& options = {}) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return ReadEvidenceFile(path_, options).status();
  }
  void ExpectError(const std::string& bytes, absl::StatusCode code, absl::string_view message) {
    const absl::Status status = ErrorOf(bytes);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(message)));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }

  // The lines of SmallEvidence's file, of which there are eight: header, node, table and replicas
  // of two nodes, end.
  std::vector<std::string> SmallLines() {
    std::vector<std::string> lines = absl::StrSplit(Written(SmallEvidence()), '\n');
    EXPECT_EQ(lines.size(), 9u);
    lines.pop_back();
    return lines;
  }
  // With a digest that fits, so that other checks must find what is wrong.
  static std::string WithDigest(std::vector<std::string> lines) {
    LineDigest digest;
    for (size_t i = 0; i + 1 < lines.size(); ++i) digest.Add(lines[i]);
    const size_t at = lines.back().find("sha256:");
    lines.back() = absl::StrCat(lines.back().substr(0, at), digest.Finish(), "\"}");
    return absl::StrJoin(lines, "\n") + "\n";
  }

  testing::ScratchFolder folder_;
  const std::string path_ = folder_.Path("evidence.jsonl");
};

TEST_F(EvidenceFile, ReadsBackToEqualEvidence) {
  for (const char* name : {"/e.jsonl", "/e.jsonl.zst"}) {
    const std::string path = folder_.path() + name;
    const absl::Status status = WriteEvidenceFile(OddEvidence(), path);
    ASSERT_TRUE(status.ok()) << status;
    const auto read = ReadEvidenceFile(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == OddEvidence()) << name;
  }
  EXPECT_LT(std::filesystem::file_size(folder_.Path("e.jsonl.zst")),
            std::filesystem::file_size(folder_.Path("e.jsonl")) / 2);
}

TEST_F(EvidenceFile, ReadsBackEvidenceOfNoNode) {
  Written(Evidence());
  const auto read = ReadEvidenceFile(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == Evidence());
}

TEST_F(EvidenceFile, HasTheDocumentedLines) {
  const std::vector<std::string> lines = SmallLines();
  EXPECT_EQ(lines[0], R"({"format":"metarec-evidence","version":1,"collected_at":0})");
  EXPECT_EQ(lines[1],
            R"({"node":{"listed_as":["n1:1"],"address":"0.0.0.1:1","name":"n1:1",)"
            R"("name_source":"node_list","error":"ERR_OK","error_detail":"","attempts":1,)"
            R"("tables":1,"replicas":1}})");
  EXPECT_EQ(lines[2], R"({"table":{"status":1,"app_type":"pegasus","app_name":"t","app_id":1,)"
                      R"("partition_count":8,"envs":[],"is_stateful":true,"max_replica_count":3,)"
                      R"("expire_second":0,"create_second":1795221015,"drop_second":0,)"
                      R"("duplicating":false,"init_partition_count":4,"is_bulk_loading":false,)"
                      R"("atomic_idempotent":false}})");
  EXPECT_EQ(lines[3], R"({"replicas":[[1,0,3,3,2,2,1]]})");
  EXPECT_THAT(lines[7], ::testing::StartsWith(R"({"counts":{"nodes":2,"tables":2,"replicas":2},)"
                                              R"("digest":"sha256:)"));
}

TEST_F(EvidenceFile, KeepsEveryLineShortHoweverManyReplicas) {
  Evidence evidence = SmallEvidence();
  evidence.nodes[0].replicas.assign(50'000, {INT32_MAX, INT32_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                             INT64_MAX, ReplicaStatus::kInactive});
  for (const absl::string_view line : absl::StrSplit(Written(evidence), '\n')) {
    EXPECT_LT(line.size(), 150'000u);
  }
}

TEST_F(EvidenceFile, RefusesToReplaceAFileUnlessAsked) {
  const std::string before = Written(SmallEvidence());
  EXPECT_EQ(WriteEvidenceFile(OddEvidence(), path_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Bytes(path_), before);
}

TEST_F(EvidenceFile, CutAnywhereIsTruncatedOrNotEvidence) {
  const std::string whole = Written(SmallEvidence());
  for (size_t length = 0; length + 1 < whole.size(); ++length) {
    const absl::Status status = ErrorOf(whole.substr(0, length));
    if (length < whole.find('\n')) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << length << ": " << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("truncated")) << length;
      EXPECT_THAT(std::string(status.message()), HasSubstr("collect again")) << length;
    }
  }
}

TEST_F(EvidenceFile, CutBehindTheLastBraceIsWhole) {
  std::string whole = Written(SmallEvidence());
  whole.pop_back();
  EXPECT_TRUE(ErrorOf(whole).ok());
}

TEST_F(EvidenceFile, AnyChangedByteIsFound) {
  const std::string whole = Written(SmallEvidence());
  for (size_t i = 0; i < whole.size() - 1; ++i) {
    std::string edited = whole;
    edited[i] = edited[i] == '7' ? '8' : '7';
    EXPECT_FALSE(ErrorOf(edited).ok()) << "byte " << i << ": " << edited.substr(i, 20);
  }
}

TEST_F(EvidenceFile, EditedValueIsFoundByTheDigest) {
  ExpectError(absl::StrReplaceAll(Written(SmallEvidence()), {{"[[1,0,3,3,", "[[1,0,3,9,"}}),
              absl::StatusCode::kDataLoss, ":8: the digest differs");
}

TEST_F(EvidenceFile, LinesAddedRemovedOrSwappedAreFoundEvenWithAFittingDigest) {
  const std::vector<std::string> lines = SmallLines();
  auto without = lines;
  without.erase(without.begin() + 3);
  ExpectError(WithDigest(without), absl::StatusCode::kDataLoss, ":4: the node before has fewer");
  auto doubled = lines;
  doubled.insert(doubled.begin() + 3, lines[3]);
  ExpectError(WithDigest(doubled), absl::StatusCode::kDataLoss, ":5: more replicas than");
  auto table_twice = lines;
  table_twice.insert(table_twice.begin() + 2, lines[2]);
  ExpectError(WithDigest(table_twice), absl::StatusCode::kDataLoss, ":4: a table that the node");
  auto headless = lines;
  headless.erase(headless.begin() + 1);
  ExpectError(WithDigest(headless), absl::StatusCode::kDataLoss, ":2: a table before any node");
  auto longer = lines;
  longer.push_back(lines[1]);
  ExpectError(absl::StrJoin(longer, "\n"), absl::StatusCode::kDataLoss, ":9: text behind");
}

TEST_F(EvidenceFile, NodesThatAreThereTwiceAreNamedWithBothLines) {
  auto lines = SmallLines();
  const std::string second = lines[4];
  lines[4] = absl::StrReplaceAll(second, {{"0.0.0.2:1", "0.0.0.1:1"}});
  ExpectError(WithDigest(lines), absl::StatusCode::kDataLoss,
              ":5: node 0.0.0.1:1 is there already, in line 2");
  lines[4] = absl::StrReplaceAll(second, {{"[\"n2:1\"]", "[\"n1:1\"]"}});
  ExpectError(WithDigest(lines), absl::StatusCode::kDataLoss,
              ":5: node n1:1 is there already, in line 2");
}

TEST_F(EvidenceFile, WrongTypesAndRangesAreFoundEvenWithAFittingDigest) {
  const std::vector<std::string> lines = SmallLines();
  const std::vector<std::vector<std::string>> changes = {
      {"1", "\"address\":\"0.0.0.1:1\"", "\"address\":\"n1\"", "'address'"},
      {"1", "\"attempts\":1", "\"attempts\":3000000000", "'attempts'"},
      {"1", "\"name\":\"n1:1\"", "\"name\":7", "'name'"},
      {"1", "node_list", "guess", "'name_source'"},
      {"1", "\"tables\":1", "\"tables\":-1", "negative"},
      {"1", "ERR_OK", "ERR_TIMEOUT", "a node that failed has tables or replicas"},
      {"1", "ERR_OK", "ERR OK", "'error'"},
      {"1", "[\"n1:1\"]", "[]", "'listed_as'"},
      {"2", "\"app_id\":1", "\"app_id\":1.5", "'app_id'"},
      {"1", "\"name\":\"n1:1\"", "\"name\":\"n1\"", "'name' has 'n1', which is no host:port"},
      {"1", "[\"n1:1\"]", "[\"n 1:1\"]", "'listed_as' has 'n 1:1', which is no host:port"},
      {"1", "0.0.0.1:1", "0.0.0.0:1", "no server has the address 0.0.0.0"},
      {"0", "\"collected_at\":0", "\"collected_at\":100000000000000", "'collected_at'"},
      {"0", "\"collected_at\":0", "\"collected_at\":-1", "'collected_at'"},
      {"2", "\"envs\":[]", "\"envs\":[[\"a\"]]", "'envs'"},
      {"2", "\"envs\":[]", "\"envs\":[[\"k\",\"a\"],[\"k\",\"b\"]]", "'envs' names 'k' twice"},
      {"2", "\"is_stateful\":true", "\"is_stateful\":1", "'is_stateful'"},
      {"3", "[1,0,3,3,2,2,1]", "[1,0,3,3,2,2]", "seven integers"},
      {"3", "[1,0,3,3,2,2,1]", "[1,0,3,3,2,2,99999999999999999999]", "seven integers"},
      {"7", "\"nodes\":2", "\"nodes\":3", "the counts differ"},
  };
  for (const auto& change : changes) {
    auto edited = lines;
    std::string& line = edited[std::stoul(change[0])];
    ASSERT_TRUE(absl::StrContains(line, change[1])) << change[1];
    line = absl::StrReplaceAll(line, {{change[1], change[2]}});
    ExpectError(WithDigest(edited), absl::StatusCode::kDataLoss, change[3]);
  }
}

TEST_F(EvidenceFile, WhoIsWhoOutOfOrderMadeAPlanThatNobodyCouldRead) {
  using Edit = std::function<void(Evidence&)>;
  const std::pair<Edit, const char*> edits[] = {
      {[](Evidence& evidence) {
         evidence.nodes[0].beacon_names = {"b:1", "a:1"};
       },
       "'beacon_names' does not ascend"},
      {[](Evidence& evidence) {
         evidence.nodes[0].beacon_names = {"a:1", "a:1"};
       },
       "'beacon_names' does not ascend"},
      {[](Evidence& evidence) { evidence.nodes[0].ambiguous[0].not_asked.clear(); },
       "'not_asked' is empty, or does not ascend"},
      {[](Evidence& evidence) {
         std::reverse(evidence.nodes[0].ambiguous[1].not_asked.begin(),
                      evidence.nodes[0].ambiguous[1].not_asked.end());
       },
       "'not_asked' is empty, or does not ascend"},
      {[](Evidence& evidence) { evidence.nodes[0].ambiguous[1] = evidence.nodes[0].ambiguous[0]; },
       "'ambiguous' has an entry twice"},
      {[](Evidence& evidence) { evidence.nodes[0].ambiguous[0].text = "n9:34801"; },
       "'ambiguous' has an entry that is not in 'listed_as'"},
      {[](Evidence& evidence) {
         evidence.unlisted[0].names = {"b:1", "a:1"};
       },
       "'names' does not ascend"},
      {[](Evidence& evidence) { std::swap(evidence.unlisted[0], evidence.unlisted[1]); },
       "'address' is not above that of the unlisted server before"},
  };
  for (const auto& [edit, error] : edits) {
    Evidence evidence = OddEvidence();
    edit(evidence);
    const std::string path = folder_.Path("who");
    ASSERT_TRUE(WriteEvidenceFile(evidence, path, {.overwrite = true}).ok());
    const auto read = ReadEvidenceFile(path);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(error));
  }
}

TEST_F(EvidenceFile, CountsThatAddUpToMoreThanANumberHoldsAreRefused) {
  std::vector<std::string> lines = SmallLines();
  lines[1] = absl::StrReplaceAll(lines[1], {{"ERR_OK", "ERR_TIMEOUT"},
                                            {"\"tables\":1", "\"tables\":9223372036854775807"},
                                            {"\"replicas\":", "\"replicas\":922337203685477580"}});
  ExpectError(WithDigest(lines), absl::StatusCode::kDataLoss,
              "a node that failed has tables or replicas");
}

TEST_F(EvidenceFile, KeepsWhatWasReadFromDisk) {
  Evidence evidence = SmallEvidence();
  NodeEvidence& node = evidence.nodes.front();
  ASSERT_TRUE(node.complete());
  node.disk = DiskFolders{.set_aside = {"/d/1.0.pegasus.7.err"}, .unusable = {"/d/2.0.x: why"}};
  const std::string text = Written(evidence);
  EXPECT_THAT(text, HasSubstr("\"version\":2"));
  const absl::StatusOr<Evidence> read = ReadEvidenceFile(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, evidence);
  // Programs of version 1 take such nodes for running ones.
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  lines[0] = absl::StrReplaceAll(lines[0], {{"\"version\":2", "\"version\":1"}});
  ExpectError(WithDigest(lines), absl::StatusCode::kDataLoss, "'disk' is not in evidence of this");
}

TEST_F(EvidenceFile, OtherFilesAreToldApart) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError("", kInvalid, ":1: not an evidence file: it is empty");
  ExpectError("n1:34801\n", kInvalid, "its first line is no JSON");
  ExpectError("[1]\n", kInvalid, "its first line is no JSON");
  ExpectError("{\"a\":1}\n", kInvalid, "its first line names no format");
  ExpectError("{\"format\":\"metarec-plan\",\"version\":1}\n", kInvalid,
              "its format is 'metarec-plan'");
  ExpectError(std::string(1'000, '\0'), kInvalid, "its first line is no JSON");
}

TEST_F(EvidenceFile, AnotherVersionSaysWhichProgramReadsIt) {
  ExpectError("{\"format\":\"metarec-evidence\",\"version\":3}\n",
              absl::StatusCode::kInvalidArgument, "of another version than 1 and 2");
}

TEST_F(EvidenceFile, DeeplyNestedGarbageDoesNotExhaustTheStack) {
  ExpectError(std::string(2'000'000, '['), absl::StatusCode::kInvalidArgument, "no JSON");
  auto lines = SmallLines();
  lines[2] = std::string(2'000'000, '[') + std::string(2'000'000, ']');
  ExpectError(WithDigest(lines), absl::StatusCode::kDataLoss, ":3: not a JSON object");
}

TEST_F(EvidenceFile, BoundsAreErrorsThatNameThem) {
  const std::string whole = Written(SmallEvidence());
  EXPECT_EQ(ErrorOf(whole, {.nodes_max = 1}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorOf(whole, {.tables_max = 1}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorOf(whole, {.replicas_max = 1}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorOf(whole, {.line_bytes_max = 100}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ErrorOf(whole, {.nodes_max = 2, .tables_max = 2, .replicas_max = 2}).ok());
}

TEST_F(EvidenceFile, MissingFileIsNotFound) {
  EXPECT_EQ(ReadEvidenceFile(folder_.Path("none")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace metarec
