// metarec is killed at a random moment of `apply` or `recover`, again and again; and ZooKeeper, or
// the way to it, breaks in the middle of the writing. The middle is found by counting the bytes
// that pass, so that it is hit on machines of any speed.
//
// METAREC_KILL_RUNS (scripts/campaign-kill) sets how often, METAREC_KILL_SEED repeats the draws.

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "base/runtime/status_macros.h"
#include "testing/faulty_proxy.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

using testing::FaultyProxy;
using testing::FaultyProxyOptions;
using testing::ProxyDirection;
using testing::ProxyFault;

// What a stock meta server would make of a root.
enum class Visible {
  kNothing,   // nothing was written
  kLocked,    // it refuses to start
  kComplete,  // it starts from everything
};
const char* VisibleName(Visible visible);

enum class Verb { kApply, kRecover };

// The real metarec, applying or recovering into a real ZooKeeper, again and again, while something
// is killed.
class KillWorld {
 public:
  // Brings a tree up undisturbed, with which all others are compared.
  static absl::StatusOr<std::unique_ptr<KillWorld>> Make(int tables, int partitions);

  // A root that nobody has used.
  std::string NewRoot();
  // `hosts`: how it reaches ZooKeeper; empty: directly.
  std::unique_ptr<MetarecProcess> Start(Verb verb, const std::string& root,
                                        const std::string& hosts = "");
  // From now on the ZooKeeper is another one than zookeeper(); empty: that one again.
  void UseZooKeeper(const std::string& hosts);

  // When, from the start of the process, the first znode of its own was there, `/apps` was
  // unlocked, and the process had ended.
  struct Times {
    absl::Duration begun;
    absl::Duration unlocked;
    absl::Duration ended;
  };
  Times Measure(Verb verb);

  // Looks until ZooKeeper has executed what it had received. Adds a test failure if what is visible
  // is neither nothing nor everything.
  Visible Judge(const std::string& root);
  // One run with nothing in its way ends in the right tree.
  void ExpectOneCleanRunCompletes(Verb verb, const std::string& root);
  bool IsComplete(const std::string& root);
  void Remove(const std::string& root) { world_->RemoveTables(root); }

  MetarecdWorld& world() { return *world_; }
  testing::ZooKeeperServer& zookeeper() { return world_->zookeeper(); }

 private:
  KillWorld() = default;

  std::unique_ptr<MetarecdWorld> world_;
  std::string plan_path_;
  std::string hosts_;
  std::map<std::string, std::string> apps_;  // of the undisturbed run
  int roots_ = 0;
  int processes_ = 0;
};

// In which ZooKeeper has executed what it had received, or the tree is looked at once more.
constexpr absl::Duration kSettle = absl::Milliseconds(20);

