// What a stock meta server answered (tests/golden/rpc), asked for over a socket and printed as the
// stock shell printed it (tests/golden/text).

#include "pegasus_client/meta_admin.h"

#include <fstream>
#include <sstream>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>

#include "pegasus_client/shell_failure.h"
#include "rpc/native_frame.h"
#include "rpc/pegasus_status.h"
#include "tests/pegasus_client/fake_meta.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Golden(const std::string& name) {
  std::ifstream file(METAREC_GOLDEN_DIR "/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string GoldenBody(const std::string& name) {
  return Golden("rpc/" + name + ".bin").substr(rpc::kNativeHeaderBytes);
}

// What the shell printed for a command: without its banner and its last line.
std::string GoldenText(const std::string& name) {
  const std::string text = Golden("text/" + name);
  const size_t begin = text.find('\n', text.find("The cluster meta list is:")) + 1;
  return text.substr(begin, text.find("dsn exit with code") - begin);
}

class MetaAdminTest : public FakeMetaTest {
 protected:
  MetaAdminTest() : meta_(AddMeta()) { ClientOf({meta_.name()}); }

  // Answers as captured, "RPC_CM_LIST_APPS.1" for example.
  void Answer(const std::string& message) {
    meta_.AnswerBytes(message.substr(0, message.find('.')), GoldenBody(message + ".response"));
  }
  // By table, as captured in the messages with these numbers.
  void AnswerPartitions(const std::map<std::string, std::string>& number_by_table) {
    meta_.On(idl::kRpcCmQueryPartitionConfigByIndex, [=](const rpc::Request& request) {
      idl::query_cfg_request decoded;
      EXPECT_TRUE(idl::DecodeBody(request.body, &decoded).ok());
      rpc::HandlerResult result;
      result.body = GoldenBody("RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX." +
                               number_by_table.at(decoded.app_name) + ".response");
      return result;
    });
  }

  std::string Text(asio::awaitable<absl::StatusOr<ShellTables>> listing) {
    const absl::StatusOr<ShellTables> tables = Run(std::move(listing));
    return tables.ok() ? tables->ToText() : ShellTextOf(tables.status()) + "\n";
  }

  static ListTablesOptions InUtc(std::string status) {
    ListTablesOptions options;
    options.status = std::move(status);
    options.time_zone = absl::UTCTimeZone();
    return options;
  }

  FakeMeta& meta_;
};

TEST_F(MetaAdminTest, LsAsksAndPrintsAsTheShell) {
  idl::configuration_list_apps_response response;
  ASSERT_TRUE(idl::DecodeBody(GoldenBody("RPC_CM_LIST_APPS.1.response"), &response).ok());
  for (idl::app_info& info : response.infos) {
    if (info.app_name != "splitme") continue;
    info.partition_count = 8;  // it was split between the message and the text
    info.envs["replica.split.validate_partition_hash"] = "true";
  }
  meta_.Answer(idl::kRpcCmListApps, response);
  EXPECT_EQ(Text(ListTablesByMeta(client_.get(), InUtc("AVAILABLE"))), GoldenText("A_ls.txt"));
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_LIST_APPS.1.request"));
}

TEST_F(MetaAdminTest, LsOfAllAsksAsTheShell) {
  Answer("RPC_CM_LIST_APPS.3");
  EXPECT_THAT(Text(ListTablesByMeta(client_.get(), InUtc(""))), HasSubstr("DROPPED"));
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_LIST_APPS.3.request"));
}

TEST_F(MetaAdminTest, ServersThatDoNotKnowAColumnDoNotGetIt) {
  idl::configuration_list_apps_response response;
  response.err = idl::error_code("ERR_OK");
  response.infos.emplace_back();
  meta_.Answer(idl::kRpcCmListApps, response);
  EXPECT_THAT(Text(ListTablesByMeta(client_.get(), InUtc(""))),
              ::testing::Not(HasSubstr("atomic_idempotent")));
}

TEST_F(MetaAdminTest, AppAsksAndPrintsAsTheShell) {
  AnswerPartitions({{"temp", "1"}, {"usertable", "2"}});
  ShowTableOptions options;
  options.detailed = true;
  EXPECT_EQ(Text(ShowTableByMeta(client_.get(), "temp", options)), GoldenText("A_app_temp_d.txt"));
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.1.request"));
  EXPECT_EQ(Text(ShowTableByMeta(client_.get(), "usertable", options)),
            GoldenText("A_app_usertable_d.txt"));
}

TEST_F(MetaAdminTest, NodesAsksAndPrintsAsTheShell) {
  Answer("RPC_CM_LIST_NODES.1");
  ListNodesOptions options;
  options.status = "alive";
  EXPECT_THAT(
      Text(ListNodesByMeta(client_.get(), options)),
      AllOf(StartsWith("[parameters]\nstatus  : alive\n"), HasSubstr("localhost:34801  ALIVE   \n"),
            HasSubstr("alive_node_count    : 3\n")));
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_LIST_NODES.1.request"));
}

