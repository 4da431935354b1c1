// metarec live, in this process, on an election whose candidates run meanwhile in two real
// ZooKeepers.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/run_in_process.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/election/linked_election.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kElection[] = "/masters/leader";
constexpr EnsembleSide k1 = EnsembleSide::kFirst;
constexpr EnsembleSide k2 = EnsembleSide::kSecond;

// Candidates, on a thread of their own.
class Masters {
 public:
  explicit Masters(PerSide<std::string> hosts) : hosts_(std::move(hosts)) {
    thread_ = std::thread([this] {
      const auto work = asio::make_work_guard(context_);
      context_.run();
    });
  }
  ~Masters() {
    asio::post(context_, [this] {
      for (const auto& master : masters_) master->stop.emit(asio::cancellation_type::terminal);
    });
    Await([this] { return running_ == 0; });
    context_.stop();
    thread_.join();
  }

  // Returns once it stands.
  LinkedElection* Enter(const std::string& name) {
    auto master = std::make_unique<Master>();
    LinkedElectionOptions options;
    options.directory = kElection;
    options.own_name = name;
    for (const EnsembleSide side : kEnsembleSides) {
      options.connect[side] = [this, side] { return Connect(hosts_[side], &clock_); };
    }
    master->election = std::make_unique<LinkedElection>(std::move(options), &clock_);
    LinkedElection* const election = master->election.get();
    ++running_;
    asio::post(context_, [this, added = master.release()] {
      Master* const one = masters_.emplace_back(added).get();
      asio::co_spawn(context_, one->election->Run(),
                     asio::bind_cancellation_slot(
                         one->stop.slot(),
                         [this](const std::exception_ptr&, const absl::Status&) { --running_; }));
    });
    Await([election] { return !election->status().candidate.empty(); });
    return election;
  }

  static void Await(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(done());
  }

 private:
  struct Master {
    std::unique_ptr<LinkedElection> election;
    asio::cancellation_signal stop;
  };

  static asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(std::string hosts,
                                                                             Clock* clock) {
    ZooKeeperOptions options;
    options.hosts = std::move(hosts);
    co_return co_await ZooKeeperMetaStore::Connect(std::move(options), clock);
  }

  const PerSide<std::string> hosts_;
  SystemClock clock_;
  asio::io_context context_{1};
  std::vector<std::unique_ptr<Master>> masters_;  // of the thread
  std::atomic<int> running_ = 0;
  std::thread thread_;
};

class LiveVerbsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const EnsembleSide side : kEnsembleSides) {
      auto server = testing::ZooKeeperServer::Start();
      ASSERT_TRUE(server.ok()) << server.status();
      servers_[side] = *std::move(server);
    }
  }
  PerSide<std::string> Hosts() const { return {{servers_[k1]->hosts(), servers_[k2]->hosts()}}; }

  Ended Live(const std::string& verb, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"live", verb, absl::StrCat(Hosts()[k1], kElection),
                                          absl::StrCat(Hosts()[k2], kElection)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunInProcess(arguments);
  }

  // A program that knows nothing of phases enters ensemble 1, and stands there until the result is
  // destroyed.
  std::unique_ptr<MetaStore> EnterPlain(const std::string& name) {
    std::unique_ptr<MetaStore> store;
    asio::io_context context;
    const auto enter = [](std::string hosts, std::string own_name, Clock* clock,
                          std::unique_ptr<MetaStore>* opened) -> asio::awaitable<void> {
      ZooKeeperOptions options;
      options.hosts = std::move(hosts);
      auto connected = co_await ZooKeeperMetaStore::Connect(std::move(options), clock);
      if (!connected.ok()) co_return;
      *opened = *std::move(connected);
      for (const char* path : {"/masters", kElection}) {
        (co_await (*opened)->Create(path, "")).status().IgnoreError();
      }
      const auto created =
          co_await (*opened)->Create(absl::StrCat(kElection, "/LOCKNODE"), std::move(own_name),
                                     CreateMode::kEphemeralSequential);
      EXPECT_TRUE(created.ok()) << created.status();
    };
    asio::co_spawn(context, enter(Hosts()[k1], name, &clock_, &store),
                   [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
    context.run();
    EXPECT_NE(store, nullptr);
    return store;
  }

  SystemClock clock_;
  PerSide<std::unique_ptr<testing::ZooKeeperServer>> servers_;
};

TEST_F(LiveVerbsTest, AnElectionIsLedToTheOtherZooKeeperAndBackWhileItsLeaderLeads) {
  // Nobody has stood there yet: it may be mistyped.
  const Ended nowhere = Live("link");
  EXPECT_EQ(nowhere.exit_code, 4) << nowhere.out;
  EXPECT_THAT(nowhere.err, HasSubstr("there is no /masters/leader in ensemble 1"));

  Masters masters(Hosts());
  LinkedElection* const a = masters.Enter("a:1");
  LinkedElection* const b = masters.Enter("b:1");
  Masters::Await([a] { return a->leads(); });

  const Ended unlinked = Live("status");
  EXPECT_EQ(unlinked.exit_code, 2) << unlinked.err;
  EXPECT_THAT(unlinked.out, AllOf(HasSubstr("not linked"), HasSubstr("a:1 in ensemble 1, nobody")));

  const Ended linked = Live("link");
  EXPECT_EQ(linked.exit_code, 0) << linked.err;
  EXPECT_THAT(linked.out, HasSubstr("one: candidates stand in ensemble 1"));
  EXPECT_EQ(Live("link").exit_code, 0);  // again

  const Ended there = Live("phase", {"two"});
  EXPECT_EQ(there.exit_code, 0) << there.err;
  EXPECT_THAT(there.err, HasSubstr("the phase is both-1\nthe phase is both-2\nthe phase is two\n"));
  EXPECT_THAT(there.out, HasSubstr("two: candidates stand in ensemble 2"));
  EXPECT_TRUE(a->leads());
  Masters::Await([&] { return !a->status().stands[k1] && !b->status().stands[k1]; });
  const Ended in_two = Live("status");
  EXPECT_EQ(in_two.exit_code, 0) << in_two.out;
  EXPECT_THAT(in_two.out, HasSubstr("nobody in ensemble 1, a:1 in ensemble 2"));

  const Ended back = Live("phase", {"both-1", "--format", "json"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  rapidjson::Document json;
  json.Parse(back.out.c_str());
  ASSERT_TRUE(json.IsObject()) << back.out;
  EXPECT_STREQ(json["phase"].GetString(), "both-1");
  EXPECT_TRUE(json["settled"].GetBool());
  ASSERT_EQ(json["ensembles"].Size(), 2u);
  for (const auto& ensemble : json["ensembles"].GetArray()) {
    EXPECT_STREQ(ensemble["followed"].GetString(), "a:1");
    ASSERT_EQ(ensemble["candidates"].Size(), 2u) << back.out;
    EXPECT_STREQ(ensemble["candidates"][0]["stands"].GetString(), "both");
  }
  EXPECT_TRUE(a->leads());
  EXPECT_FALSE(b->leads());

  // Somebody who cannot follow is named, and nothing is begun.
  const std::unique_ptr<MetaStore> old = EnterPlain("old:1");
  const Ended refused = Live("phase", {"both-2", "--wait_seconds", "1"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("old:1"), HasSubstr("knows nothing of phases")));
  const Ended seen = Live("status");
  EXPECT_EQ(seen.exit_code, 2);
  EXPECT_THAT(seen.out, AllOf(HasSubstr("both-1: candidates stand in both"), HasSubstr("plain"),
                              HasSubstr("attention: old:1")));
  EXPECT_TRUE(a->leads());

  // Of an ensemble that is down, nothing is known; the other one is shown.
  servers_[k2]->Stop();
  const Ended half = Live("status", {"--second_timeout", "1"});
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.out, AllOf(HasSubstr("a:1 in ensemble 1, not known in ensemble 2"),
                              HasSubstr("attention: ensemble 2: ")));
  ASSERT_TRUE(servers_[k2]->Restart().ok());
}

TEST_F(LiveVerbsTest, WrongPlacesAreRefusedBeforeAnythingIsWritten) {
  const std::string first = absl::StrCat(Hosts()[k1], kElection);
  const Ended apart =
      RunInProcess({"live", "link", first, absl::StrCat(Hosts()[k2], "/elsewhere")});
  EXPECT_EQ(apart.exit_code, 1);
  EXPECT_THAT(apart.err, HasSubstr("one path in both ensembles"));
  const Ended same = RunInProcess({"live", "link", first, first});
  EXPECT_EQ(same.exit_code, 4);
  EXPECT_THAT(same.err, HasSubstr("are the same place"));
  const Ended file = RunInProcess({"live", "status", first, "./leader"});
  EXPECT_EQ(file.exit_code, 1);
  EXPECT_THAT(file.err, HasSubstr("is a file or a folder"));
  const Ended mistyped = Live("phase", {"three"});
  EXPECT_EQ(mistyped.exit_code, 1);
  EXPECT_THAT(mistyped.err, HasSubstr("phase"));

  // One ensemble by two names.
  EnterPlain("gone:1").reset();
  const std::string by_name = absl::StrCat("localhost:", servers_[k1]->port(), kElection);
  const Ended one = RunInProcess({"live", "link", first, by_name});
  EXPECT_EQ(one.exit_code, 4) << one.out;
  EXPECT_THAT(one.err, HasSubstr("the two ensembles are one"));
}

}  // namespace
}  // namespace metarec::tools