const char* VisibleName(Visible visible) {
  switch (visible) {
    case Visible::kNothing:
      return "before the first write";
    case Visible::kLocked:
      return "in the middle of writing";
    case Visible::kComplete:
      return "after the unlocking";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<KillWorld>> KillWorld::Make(int tables, int partitions) {
  std::unique_ptr<KillWorld> world(new KillWorld);
  MetarecdWorldOptions options;
  options.tables = tables;
  options.partitions = partitions;
  METAREC_ASSIGN_OR_RETURN(world->world_, MetarecdWorld::Make(options));
  world->hosts_ = world->zookeeper().hosts();
  ScratchFolder& folder = world->world_->folder();
  world->plan_path_ = folder.Path("plan.jsonl");
  METAREC_ASSIGN_OR_RETURN(auto plan, StartProgram({"plan", "-f", folder.Path("recover_node_list"),
                                                    "--plan", world->plan_path_},
                                                   folder.Path("plan")));
  if (plan->Wait() != 0) return absl::InternalError(plan->Errors());
  const std::string root = world->NewRoot();
  const auto apply = world->Start(Verb::kApply, root);
  if (apply->Wait() != 0) return absl::InternalError(apply->Errors());
  world->apps_ = AppsIn(world->world_->Dump(root));
  if (world->apps_.size() != static_cast<size_t>(1 + world->world_->znodes()) ||
      world->apps_.at("/apps") != "unlock") {
    return absl::InternalError("an undisturbed run does not write everything");
  }
  return world;
}

std::string KillWorld::NewRoot() { return absl::StrCat("/killed", roots_++); }

std::unique_ptr<MetarecProcess> KillWorld::Start(Verb verb, const std::string& root,
                                                 const std::string& hosts) {
  std::vector<std::string> arguments = {"apply", "--plan", plan_path_};
  if (verb == Verb::kRecover) {
    arguments = {"recover", "-f", world_->folder().Path("recover_node_list")};
  }
  arguments.insert(arguments.end(),
                   {"--zk", hosts.empty() ? hosts_ : hosts, "--root", root, "--zk_timeout", "60"});
  auto process =
      StartProgram(arguments, world_->folder().Path(absl::StrCat("killed", processes_++)));
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

void KillWorld::UseZooKeeper(const std::string& hosts) {
  EXPECT_EQ(world_->ConnectTo(hosts), absl::OkStatus());
  hosts_ = hosts.empty() ? zookeeper().hosts() : hosts;
}

KillWorld::Times KillWorld::Measure(Verb verb) {
  Times times;
  const std::string root = NewRoot();
  const absl::Time start = absl::Now();
  const auto process = Start(verb, root);
  EXPECT_TRUE(Await([&] { return world_->Get(root + "/apps").has_value(); }));
  times.begun = absl::Now() - start;
  EXPECT_TRUE(Await([&] { return world_->Get(root + "/apps")->data == "unlock"; }));
  times.unlocked = absl::Now() - start;
  EXPECT_EQ(process->Wait(), 0) << process->Errors();
  times.ended = absl::Now() - start;
  Remove(root);
  return times;
}

bool KillWorld::IsComplete(const std::string& root) { return AppsIn(world_->Dump(root)) == apps_; }

Visible KillWorld::Judge(const std::string& root) {
  // The transactions of who has died are executed in their order, or not at all.
  ZnodeRecords records = world_->Dump(root);
  for (int again = 0; again < 100; ++again) {
    absl::SleepFor(kSettle);
    ZnodeRecords later = world_->Dump(root);
    if (std::exchange(records, later) == later) break;
  }
  const std::map<std::string, std::string> apps = AppsIn(records);
  if (apps.empty()) {
    EXPECT_LE(records.size(), 1u) << root << " holds something, but no /apps";
    return Visible::kNothing;
  }
  EXPECT_TRUE(records.contains("/metarec_journal"));
  if (apps.at("/apps") != "lock") {
    // Not by EXPECT_EQ, which would print thousands of znodes.
    EXPECT_TRUE(apps == apps_) << root << " is unlocked, but not complete";
    return Visible::kComplete;
  }
  for (const auto& [path, data] : apps) {
    const auto expected = apps_.find(path);
    EXPECT_NE(expected, apps_.end()) << root << path << " does not belong there";
    if (expected == apps_.end() || path == "/apps") continue;
    EXPECT_EQ(data, expected->second) << root << path;
  }
  return Visible::kLocked;
}

void KillWorld::ExpectOneCleanRunCompletes(Verb verb, const std::string& root) {
  const auto again = Start(verb, root);
  EXPECT_EQ(again->Wait(), 0) << again->Errors();
  EXPECT_TRUE(IsComplete(root)) << root << " is not what an undisturbed run writes";
}

class BrokenConnectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = KillWorld::Make(4, 250);
    ASSERT_TRUE(made.ok()) << made.status();
    world_ = made->release();
    // How much passes when nothing is wrong.
    const auto proxy = StartProxy({});
    const std::string root = world_->NewRoot();
    const auto apply = world_->Start(Verb::kApply, root, proxy->hosts());
    ASSERT_EQ(apply->Wait(), 0) << apply->Errors();
    ASSERT_TRUE(world_->IsComplete(root));
    to_server_ = proxy->bytes(ProxyDirection::kToServer);
    to_client_ = proxy->bytes(ProxyDirection::kToClient);
    std::cout << "undisturbed: " << to_server_ << " bytes to the server, " << to_client_ << " back"
              << std::endl;
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(world_, nullptr); }

  static std::unique_ptr<FaultyProxy> StartProxy(FaultyProxyOptions options,
                                                 uint16_t server_port = 0) {
    options.server_port = server_port == 0 ? world_->zookeeper().port() : server_port;
    auto proxy = FaultyProxy::Start(std::move(options));
    EXPECT_TRUE(proxy.ok()) << proxy.status();
    return *std::move(proxy);
  }

  // In the first part of the znodes' transactions, which make up most of all bytes.
  static int64_t Middle(ProxyDirection direction) {
    return (direction == ProxyDirection::kToServer ? to_server_ : to_client_) / 3;
  }

  // Runs apply over a proxy with these faults.
  void ExpectOutlivedOrResumed(FaultyProxyOptions options, bool must_be_outlived) {
    const auto faults = static_cast<int64_t>(options.faults.size());
    const auto proxy = StartProxy(std::move(options));
    const std::string root = world_->NewRoot();
    const auto apply = world_->Start(Verb::kApply, root, proxy->hosts());
    const int exit_code = apply->Wait(absl::Seconds(300));
    EXPECT_EQ(proxy->faults_done(), faults);
    if (must_be_outlived) {
      EXPECT_EQ(exit_code, 0) << apply->Errors();
    }
    EXPECT_EQ(world_->Judge(root) == Visible::kComplete, exit_code == 0) << apply->Errors();
    world_->ExpectOneCleanRunCompletes(Verb::kApply, root);
    world_->Remove(root);
  }

  // So that there is time to act in the middle.
  static FaultyProxyOptions StallsInTheMiddle(absl::Duration lasts) {
    FaultyProxyOptions options;
    options.faults = {{ProxyDirection::kToServer, Middle(ProxyDirection::kToServer),
                       ProxyFault::Action::kStall, lasts}};
    return options;
  }

  static KillWorld* world_;
  static int64_t to_server_;
  static int64_t to_client_;
};

KillWorld* BrokenConnectionTest::world_ = nullptr;
int64_t BrokenConnectionTest::to_server_ = 0;
int64_t BrokenConnectionTest::to_client_ = 0;

TEST_F(BrokenConnectionTest, ConnectionsThatAreCutAnywhereAreOutlived) {
  for (const auto action :
       {ProxyFault::Action::kReset, ProxyFault::Action::kClose, ProxyFault::Action::kHalfClose}) {
    for (const auto direction : {ProxyDirection::kToServer, ProxyDirection::kToClient}) {
      SCOPED_TRACE(absl::StrCat("action ", static_cast<int>(action), ", direction ",
                                static_cast<int>(direction)));
      FaultyProxyOptions options;
      // Two in a row, the second one soon after the connection was made anew.
      options.faults = {{direction, Middle(direction), action},
                        {direction, Middle(direction) + 2000, action}};
      ExpectOutlivedOrResumed(std::move(options), true);
    }
  }
}

TEST_F(BrokenConnectionTest, PacketsThatAreDelayedOrLostForAWhileAreOutlived) {
  FaultyProxyOptions slow;
  slow.delay = absl::Milliseconds(10);
  ExpectOutlivedOrResumed(std::move(slow), true);
  for (const auto direction : {ProxyDirection::kToServer, ProxyDirection::kToClient}) {
    SCOPED_TRACE(static_cast<int>(direction));
    FaultyProxyOptions options;
    options.faults = {{direction, Middle(direction), ProxyFault::Action::kStall, absl::Seconds(2)}};
    ExpectOutlivedOrResumed(std::move(options), true);
  }
}

TEST_F(BrokenConnectionTest, KilledInTheMiddleForSure) {
  for (const Verb verb : {Verb::kApply, Verb::kRecover}) {
    const auto proxy = StartProxy(StallsInTheMiddle(absl::Seconds(600)));
    const std::string root = world_->NewRoot();
    const auto process = world_->Start(verb, root, proxy->hosts());
    ASSERT_TRUE(Await([&] { return proxy->faults_done() == 1; }));
    process->Signal(SIGKILL);
    EXPECT_EQ(process->Wait(), 128 + SIGKILL);
    EXPECT_EQ(world_->Judge(root), Visible::kLocked);
    world_->ExpectOneCleanRunCompletes(verb, root);
    world_->Remove(root);
  }
}

TEST_F(BrokenConnectionTest, AServerThatIsKilledAndStartedAgainIsOutlived) {
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "ended");
    const auto proxy = StartProxy(StallsInTheMiddle(absl::Milliseconds(200)));
    const std::string root = world_->NewRoot();
    const auto apply = world_->Start(Verb::kApply, root, proxy->hosts());
    ASSERT_TRUE(Await([&] { return proxy->faults_done() == 1; }));
    if (killed) world_->zookeeper().Kill();
    ASSERT_EQ(world_->zookeeper().Restart(), absl::OkStatus());
    EXPECT_EQ(apply->Wait(), 0) << apply->Errors();
    ASSERT_EQ(world_->world().Connect(), absl::OkStatus());
    EXPECT_EQ(world_->Judge(root), Visible::kComplete);
    world_->ExpectOneCleanRunCompletes(Verb::kApply, root);
    world_->Remove(root);
  }
}

