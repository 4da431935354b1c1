#include "recovery_service/server/recovery_server.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "idl/task_codes.h"
#include "recovery_service/status/status_json.h"
#include "recovery_service/status/status_pages.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

// One server of several on one in-memory ZooKeeper.
class Member {
 public:
  Member(asio::io_context* context, Clock* clock, WorldSource* source,
         std::shared_ptr<testing::InMemoryZooKeeper> zookeeper, std::string name, bool recover,
         std::string lock_root = "/pegasus/lock", const std::string& root = ServiceWorld::kRoot)
      : zookeeper_(std::move(zookeeper)) {
    RecoveryServerOptions options;
    options.listen = {.ip = 0x7F000001, .port = 0};
    options.own_name = std::move(name);
    options.recover = recover;
    options.lock_root = std::move(lock_root);
    options.reconnect_after = absl::Milliseconds(1);
    options.service = ServiceWorld::Options();
    options.service.recovery.root = root;
    options.connect = [this]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
      if (on_connect) on_connect();
      if (!no_session.ok()) co_return no_session;
      testing::InMemoryMetaStoreOptions store_options;
      store_options.injector = std::exchange(first_session, nullptr);
      auto store = std::make_unique<testing::InMemoryMetaStore>(zookeeper_, store_options);
      session_ = store->session_id();
      co_return std::move(store);
    };
    options.log = [this](absl::string_view line) { log.emplace_back(line); };
    server = std::make_unique<RecoveryServer>(
        context->get_executor(), std::move(options),
        Surroundings{.source = source, .clock = clock, .random = [] { return 0.5; }});
    asio::co_spawn(*context, WithoutThrowing(server->Run()),
                   asio::bind_cancellation_slot(
                       stop_.slot(), [this](const std::exception_ptr& thrown, absl::Status ended) {
                         EXPECT_EQ(thrown, nullptr);
                         status = std::move(ended);
                         is_ended = true;
                       }));
  }

  void Stop() { stop_.emit(asio::cancellation_type::terminal); }
  void ExpireSession() { zookeeper_->ExpireSession(session_); }
  bool leads() const { return server->service().status().leadership.is_us; }

  std::unique_ptr<RecoveryServer> server;
  testing::FaultInjector first_session;  // what happens to it
  absl::Status no_session;               // why none can be opened
  std::function<void()> on_connect;
  std::vector<std::string> log;
  absl::Status status;
  bool is_ended = false;

 private:
  const std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_;
  asio::cancellation_signal stop_;
  int64_t session_ = 0;
};

class RecoveryServerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Member> Start(const char* name, bool recover = true) {
    return std::make_unique<Member>(&context_, &clock_, &source_, zookeeper_, name, recover);
  }

  // Lets everybody work until it is so, for a minute at the most.
  template <typename Condition>
  void RunUntilTrue(const Condition& condition) {
    context_.restart();
    const absl::Time end = clock_.Now() + absl::Seconds(60);
    while (!condition() && clock_.Now() < end) context_.run_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(condition());
  }

  void StopAll(const std::vector<Member*>& members) {
    for (Member* member : members) member->Stop();
    for (Member* member : members) RunUntilTrue([member] { return member->is_ended; });
  }

  // Recovers through this member, and returns the answer.
  std::string Recover(Member* member, absl::string_view ports = "1,2,3") {
    std::string error;
    asio::co_spawn(
        context_,
        [&]() -> asio::awaitable<void> {
          const auto response = Decoded<idl::configuration_recovery_response>(
              co_await member->server->service().Serve(ServiceWorld::StartRecovery(ports)));
          error = response.err.name;
        },
        [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
    RunUntilTrue([&] { return !error.empty(); });
    return error;
  }

  std::string StatusJsonOf(const Member& member) const {
    return StatusJson(member.server->service().status(), clock_.Now());
  }

  std::string AppsState() const {
    for (const testing::DumpedNode& node : zookeeper_->Dump(ServiceWorld::kRoot)) {
      if (node.path == std::string(ServiceWorld::kRoot) + "/apps") return node.data;
    }
    return "(none)";
  }

  asio::io_context context_;
  SystemClock clock_;
  WorldSource source_;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
};

TEST_F(RecoveryServerTest, TheFollowerTakesOverAndServesWhatTheLeaderRecovered) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  const auto second = Start("127.0.0.1:1002");
  RunUntilTrue([&] {
    const auto leadership = second->server->service().status().leadership;
    return leadership.leader && leadership.leader->address.has_value();
  });
  EXPECT_FALSE(second->leads());
  EXPECT_EQ(second->server->service().status().leadership.leader->name, "127.0.0.1:1001");

  EXPECT_EQ(Recover(first.get()), "ERR_OK");
  EXPECT_EQ(Recover(second.get()), "no answer: ERR_FORWARD_TO_OTHERS");
  first->ExpireSession();
  RunUntilTrue([&] { return second->leads(); });
  EXPECT_EQ(second->server->service().state(), RecoveryState::kRecovered);
  EXPECT_FALSE(first->leads());
  // Whoever lost the answer with the first asks again and gets it.
  EXPECT_EQ(Recover(second.get()), "ERR_OK");
  const auto& written = second->server->service().status().result->written;
  EXPECT_TRUE(written && written->already_finished);
  EXPECT_EQ(Recover(second.get(), "1,2"), "ERR_SERVICE_ALREADY_RUNNING");
  // The first contends anew.
  RunUntilTrue([&] {
    const auto leadership = first->server->service().status().leadership;
    return leadership.leader && leadership.leader->name == "127.0.0.1:1002";
  });
  StopAll({first.get(), second.get()});
  EXPECT_TRUE(first->status.ok()) << first->status;
  // The lock is given up and not left to the end of the session.
  EXPECT_THAT(second->log, Each(Not(HasSubstr("lock"))));
}