TEST_F(MetaAdminTest, NodesInDetailCountsTheReplicasOfAllTables) {
  Answer("RPC_CM_LIST_NODES.1");
  idl::configuration_list_apps_response apps;
  ASSERT_TRUE(idl::DecodeBody(GoldenBody("RPC_CM_LIST_APPS.1.response"), &apps).ok());
  std::vector<idl::app_info> asked_for;
  for (const idl::app_info& info : apps.infos) {
    if (info.app_name == "temp" || info.app_name == "usertable" || info.app_name == "single") {
      asked_for.push_back(info);
    }
  }
  apps.infos = asked_for;
  meta_.Answer(idl::kRpcCmListApps, apps);
  AnswerPartitions({{"temp", "1"}, {"usertable", "2"}, {"single", "3"}});
  ListNodesOptions options;
  options.detailed = true;
  // 8 x 3 and 4 x 3 replicas, and 4 of the table that has one replica a partition.
  EXPECT_EQ(Text(ListNodesByMeta(client_.get(), options)),
            "[details]\n"
            "address          status    replica_count  primary_count  secondary_count\n"
            "localhost:34801  ALIVE                14              6                8\n"
            "localhost:34802  ALIVE                13              5                8\n"
            "localhost:34803  ALIVE                13              5                8\n"
            "\n"
            "[summary]\n"
            "total_node_count    : 3\n"
            "alive_node_count    : 3\n"
            "unalive_node_count  : 0\n"
            "\n");
}

TEST_F(MetaAdminTest, NodesAreInTheOrderOfTheirNames) {
  idl::configuration_list_nodes_response response;
  for (const uint16_t port : {34803, 34801, 34802}) {
    idl::node_info& info = response.infos.emplace_back();
    info.status = port == 34801 ? idl::node_status::NS_UNALIVE : idl::node_status::NS_ALIVE;
    info.node = idl::rpc_address(rpc::kLoopback, port);
    if (port != 34801) info.__set_hp_node(idl::host_port("rs", port));
  }
  std::vector<std::string> names;
  for (const NodeView& node : NodesOf(response)) names.push_back(node.name);
  EXPECT_EQ(names, (std::vector<std::string>{"127.0.0.1:34801", "rs:34802", "rs:34803"}));
}

TEST_F(MetaAdminTest, ClusterInfoPrintsAsTheShell) {
  Answer("RPC_CM_CLUSTER_INFO.1");
  EXPECT_THAT(Golden("text/A_transcript_boot.txt"),
              HasSubstr("\n" + Text(ShowClusterByMeta(client_.get())) + "[details]"));
}

TEST_F(MetaAdminTest, WhatIsRefusedUnderRecoveryReadsAsCaptured) {
  for (const char* message :
       {"RPC_CM_LIST_APPS.4", "RPC_CM_LIST_NODES.2", "RPC_CM_CLUSTER_INFO.2",
        "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.4", "RPC_CM_CONTROL_META.4"}) {
    Answer(message);
  }
  const auto text_of = [](const std::string& name) {
    const std::string text = Golden("text/B_under_recovery_" + name + ".txt");
    const size_t begin = text.find('\n', text.find("The cluster meta list is:")) + 1;
    return text.substr(begin, text.find("dsn exit with code") - begin);
  };
  MetaClient* const client = client_.get();
  EXPECT_EQ(Text(ListTablesByMeta(client, InUtc("AVAILABLE"))), text_of("ls"));
  EXPECT_EQ(Text(ListNodesByMeta(client, ListNodesOptions())), text_of("nodes"));
  EXPECT_EQ(Text(ShowClusterByMeta(client)), text_of("cluster_info"));
  EXPECT_EQ(Text(ShowTableByMeta(client, "temp", ShowTableOptions())), text_of("app_temp"));
  const auto level = Run(SetMetaLevel(client, idl::meta_function_level::fl_lively));
  EXPECT_EQ(ShellTextOf(level.status()) + "\n", text_of("set_meta_level"));
}

TEST_F(MetaAdminTest, LsTellsTheRpcLayersErrorsApart) {
  ClientOf({NameOfNobody()});
  EXPECT_THAT(Golden("variants/m_split_interrupted/transcript.txt"),
              HasSubstr("\n" + Text(ListTablesByMeta(client_.get(), InUtc("AVAILABLE")))));
}

TEST_F(MetaAdminTest, ChangesAreSentAndPrintedAsByTheShell) {
  Answer("RPC_CM_CLUSTER_INFO.1");
  Answer("RPC_CM_RENAME_APP.1");
  Answer("RPC_CM_CONTROL_META.2");
  const std::string transcript = Golden("text/A_transcript_tables.txt");
  const auto renamed = Run(RenameTable(client_.get(), "oldname", "newname"));
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_RENAME_APP.1.request"));
  EXPECT_THAT(transcript, HasSubstr("\n" + *renamed));
  const auto level = Run(SetMetaLevel(client_.get(), idl::meta_function_level::fl_steady));
  ASSERT_TRUE(level.ok()) << level.status();
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_CONTROL_META.2.request"));
  EXPECT_THAT(transcript, HasSubstr("\n" + level->text));
}

TEST_F(MetaAdminTest, ARenamingThatFailsSaysWhy) {
  Answer("RPC_CM_CLUSTER_INFO.1");
  idl::configuration_rename_app_response response;
  response.err = idl::error_code("ERR_INVALID_PARAMETERS");
  response.hint_message = "the name is taken";
  meta_.Answer(idl::kRpcCmRenameApp, response);
  EXPECT_EQ(ShellTextOf(Run(RenameTable(client_.get(), "a", "b")).status()),
            "rename app failed, old_app_name(a), new_app_name(b), failed: "
            "ERR_INVALID_PARAMETERS, the name is taken");
}

TEST(AnswerStatusTest, WhatChangesNothingMayHaveRecoveredAlready) {
  const absl::Status refused =
      AnswerStatus("meta1:34601", idl::error_code("ERR_UNDER_RECOVERY"), "", /*is_change=*/true);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("it is a metarecd, or a meta server in recovery mode"),
                    HasSubstr("start a stock meta server on them")));
}

}  // namespace
}  // namespace metarec::tools