TEST_F(BrokenConnectionTest, PausedForLongerThanItsSessionLivesItIsResumed) {
  constexpr absl::Duration kSession = absl::Seconds(4);
  testing::ZooKeeperServerOptions server_options;
  server_options.session_timeout_max = kSession;
  const auto server = testing::ZooKeeperServer::Start(server_options);
  ASSERT_TRUE(server.ok()) << server.status();
  world_->UseZooKeeper((*server)->hosts());
  const auto proxy = StartProxy(StallsInTheMiddle(absl::Milliseconds(500)), (*server)->port());
  const std::string root = world_->NewRoot();
  const auto apply = world_->Start(Verb::kApply, root, proxy->hosts());
  EXPECT_TRUE(Await([&] { return proxy->faults_done() == 1; }));
  apply->Signal(SIGSTOP);
  absl::SleepFor(kSession + absl::Seconds(3));
  EXPECT_EQ(world_->Judge(root), Visible::kLocked);
  apply->Signal(SIGCONT);
  const int exit_code = apply->Wait(absl::Seconds(300));
  EXPECT_EQ(world_->Judge(root) == Visible::kComplete, exit_code == 0) << apply->Errors();
  world_->ExpectOneCleanRunCompletes(Verb::kApply, root);
  world_->UseZooKeeper("");
}