// It was answered ERR_OK again, without a look.
TEST_F(RecoveryServerTest, ATreeThatIsDamagedAfterItsRecoveryIsNotAnsweredAsRecoveredAgain) {
  const auto member = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return member->leads(); });
  EXPECT_EQ(Recover(member.get()), "ERR_OK");
  EXPECT_EQ(Recover(member.get()), "ERR_OK");
  std::string path;
  for (const testing::DumpedNode& node : zookeeper_->Dump(ServiceWorld::kRoot)) {
    if (absl::StrContains(node.path, "/apps/")) path = std::max(path, node.path);
  }
  testing::InMemoryMetaStore stranger(zookeeper_, {});
  bool is_written = false;
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        is_written = (co_await stranger.Set(path, "garbage")).ok();
      },
      [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
  RunUntilTrue([&] { return is_written; });
  EXPECT_EQ(Recover(member.get()), "ERR_INCONSISTENT_STATE");
  // Nor does its status say so any more.
  const std::string told = StatusJsonOf(*member);
  EXPECT_THAT(told, HasSubstr("\"headline\":\"DIFFERS from what was recovered"));
  EXPECT_THAT(told, HasSubstr("ERR_INCONSISTENT_STATE"));
  EXPECT_THAT(told, Not(HasSubstr("start the meta server.\"")));
  // Nor by who takes over: it ends, with the way out.
  const auto second = Start("127.0.0.1:1002");
  RunUntilTrue([&] { return absl::c_linear_search(second->log, "following 127.0.0.1:1001"); });
  StopAll({member.get()});
  RunUntilTrue([&] { return second->is_ended; });
  EXPECT_TRUE(absl::IsDataLoss(second->status)) << second->status;
  EXPECT_THAT(std::string(second->status.message()),
              AllOf(HasSubstr("1 znode makes no sense"), HasSubstr("recover into another root"),
                    HasSubstr("recover_from_replica_server = true")));
  // Nor is anybody who starts anew sent to the flag that would serve it.
  const auto third = Start("127.0.0.1:1003");
  RunUntilTrue([&] { return third->is_ended; });
  EXPECT_TRUE(absl::IsFailedPrecondition(third->status)) << third->status;
  EXPECT_THAT(std::string(third->status.message()),
              AllOf(HasSubstr("set [meta_server] cluster_root to one"),
                    HasSubstr("recover_from_replica_server = false is no way out"),
                    Not(HasSubstr("to start from what is there"))));
  const auto serving = Start("127.0.0.1:1004", false);
  RunUntilTrue([&] { return serving->is_ended; });
  EXPECT_THAT(std::string(serving->status.message()), HasSubstr("recover into another root"));
}

