#include "pegasus_client/meta_client.h"

#include <gmock/gmock.h>

#include "idl/meta_server_types.h"
#include "rpc/pegasus_status.h"
#include "tests/pegasus_client/fake_meta.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using ListNodes = idl::configuration_list_nodes_response;

ListNodes NodesAnswer(absl::string_view error_name) {
  ListNodes response;
  response.err = idl::error_code(error_name);
  return response;
}

class MetaClientTest : public FakeMetaTest {
 protected:
  absl::StatusOr<ListNodes> Ask() {
    const idl::configuration_list_nodes_request request;
    return Run(client_->Ask<ListNodes>(idl::kRpcCmListNodes, request));
  }
  absl::StatusOr<idl::configuration_rename_app_response> Rename() {
    const idl::configuration_rename_app_request request;
    return Run(
        client_->Change<idl::configuration_rename_app_response>(idl::kRpcCmRenameApp, request));
  }
};

TEST_F(MetaClientTest, TellsWhoAnsweredAndWhatItSaid) {
  FakeMeta& meta = AddMeta();
  meta.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_UNDER_RECOVERY"));
  MetaClient* const client = ClientOf({meta.name()});
  const auto answer = Ask();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->err.name, "ERR_UNDER_RECOVERY");
  EXPECT_EQ(client->server(), meta.name());
  EXPECT_TRUE(meta.last.is_forward_supported);
  EXPECT_EQ(meta.last.from_address, idl::rpc_address(rpc::kLoopback, 1));
}

TEST_F(MetaClientTest, AServerThatIsDownIsPassedOver) {
  FakeMeta& meta = AddMeta();
  meta.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_OK"));
  ClientOf({NameOfNobody(), meta.name()});
  EXPECT_TRUE(Ask().ok());
}

