// The captured output of a stock shell (tests/golden/text) is reproduced from the captured
// ZooKeeper tree of the same cluster; and what tables look like in general.

#include "pegasus_client/cluster_listing.h"

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "pegasus_client/shell_tables.h"

namespace metarec::tools {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// What the shell printed for a command: without its banner and its last line.
std::string GoldenText(const std::string& name) {
  const std::string text = ReadFile(absl::StrCat(METAREC_GOLDEN_DIR, "/text/", name));
  const size_t banner = text.find("The cluster meta list is:");
  const size_t begin = text.find('\n', banner) + 1;
  return text.substr(begin, text.find("dsn exit with code") - begin);
}

// What a transcript says from the first `from` to the next `to`.
std::string GoldenSection(const std::string& path, const std::string& from, const std::string& to) {
  const std::string text = ReadFile(absl::StrCat(METAREC_GOLDEN_DIR, "/", path));
  const size_t begin = text.find(from);
  return text.substr(begin, text.find(to, begin) - begin);
}

std::vector<std::string> Strings(const rapidjson::Value& array) {
  std::vector<std::string> strings;
  for (const auto& value : array.GetArray()) strings.emplace_back(value.GetString());
  return strings;
}

TableView ParseTable(const rapidjson::Value& app) {
  TableView table;
  table.status = absl::EndsWith(app["status"].GetString(), "AS_AVAILABLE") ? TableStatus::kAvailable
                                                                           : TableStatus::kDropped;
  table.app_type = app["app_type"].GetString();
  table.app_name = app["app_name"].GetString();
  table.app_id = app["app_id"].GetInt();
  table.partition_count = app["partition_count"].GetInt();
  for (const auto& env : app["envs"].GetObject()) {
    table.envs[env.name.GetString()] = env.value.GetString();
  }
  table.is_stateful = app["is_stateful"].GetInt() != 0;
  table.max_replica_count = app["max_replica_count"].GetInt();
  table.expire_second = app["expire_second"].GetInt64();
  table.create_second = app["create_second"].GetInt64();
  table.drop_second = app["drop_second"].GetInt64();
  table.atomic_idempotent = app["atomic_idempotent"].GetInt() != 0;
  return table;
}

PartitionView ParsePartition(int32_t index, const rapidjson::Value& json) {
  PartitionView partition;
  partition.index = index;
  partition.ballot = json["ballot"].GetInt64();
  partition.primary = json["hp_primary"].GetString();
  if (partition.primary == "invalid host_port") partition.primary.clear();
  partition.secondaries = Strings(json["hp_secondaries"]);
  partition.last_drops = Strings(json["hp_last_drops"]);
  return partition;
}

// The tables under `root` of a captured tree, ascending by id.
std::vector<TableView> ReadTree(const std::string& name, const std::string& root) {
  std::map<int32_t, TableView> tables;
  std::map<int32_t, std::map<int32_t, PartitionView>> partitions;
  for (absl::string_view line : absl::StrSplit(
           ReadFile(absl::StrCat(METAREC_GOLDEN_DIR, "/", name)), '\n', absl::SkipEmpty())) {
    rapidjson::Document znode;
    znode.Parse(line.data(), line.size());
    absl::string_view path = znode["path"].GetString();
    if (!absl::ConsumePrefix(&path, absl::StrCat(root, "/apps/"))) continue;
    const std::vector<std::string> parts = absl::StrSplit(path, '/');
    int32_t app_id = 0;
    int32_t index = 0;
    if (!absl::SimpleAtoi(parts[0], &app_id)) continue;
    rapidjson::Document data;
    data.Parse(znode["data"].GetString());
    if (parts.size() == 1) tables[app_id] = ParseTable(data);
    if (parts.size() == 2 && absl::SimpleAtoi(parts[1], &index)) {
      partitions[app_id][index] = ParsePartition(index, data);
    }
  }
  std::vector<TableView> result;
  for (auto& [app_id, table] : tables) {
    for (auto& [index, partition] : partitions[app_id]) {
      if (index < table.partition_count) table.partitions.push_back(std::move(partition));
    }
    result.push_back(std::move(table));
  }
  return result;
}

std::vector<TableView> HealthyCluster() { return ReadTree("zk_before.jsonl", "/pegasus/onebox"); }
std::vector<TableView> RecoveredCluster() {
  return ReadTree("zk_after.jsonl", "/pegasus/recovered");
}
std::vector<TableView> RestartedCluster() {
  return ReadTree("zk_after_restart.jsonl", "/pegasus/recovered");
}

const TableView& Named(const std::vector<TableView>& tables, const std::string& name) {
  for (const TableView& table : tables) {
    if (table.app_name == name) return table;
  }
  ADD_FAILURE() << "no table " << name;
  return tables.front();
}

std::vector<NodeView> Alive(std::vector<NodeView> nodes) {
  for (NodeView& node : nodes) node.liveness = NodeLiveness::kAlive;
  return nodes;
}

ListTablesOptions InUtc(std::string status, bool detailed) {
  ListTablesOptions options;
  options.status = std::move(status);
  options.detailed = detailed;
  options.time_zone = absl::UTCTimeZone();
  return options;
}

TEST(ClusterListingTest, ListsAvailableTablesAsTheShellDoes) {
  EXPECT_EQ(ListTables(HealthyCluster(), InUtc("AVAILABLE", false)).ToText(),
            GoldenText("A_ls.txt"));
}

TEST(ClusterListingTest, ListsDroppedTablesWithTheirTimesAndTheHealthOfTheOthers) {
  EXPECT_EQ(ListTables(HealthyCluster(), InUtc("", true)).ToText(), GoldenText("A_ls_a_d.txt"));
}

TEST(ClusterListingTest, ListsAPlaceholderAfterARecovery) {
  EXPECT_EQ(ListTables(RestartedCluster(), InUtc("", true)).ToText(),
            GoldenText("B_restarted_ls_a_d.txt"));
}

TEST(ClusterListingTest, CountsTablesWithoutSecondariesAsUnhealthy) {
  EXPECT_EQ(ListTables(RecoveredCluster(), InUtc("AVAILABLE", true)).ToText(),
            GoldenText("B_right_after_ls_d.txt"));
}

TEST(ClusterListingTest, ShowsATableAsTheShellDoes) {
  ShowTableOptions options;
  options.detailed = true;
  const std::vector<TableView> tables = HealthyCluster();
  EXPECT_EQ(ShowTable(Named(tables, "temp"), options).ToText(), GoldenText("A_app_temp_d.txt"));
  EXPECT_EQ(ShowTable(Named(tables, "usertable"), options).ToText(),
            GoldenText("A_app_usertable_d.txt"));
}

TEST(ClusterListingTest, ShowsATableOfSingleReplicas) {
  ShowTableOptions options;
  options.detailed = true;
  EXPECT_EQ(ShowTable(Named(RestartedCluster(), "single"), options).ToText(),
            GoldenText("B_restarted_app_single_d.txt"));
}

TEST(ClusterListingTest, ShowsAPartitionWithoutPrimary) {
  TableView table;
  table.app_id = 8;
  table.status = TableStatus::kAvailable;
  table.app_name = "single";
  table.partition_count = 4;
  table.max_replica_count = 1;
  const std::string n1 = "localhost:34801";
  table.partitions = {{0, 2, n1, {}, {}},
                      {1, 0, "", {}, {}},
                      {2, 2, "localhost:34802", {}, {}},
                      {3, 2, n1, {}, {}}};
  ShowTableOptions options;
  options.detailed = true;
  EXPECT_EQ(ShowTable(table, options).ToText(),
            GoldenSection("variants/a_one_node_down/transcript.txt", "[parameters]",
                          "dsn exit with code"));
}

TEST(ClusterListingTest, ShowsATableBrieflyAndNamesTheOutputFile) {
  ShowTableOptions options;
  options.out_file = "x";
  EXPECT_EQ(ShowTable(Named(HealthyCluster(), "single"), options).ToText(),
            "[parameters]\n"
            "app_name  : single\n"
            "out_file  : x     \n"
            "detailed  : false \n"
            "\n"
            "[general]\n"
            "app_name           : single\n"
            "app_id             : 8     \n"
            "partition_count    : 4     \n"
            "max_replica_count  : 1     \n"
            "\n");
}

TEST(ClusterListingTest, ListsNodesWithTheirReplicasAsTheShellDoes) {
  ListNodesOptions options;
  options.detailed = true;
  const std::vector<TableView> healthy = HealthyCluster();
  EXPECT_EQ(ListNodes(Alive(NodesNamedBy(healthy)), healthy, options).ToText(),
            GoldenText("A_nodes_d.txt"));
  const std::vector<TableView> restarted = RestartedCluster();
  EXPECT_EQ(ListNodes(Alive(NodesNamedBy(restarted)), restarted, options).ToText(),
            GoldenText("B_restarted_nodes_d.txt"));
}

TEST(ClusterListingTest, ListsNodesThatAreNotAlive) {
  std::vector<NodeView> nodes;
  for (const char* name : {"127.0.0.1:34801", "127.0.0.1:34802", "127.0.0.1:34803"}) {
    nodes.push_back({name, NodeLiveness::kUnalive});
  }
  for (const char* name : {"localhost:34801", "localhost:34802", "localhost:34803"}) {
    nodes.push_back({name, NodeLiveness::kAlive});
  }
  ListNodesOptions options;
  options.detailed = true;
  EXPECT_EQ(ListNodes(nodes, {}, options).ToText(),
            GoldenSection("variants/f_ip_node_list/transcript.txt",
                          "[details]\naddress          status     ", "dsn exit with code"));
}

TEST(ClusterListingTest, FiltersNodesByStatus) {
  ListNodesOptions options;
  options.status = "unalive";
  const std::vector<NodeView> nodes = {{"a:1", NodeLiveness::kAlive},
                                       {"b:1", NodeLiveness::kUnalive}};
  EXPECT_EQ(ListNodes(nodes, {}, options).ToText(),
            "[parameters]\n"
            "status  : unalive\n"
            "\n"
            "[details]\n"
            "address  status   \n"
            "b:1      UNALIVE  \n"
            "\n"
            "[summary]\n"
            "total_node_count    : 1\n"
            "alive_node_count    : 0\n"
            "unalive_node_count  : 1\n"
            "\n");
}

// Scripts compared the counts with those from before the outage, and found replicas missing.
TEST(ClusterListingTest, SaysThatItCountsWhatARecoveryWrote) {
  TableView table;
  table.max_replica_count = 3;
  table.partitions = {{0, 3, "rs1:1", {}, {"rs2:1"}}, {1, 3, "", {}, {}}};
  ListNodesOptions options;
  options.detailed = true;
  const auto note = [&] { return ListNodes(NodesNamedBy({table}), {table}, options).note(); };
  EXPECT_TRUE(note().starts_with("no partition has a secondary, as after a recovery")) << note();
  options.detailed = false;
  EXPECT_EQ(note(), "") << "counts nothing";
  options.detailed = true;
  table.partitions[1].secondaries = {"rs2:1"};
  EXPECT_EQ(note(), "");
  table.partitions.pop_back();
  table.max_replica_count = 1;
  EXPECT_EQ(note(), "") << "none is missing";
}

TEST(ClusterListingTest, SaysThatARootDoesNotTellWhichNodesAreAlive) {
  TableView table;
  table.partitions = {{0, 3, "rs10:2", {"rs10:10", "rs10:9"}, {"rs2:1"}}};
  const std::string text = ListNodes(NodesNamedBy({table}), {table}, {}).ToText();
  EXPECT_EQ(text,
            "[details]\n"
            "address  status   \n"
            "rs10:2   UNKNOWN  \n"
            "rs10:9   UNKNOWN  \n"
            "rs10:10  UNKNOWN  \n"
            "rs2:1    UNKNOWN  \n"
            "\n"
            "[summary]\n"
            "total_node_count    : 4\n"
            "alive_node_count    : 0\n"
            "unalive_node_count  : 0\n"
            "unknown_node_count  : 4\n"
            "\n");
}

TEST(ClusterListingTest, CountsMissingPartitionsAsUnhealthy) {
  TableView table;
  table.status = TableStatus::kAvailable;
  table.partition_count = 8;
  table.max_replica_count = 1;
  table.partitions = {{0, 3, "a:1", {}, {}}};
  EXPECT_THAT(ListTables({table}, InUtc("AVAILABLE", true)).ToText(),
              testing::HasSubstr("8                1              7          7                7"));
}

TEST(ShellTablesTest, PadsEveryCellOfAColumnTableToTheLongestOfItsColumnPlusTwo) {
  ColumnTable table = ColumnTable::LeftAligned("t", {"id", "name"});
  table.rows = {{"1", "a"}, {"2000", "long name"}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(),
            "[t]\n"
            "id    name       \n"
            "1     a          \n"
            "2000  long name  \n");
}

TEST(ShellTablesTest, AlignsToTheRightWhereAsked) {
  ColumnTable table;
  table.columns = {{"node", false}, {"count", true}};
  table.rows = {{"n1", "7"}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(),
            "node    count\n"
            "n1          7\n");
}

TEST(ShellTablesTest, PadsTheValuesOfAFieldTableToTheLongest) {
  ShellTables tables;
  tables.Add(FieldTable{"f", {{"a", "1"}, {"long", "123"}}});
  EXPECT_EQ(tables.ToText(),
            "[f]\n"
            "a     : 1  \n"
            "long  : 123\n");
}

TEST(ShellTablesTest, EndsEachOfSeveralTablesWithAnEmptyLine) {
  ShellTables tables;
  tables.Add(FieldTable{"f", {{"a", "1"}}});
  tables.Add(FieldTable{"g", {{"b", "2"}}});
  EXPECT_EQ(tables.ToText(), "[f]\na  : 1\n\n[g]\nb  : 2\n\n");
}

TEST(ShellTablesTest, KeepsARowThatIsTooShortFromDoingHarm) {
  ColumnTable table = ColumnTable::LeftAligned("", {"a", "b"});
  table.rows = {{"1"}, {}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(), "a  b  \n1  \n\n");
  EXPECT_THAT(tables.ToJson(), testing::HasSubstr("\"1\""));
}

TEST(ShellTablesTest, WritesJsonByTableThenRowThenColumn) {
  ColumnTable table = ColumnTable::LeftAligned("nodes", {"address", "status"});
  table.rows = {{"n1:1", "ALIVE"}};
  ShellTables tables;
  tables.Add(table);
  tables.Add(FieldTable{"summary", {{"count", "1"}}});
  EXPECT_EQ(tables.ToJson(),
            R"({
    "nodes": {
        "n1:1": {
            "address": "n1:1",
            "status": "ALIVE"
        }
    },
    "summary": {
        "count": "1"
    }
}
)");
}

TEST(ShellTablesTest, EscapesWhatATerminalWouldActUpon) {
  ShellTables tables;
  ColumnTable columns = ColumnTable::LeftAligned("c", {"name"});
  columns.rows.push_back({"a\x1b[2J\nb"});
  tables.Add(std::move(columns));
  tables.Add(FieldTable{"f", {{"name", "a\tb"}}});
  EXPECT_EQ(tables.ToText(), "[c]\nname           \na\\x1b[2J\\x0ab  \n\n[f]\nname  : a\\x09b\n\n");
  EXPECT_NE(tables.ToJson().find("\"a\\\\x1b[2J\\\\x0ab\""), std::string::npos);
}

TEST(ShellTablesTest, PrintsNothingWithoutTables) {
  EXPECT_EQ(ShellTables().ToText(), "");
  EXPECT_EQ(ShellTables().ToJson(), "{}\n");
}

}  // namespace
}  // namespace metarec::tools