TEST_F(RecoveryServerTest, ARootInsideAnotherTreeIsRefusedAtTheStart) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  EXPECT_EQ(Recover(first.get()), "ERR_OK");
  StopAll({first.get()});
  for (const char* const below : {"/apps/99", "/sub", "/metarec_journal/x"}) {
    Member inside(&context_, &clock_, &source_, zookeeper_, "127.0.0.1:1002", /*recover=*/true,
                  "/pegasus/lock", absl::StrCat(ServiceWorld::kRoot, below));
    RunUntilTrue([&] { return inside.is_ended; });
    EXPECT_TRUE(absl::IsFailedPrecondition(inside.status)) << inside.status;
    EXPECT_THAT(std::string(inside.status.message()), HasSubstr("lies in a tree that is not its"));
  }
}

// Contending would have created the list of tables without data, from which meta servers boot.
TEST_F(RecoveryServerTest, ALockRootInsideTheListOfTablesIsRefusedAtTheStart) {
  Member member(&context_, &clock_, &source_, zookeeper_, "127.0.0.1:1001", /*recover=*/true,
                absl::StrCat(ServiceWorld::kRoot, "/apps/lock"));
  RunUntilTrue([&] { return member.is_ended; });
  EXPECT_THAT(std::string(member.status.message()), HasSubstr("where nobody but a recovery"));
  EXPECT_TRUE(zookeeper_->Dump(ServiceWorld::kRoot).empty());
}

// Its journal was found first, which is no reason to refuse a lock root, and its list of tables was
// not looked at any more.
TEST_F(RecoveryServerTest, ALockRootInTheTablesOfAnotherClusterThatWasRecoveredIsRefused) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  EXPECT_EQ(Recover(first.get()), "ERR_OK");
  StopAll({first.get()});
  const size_t znodes = zookeeper_->Dump(ServiceWorld::kRoot).size();
  for (const char* const below : {"/apps/1/lock", "/apps/99", "/metarec_journal/lock"}) {
    Member other(&context_, &clock_, &source_, zookeeper_, "127.0.0.1:1002", /*recover=*/true,
                 absl::StrCat(ServiceWorld::kRoot, below), "/pegasus/other");
    RunUntilTrue([&] { return other.is_ended || other.leads(); });
    EXPECT_TRUE(absl::IsFailedPrecondition(other.status)) << below << ": " << other.status;
    EXPECT_THAT(std::string(other.status.message()), HasSubstr("the lock root"));
    if (!other.is_ended) StopAll({&other});
  }
  EXPECT_EQ(zookeeper_->Dump(ServiceWorld::kRoot).size(), znodes);
}

TEST_F(RecoveryServerTest, WhoLosesItsSessionInTheMiddleWritesNothingAnyMore) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  const auto second = Start("127.0.0.1:1002");
  bool expired = false;
  source_.before_tables = [&]() -> asio::awaitable<void> {
    if (std::exchange(expired, true)) co_return;
    first->ExpireSession();
    co_return;
  };
  EXPECT_EQ(Recover(first.get()), "ERR_FORWARD_TO_OTHERS");
  EXPECT_EQ(AppsState(), "(none)");
  RunUntilTrue([&] { return second->leads(); });
  EXPECT_EQ(Recover(second.get()), "ERR_OK");
  EXPECT_EQ(AppsState(), "unlock");
  StopAll({first.get(), second.get()});
}

TEST_F(RecoveryServerTest, ASessionThatEndsWhileTheRootIsLookedAtEndsNothingElse) {
  // At the start, and on the way from the lock to leadership: the first looks at the root by its
  // first operation, contends by its first creation, and looks again.
  const auto at_start = Start("127.0.0.1:1001");
  at_start->first_session =
      [](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    if (call.index != 1) return std::nullopt;
    return testing::StoreFault{.error = StoreError::kSessionExpired, .for_ever = true};
  };
  RunUntilTrue([&] { return at_start->leads() || at_start->is_ended; });
  EXPECT_FALSE(at_start->is_ended) << at_start->status;
  EXPECT_THAT(at_start->log, Contains(HasSubstr("trouble with ZooKeeper: ")));
  StopAll({at_start.get()});

  const auto as_leader = Start("127.0.0.1:1002");
  auto has_candidate = std::make_shared<bool>(false);
  as_leader->first_session =
      [has_candidate](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    if (call.kind == "create" && absl::StrContains(call.path, "LOCKNODE")) *has_candidate = true;
    if (!*has_candidate || call.kind != "sync") return std::nullopt;
    return testing::StoreFault{.error = StoreError::kSessionExpired, .for_ever = true};
  };
  RunUntilTrue([&] { return as_leader->leads() || as_leader->is_ended; });
  EXPECT_FALSE(as_leader->is_ended) << as_leader->status;
  EXPECT_TRUE(*has_candidate);
  EXPECT_THAT(as_leader->log, Contains(HasSubstr("trouble with ZooKeeper: ")));
  StopAll({as_leader.get()});
}