TEST_F(BrokenConnectionTest, AnEnsembleWhoseLeaderIsKilledIsOutlived) {
  testing::ZooKeeperServerOptions server_options;
  server_options.heap_mib = 128;
  const auto ensemble = testing::ZooKeeperEnsemble::Start(server_options);
  ASSERT_TRUE(ensemble.ok()) << ensemble.status();
  world_->UseZooKeeper((*ensemble)->hosts());
  const std::string root = world_->NewRoot();
  std::vector<std::unique_ptr<FaultyProxy>> proxies;  // it picks one of them
  std::vector<std::string> hosts;
  for (int i = 0; i < testing::ZooKeeperEnsemble::kServers; ++i) {
    proxies.push_back(
        StartProxy(StallsInTheMiddle(absl::Seconds(1)), (*ensemble)->server(i).port()));
    hosts.push_back(proxies.back()->hosts());
  }
  const auto apply = world_->Start(Verb::kApply, root, absl::StrJoin(hosts, ","));
  EXPECT_TRUE(Await([&] {
    return absl::c_any_of(proxies, [](const auto& proxy) { return proxy->faults_done() == 1; });
  }));
  const absl::StatusOr<int> leader = (*ensemble)->AwaitLeader();
  ASSERT_TRUE(leader.ok()) << leader.status();
  (*ensemble)->server(*leader).Kill();
  EXPECT_EQ(apply->Wait(absl::Seconds(300)), 0) << apply->Errors();
  EXPECT_EQ((*ensemble)->RestartAll(), absl::OkStatus());
  world_->UseZooKeeper((*ensemble)->hosts());
  EXPECT_EQ(world_->Judge(root), Visible::kComplete);
  world_->ExpectOneCleanRunCompletes(Verb::kApply, root);
  world_->UseZooKeeper("");
}

}  // namespace