TEST_F(MetaClientTest, AServerThatHangsLeavesTimeForTheOthers) {
  FakeMeta& hangs = AddMeta();
  hangs.On(idl::kRpcCmListNodes, [](const rpc::Request&) {
    rpc::HandlerResult nothing;
    nothing.is_answered = false;
    return nothing;
  });
  FakeMeta& meta = AddMeta();
  meta.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_OK"));
  MetaClientOptions options;
  options.timeout = absl::Seconds(4);
  ClientOf({hangs.name(), meta.name()}, options);
  const auto answer = Ask();
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST_F(MetaClientTest, AServerThatHangsDoesNotGetTheTimeOfALongAnswer) {
  FakeMeta& hangs = AddMeta();
  for (const char* task_code : {idl::kRpcCmClusterInfo, idl::kRpcCmStartRecovery}) {
    hangs.On(task_code, [](const rpc::Request&) {
      rpc::HandlerResult nothing;
      nothing.is_answered = false;
      return nothing;
    });
  }
  FakeMeta& leader = AddMeta();
  idl::configuration_cluster_info_response info;
  info.err = idl::error_code("ERR_UNDER_RECOVERY");
  leader.Answer(idl::kRpcCmClusterInfo, info);
  idl::configuration_recovery_response recovered;
  recovered.err = idl::error_code("ERR_OK");
  leader.Answer(idl::kRpcCmStartRecovery, recovered);
  MetaClientOptions options;
  options.timeout = absl::Seconds(4);
  MetaClient* const client = ClientOf({hangs.name(), leader.name()}, options);
  const idl::configuration_recovery_request request;
  const auto answer = Run(client->AskForLong<idl::configuration_recovery_response>(
      idl::kRpcCmStartRecovery, request, absl::Hours(1)));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(client->server(), leader.name());
  EXPECT_EQ(hangs.asked[idl::kRpcCmStartRecovery], 0);
}

TEST_F(MetaClientTest, AnAnswerOfAnotherTypeThatSaysOkIsNotBelieved) {
  FakeMeta& meta = AddMeta();
  idl::configuration_cluster_info_response info;
  info.err = idl::error_code("ERR_OK");
  meta.Answer(idl::kRpcCmClusterInfo, info);
  meta.Answer(idl::kRpcCmStartRecovery, info);
  MetaClient* const client = ClientOf({meta.name()});
  const idl::configuration_recovery_request request;
  const auto answer = Run(client->AskForLong<idl::configuration_recovery_response>(
      idl::kRpcCmStartRecovery, request, absl::Seconds(4)));
  EXPECT_FALSE(answer.ok());
}

TEST_F(MetaClientTest, GoesWhereTheLeaderIsAlthoughItIsNotListed) {
  FakeMeta& leader = AddMeta();
  leader.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_OK"));
  FakeMeta& follower = AddMeta();
  follower.ForwardTo(idl::kRpcCmListNodes, leader.endpoint());
  MetaClient* const client = ClientOf({follower.name()});
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(client->server(), leader.name());

  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(follower.asked[idl::kRpcCmListNodes], 1) << "the leader is remembered";
}

TEST_F(MetaClientTest, WithoutTheLeadersAddressTheNextServerIsAsked) {
  FakeMeta& follower = AddMeta();
  follower.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_FORWARD_TO_OTHERS"));
  FakeMeta& leader = AddMeta();
  leader.Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_OK"));
  MetaClient* const client = ClientOf({follower.name(), leader.name()});
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(client->server(), leader.name());
}

TEST_F(MetaClientTest, TheAnswerAboutPartitionsHasTheLeaderInItsFirstPartition) {
  FakeMeta& leader = AddMeta();
  idl::query_cfg_response found;
  found.err = idl::error_code("ERR_OK");
  leader.Answer(idl::kRpcCmQueryPartitionConfigByIndex, found);
  FakeMeta& follower = AddMeta();
  idl::query_cfg_response elsewhere;
  elsewhere.err = idl::error_code("ERR_FORWARD_TO_OTHERS");
  elsewhere.partitions.emplace_back();
  elsewhere.partitions[0].primary = leader.endpoint().ToRpcAddress();
  follower.Answer(idl::kRpcCmQueryPartitionConfigByIndex, elsewhere);
  MetaClient* const client = ClientOf({follower.name()});
  const idl::query_cfg_request request;
  ASSERT_TRUE(
      Run(client->Ask<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex, request))
          .ok());
  EXPECT_EQ(client->server(), leader.name());
}

TEST_F(MetaClientTest, ServersThatPointAtEachOtherAreAskedOnceEach) {
  FakeMeta& one = AddMeta();
  FakeMeta& other = AddMeta();
  one.ForwardTo(idl::kRpcCmListNodes, other.endpoint());
  other.ForwardTo(idl::kRpcCmListNodes, one.endpoint());
  ClientOf({one.name(), other.name()});
  const auto answer = Ask();
  EXPECT_EQ(rpc::PegasusErrorName(answer.status()), "ERR_FORWARD_TO_OTHERS");
  EXPECT_THAT(std::string(answer.status().message()),
              AllOf(HasSubstr(one.name() + ": says that " + other.name() + " leads"),
                    HasSubstr("wait some seconds and run the same command again")));
  EXPECT_EQ(one.asked[idl::kRpcCmListNodes], 1);
  EXPECT_EQ(other.asked[idl::kRpcCmListNodes], 1);
}

TEST_F(MetaClientTest, ServersThatSendOnForEverAreNotFollowedForEver) {
  std::vector<FakeMeta*> chain;
  chain.reserve(6);
  for (int i = 0; i < 6; ++i) chain.push_back(&AddMeta());
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    chain[i]->ForwardTo(idl::kRpcCmListNodes, chain[i + 1]->endpoint());
  }
  chain.back()->Answer(idl::kRpcCmListNodes, NodesAnswer("ERR_OK"));
  MetaClientOptions options;
  options.forwards_max = 2;
  ClientOf({chain[0]->name()}, options);
  EXPECT_EQ(rpc::PegasusErrorName(Ask().status()), "ERR_FORWARD_TO_OTHERS");
  EXPECT_EQ(chain[2]->asked[idl::kRpcCmListNodes], 1);
  EXPECT_EQ(chain[3]->asked[idl::kRpcCmListNodes], 0);
}