TEST_F(RecoveryServerTest, NobodyIsSentToTheOldLeaderWhileTheNewOneLooksAtTheRoot) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  const auto second = Start("127.0.0.1:1002");
  const auto leader_known = [&] {
    const auto leadership = second->server->service().status().leadership;
    return leadership.leader.has_value();
  };
  bool expired = false;
  bool asked = false;
  second->first_session =
      [&](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    if (!expired || call.kind != "sync") return std::nullopt;
    asked = true;
    EXPECT_FALSE(leader_known());
    return std::nullopt;
  };
  RunUntilTrue(leader_known);
  EXPECT_THAT(second->log, Contains("following 127.0.0.1:1001"));
  expired = true;
  first->ExpireSession();
  RunUntilTrue([&] { return second->leads(); });
  EXPECT_TRUE(asked);
  StopAll({first.get(), second.get()});
}

TEST_F(RecoveryServerTest, ARootThatIsNotWhatTheFlagSaysIsRefusedWithTheRemedy) {
  const auto without_flag = Start("127.0.0.1:1001", false);
  RunUntilTrue([&] { return without_flag->is_ended; });
  EXPECT_TRUE(absl::IsFailedPrecondition(without_flag->status));
  EXPECT_THAT(std::string(without_flag->status.message()),
              HasSubstr("recover_from_replica_server = true"));

  const auto recovering = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return recovering->leads(); });
  EXPECT_EQ(Recover(recovering.get()), "ERR_OK");
  StopAll({recovering.get()});

  const auto again = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return again->is_ended; });
  EXPECT_TRUE(absl::IsFailedPrecondition(again->status));
  EXPECT_THAT(std::string(again->status.message()), HasSubstr("1 table"));

  const auto serving = Start("127.0.0.1:1001", false);
  RunUntilTrue([&] { return serving->leads(); });
  EXPECT_EQ(serving->server->service().state(), RecoveryState::kRecovered);
  const int queries = source_.table_queries;
  EXPECT_EQ(Recover(serving.get()), "ERR_SERVICE_ALREADY_RUNNING");
  EXPECT_EQ(source_.table_queries, queries);
  StopAll({serving.get()});
}

TEST_F(RecoveryServerTest, WhoTakesOverRefusesAnotherRecoveryThanTheOneThatIsWritten) {
  const auto first = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return first->leads(); });
  EXPECT_EQ(Recover(first.get()), "ERR_OK");
  const auto second = Start("127.0.0.1:1002");
  RunUntilTrue([&] { return second->server->service().status().leadership.leader.has_value(); });
  first->ExpireSession();
  RunUntilTrue([&] { return second->leads(); });
  EXPECT_EQ(Recover(second.get(), "1,2"), "ERR_NODE_ALREADY_EXIST");
  EXPECT_EQ(second->server->service().state(), RecoveryState::kRecovered);
  EXPECT_EQ(Recover(second.get()), "ERR_OK");
  StopAll({first.get(), second.get()});
}