// metarec itself is killed.

namespace {

constexpr int kRuns = 6;
constexpr int kMeasureEvery = 20;  // runs

template <typename Number>
Number FromEnvironment(const char* name, Number otherwise) {
  const char* const text = std::getenv(name);
  Number number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) {
    ADD_FAILURE() << name << " must be a number";
  }
  return number;
}

// The machine may become faster or slower meanwhile.
KillWorld::Times Measure(Verb verb, KillWorld* world) {
  const KillWorld::Times first = world->Measure(verb);
  const KillWorld::Times second = world->Measure(verb);
  const KillWorld::Times& times = first.ended < second.ended ? first : second;
  std::cout << (verb == Verb::kApply ? "apply" : "recover") << " undisturbed: writes from "
            << times.begun << " to " << times.unlocked << ", ends after " << times.ended
            << std::endl;
  return times;
}

TEST(KilledAnywhereTest, OneCleanRunEndsInTheRightTree) {
  const int runs = FromEnvironment<int>("METAREC_KILL_RUNS", kRuns);
  const uint64_t seed = FromEnvironment<uint64_t>("METAREC_KILL_SEED", std::random_device()());
  std::mt19937_64 random(seed);
  auto made = KillWorld::Make(6, 300);
  ASSERT_TRUE(made.ok()) << made.status();
  KillWorld& world = **made;
  std::map<Verb, KillWorld::Times> times;
  std::cout << "seed " << seed << std::endl;

  std::map<Visible, int> hits;
  int right = 0;
  for (int run = 0; run < runs; ++run) {
    const Verb verb = run % 2 == 0 ? Verb::kApply : Verb::kRecover;
    if (run % kMeasureEvery < 2) times[verb] = Measure(verb, &world);
    // Every other pair anywhere, the others from when the first znodes are there. (It writes faster
    // when nobody looks.)
    const bool anywhere = run / 2 % 2 == 0;
    const absl::Duration whole =
        anywhere ? times[verb].ended : 0.6 * (times[verb].unlocked - times[verb].begun);
    const absl::Duration wait = std::uniform_real_distribution<double>(0, 1)(random) * whole;
    const std::string root = world.NewRoot();
    SCOPED_TRACE(absl::StrCat("run ", run));
    const auto process = world.Start(verb, root);
    if (!anywhere) {
      EXPECT_TRUE(Await([&] { return world.world().Get(root + "/apps").has_value(); }));
    }
    absl::SleepFor(wait);
    process->Signal(SIGKILL);
    process->Wait();
    ++hits[world.Judge(root)];
    world.ExpectOneCleanRunCompletes(verb, root);
    ASSERT_FALSE(HasFailure());
    ++right;
    world.Remove(root);
  }
  for (const auto& [visible, count] : hits) {
    std::cout << count << " of " << runs << " were killed " << VisibleName(visible) << std::endl;
  }
  std::cout << right << " of " << runs << " ended in the right tree by one clean run" << std::endl;
}

}  // namespace

}  // namespace metarec::tools