TEST_F(MetaClientTest, WhatIsNoAnswerIsToldOfItsServer) {
  FakeMeta& meta = AddMeta();
  meta.AnswerBytes(idl::kRpcCmListNodes, "garbage");
  ClientOf({meta.name()});
  const auto answer = Ask();
  EXPECT_EQ(rpc::PegasusErrorName(answer.status()), "ERR_INVALID_DATA");
  EXPECT_THAT(std::string(answer.status().message()),
              HasSubstr(meta.name() + ": sent something that is no answer: "));
}

TEST_F(MetaClientTest, AServerOfAnotherKindIsToldFromAMetaServer) {
  FakeMeta& replica_server = AddMeta();
  ClientOf({replica_server.name()});
  const auto answer = Ask();
  EXPECT_EQ(rpc::PegasusErrorName(answer.status()), "ERR_HANDLER_NOT_FOUND");
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("That is no meta server"));
}

TEST_F(MetaClientTest, AllFailuresAreNamed) {
  const std::string nobody = NameOfNobody();
  ClientOf({nobody, "no-such-host..invalid:34601"});
  const auto answer = Ask();
  EXPECT_THAT(
      std::string(answer.status().message()),
      AllOf(HasSubstr("RPC_CM_LIST_NODES"), HasSubstr(nobody + ": cannot connect"),
            HasSubstr("no-such-host..invalid:34601: "), HasSubstr("[meta_server] server_list")));
}

TEST_F(MetaClientTest, AChangeGoesToTheLeaderOnly) {
  FakeMeta& leader = AddMeta();
  idl::configuration_cluster_info_response info;
  info.err = idl::error_code("ERR_OK");
  leader.Answer(idl::kRpcCmClusterInfo, info);
  idl::configuration_rename_app_response renamed;
  renamed.err = idl::error_code("ERR_OK");
  leader.Answer(idl::kRpcCmRenameApp, renamed);
  FakeMeta& follower = AddMeta();
  follower.ForwardTo(idl::kRpcCmClusterInfo, leader.endpoint());
  ClientOf({NameOfNobody(), follower.name()});
  ASSERT_TRUE(Rename().ok());
  EXPECT_EQ(leader.asked[idl::kRpcCmRenameApp], 1);
}

TEST_F(MetaClientTest, AChangeThatMayHaveBeenDoneIsNotSentAgain) {
  idl::configuration_cluster_info_response info;
  info.err = idl::error_code("ERR_OK");
  FakeMeta& leader = AddMeta();
  leader.Answer(idl::kRpcCmClusterInfo, info);
  leader.HangUp(idl::kRpcCmRenameApp);
  FakeMeta& other = AddMeta();
  idl::configuration_rename_app_response renamed;
  renamed.err = idl::error_code("ERR_OK");
  other.Answer(idl::kRpcCmRenameApp, renamed);
  ClientOf({leader.name(), other.name()});
  const auto answer = Rename();
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("may or may not have been done"));
  EXPECT_EQ(leader.asked[idl::kRpcCmRenameApp], 1);
  EXPECT_EQ(other.asked[idl::kRpcCmRenameApp], 0);
}

// "may or may not have been done" was said of what nobody got.
TEST_F(MetaClientTest, AChangeThatReachedNobodyIsNotDone) {
  ClientOf({NameOfNobody()});
  const absl::Status error = Rename().status();
  EXPECT_TRUE(rpc::WasNotSent(error)) << error;
  EXPECT_THAT(std::string(error.message()), ::testing::Not(HasSubstr("may or may not")));
}

}  // namespace
}  // namespace metarec::tools