TEST_F(RecoveryServerTest, StatusPagesTellWhatGoesOn) {
  const auto member = Start("127.0.0.1:1001");
  RunUntilTrue([&] { return member->leads(); });
  const auto get = [&](const char* path) {
    rpc::HttpRequest request;
    request.method = "GET";
    request.path = path;
    return ServeStatusPages(member->server->service(), request, clock_.Now());
  };
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_THAT(get("/status.json").body, HasSubstr("\"state\":\"waiting\""));
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_THAT(get("/").body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(Recover(member.get()), "ERR_OK");
  const std::string json = get("/status.json").body;
  EXPECT_THAT(json, HasSubstr("\"state\":\"recovered\""));
  EXPECT_THAT(json, HasSubstr("\"heat\":\"+\""));
  EXPECT_THAT(json, HasSubstr("\"summary\":\"1 table, 1 partition\""));
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("metarec_recovery_state{state=\"recovered\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("metarec_requests_total{verdict=\"served\"} 1"));
  StopAll({member.get()});
}

TEST_F(RecoveryServerTest, APermissionThatIsMissingEndsItWithTheReason) {
  const auto member = Start("127.0.0.1:1001");
  member->first_session = [](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    if (call.kind != "create") return std::nullopt;
    return testing::StoreFault{.error = StoreError::kNoAuth, .for_ever = true};
  };
  RunUntilTrue([&] { return member->is_ended || member->leads(); });
  EXPECT_EQ(StoreErrorOf(member->status), StoreError::kNoAuth) << member->status;
  EXPECT_THAT(std::string(member->status.message()), HasSubstr("/pegasus"));
  StopAll({member.get()});
}

TEST_F(RecoveryServerTest, CredentialsThatAreRefusedEndItWithTheReason) {
  const auto member = Start("127.0.0.1:1001");
  member->no_session = MakeStoreError(StoreError::kAuthFailed, "connect", "zk1:2181");
  RunUntilTrue([&] { return member->is_ended || member->log.size() > 3; });
  EXPECT_EQ(StoreErrorOf(member->status), StoreError::kAuthFailed) << member->status;
  StopAll({member.get()});
}

TEST_F(RecoveryServerTest, ALockRootThatIsNoneEndsItWithTheReason) {
  Member member(&context_, &clock_, &source_, zookeeper_, "127.0.0.1:1001", true, "no/path");
  RunUntilTrue([&] { return member.is_ended || member.log.size() > 3; });
  EXPECT_TRUE(absl::IsInvalidArgument(member.status)) << member.status;
  EXPECT_THAT(std::string(member.status.message()), HasSubstr("no/path"));
  StopAll({&member});
}

TEST_F(RecoveryServerTest, TheStatusTellsOfAZooKeeperThatCannotBeReached) {
  const auto member = Start("127.0.0.1:1001");
  member->no_session = absl::UnavailableError("no server took a session");
  RunUntilTrue([&] { return !member->log.empty() && member->log.size() > 2; });
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("\"zookeeper\":\"no server took a session\""));
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("\"next\":\"Mend the trouble with ZooKeeper. "));
  member->no_session = absl::OkStatus();
  RunUntilTrue([&] { return member->leads(); });
  EXPECT_THAT(StatusJsonOf(*member), Not(HasSubstr("\"zookeeper\":")));
  zookeeper_->StopServing();
  RunUntilTrue([&] { return absl::StrContains(StatusJsonOf(*member), "\"zookeeper\":"); });
  EXPECT_TRUE(member->leads());
  StopAll({member.get()});
}

TEST_F(RecoveryServerTest, BetweenTwoSessionsNothingWasWrongWithZooKeeper) {
  const auto member = Start("127.0.0.1:1001");
  std::vector<std::string> told;
  member->on_connect = [&] { told.push_back(StatusJsonOf(*member)); };
  RunUntilTrue([&] { return member->leads(); });
  ASSERT_FALSE(told.empty());
  EXPECT_THAT(told.front(), HasSubstr("\"zookeeper\":\"there is no session yet\""));
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("\"zookeeper_connected\":true"));
  told.clear();
  member->ExpireSession();
  RunUntilTrue([&] { return !told.empty() && member->leads(); });
  EXPECT_THAT(told.front(), HasSubstr("\"zookeeper\":\"the session has ended, and there is no"));
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("\"zookeeper_connected\":true"));
  StopAll({member.get()});
}

TEST_F(RecoveryServerTest, TheStatusTellsOfTheRunThatALostSessionLeftUnfinished) {
  const auto member = Start("127.0.0.1:1001");
  int writes = 0;
  member->first_session =
      [&writes](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    if (call.kind != "multi" || ++writes != 2) return std::nullopt;
    return testing::StoreFault{.error = StoreError::kSessionExpired, .for_ever = true};
  };
  RunUntilTrue([&] { return member->leads(); });
  EXPECT_THAT(StatusJsonOf(*member), Not(HasSubstr("unfinished_run")));
  EXPECT_EQ(Recover(member.get()), "ERR_FORWARD_TO_OTHERS");
  ASSERT_EQ(AppsState(), "lock");
  RunUntilTrue([&] {
    return member->leads() && absl::StrContains(StatusJsonOf(*member), "unfinished run");
  });
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("\"state\":\"waiting\""));
  EXPECT_THAT(StatusJsonOf(*member), HasSubstr("Send the same recover command again"));
  EXPECT_EQ(Recover(member.get()), "ERR_OK");
  EXPECT_THAT(StatusJsonOf(*member), Not(HasSubstr("unfinished_run")));
  StopAll({member.get()});
}

}  // namespace
}  // namespace metarec
