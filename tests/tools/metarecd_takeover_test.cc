// metarecd contends for leadership: with candidates as stock meta servers make them (INTEROP.md
// section 6.1), and two metarecd with each other. Of two, the one that leads is paused in a
// recovery for longer than its session lives, and goes on when the other one has finished the
// recovery.
//
// METAREC_TAKEOVER_RUNS (scripts/campaign-takeover) sets how often.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/client.h"
#include "tests/tools/metarecd_world.h"
#include "zk_store/election/lock_directory.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

constexpr char kRoot[] = "/pegasus/recovered";

class MetarecdBesideStockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetarecdWorldOptions options;
    options.tables = 1;
    options.partitions = 4;
    auto world = MetarecdWorld::Make(options);
    ASSERT_TRUE(world.ok()) << world.status();
    world_ = *std::move(world);
    directory_ = LockDirectoryPath(absl::StrCat(kRoot, "/lock"));
  }

  std::string Create(MetaStore* store, const std::string& path, const std::string& data,
                     CreateMode mode = CreateMode::kPersistent) {
    using Created = absl::StatusOr<std::string>;
    const Created created = world_->Run<Created>([&] { return store->Create(path, data, mode); });
    EXPECT_TRUE(created.ok()) << created.status();
    return created.value_or("");
  }

  void MakeDirectory() {
    for (const char* path : {"/pegasus", kRoot}) Create(world_->store(), path, "");
    Create(world_->store(), absl::StrCat(kRoot, "/lock"), "");
    Create(world_->store(), directory_, "");
  }

  // A candidate for as long as the session lives.
  std::unique_ptr<ZooKeeperMetaStore> EnterStock(const std::string& name) {
    auto session = world_->NewSession();
    EXPECT_TRUE(session.ok()) << session.status();
    candidate_ = Create(session->get(), absl::StrCat(directory_, "/LOCKNODE"), name,
                        CreateMode::kEphemeralSequential);
    return *std::move(session);
  }

  // Those of the lock directory, the leader first.
  std::vector<std::string> Candidates() {
    using Listed = absl::StatusOr<NodeChildren>;
    const Listed listed =
        world_->Run<Listed>([&] { return world_->store()->Children(directory_); });
    EXPECT_TRUE(listed.ok()) << listed.status();
    return CandidatesInOrder(listed.value_or(NodeChildren()).names);
  }

  std::unique_ptr<Metarecd> Start(uint16_t port) {
    return world_->StartMetarecd(kRoot, port, {port});
  }

  std::unique_ptr<MetarecdWorld> world_;
  std::string directory_;
  std::string candidate_;  // the path of the stock one
};

TEST_F(MetarecdBesideStockTest, FollowsAStockLeaderSendsOnToItAndTakesOverWhenItGoes) {
  MakeDirectory();
  // What is no candidate's means nothing.
  Create(world_->store(), directory_ + "/LOCKNODE", "");
  Create(world_->store(), directory_ + "/a_note", "");
  const Ipv4Endpoint stock_address{.ip = 0x7F000001, .port = FreePort()};
  auto stock = EnterStock(absl::StrCat("localhost:", stock_address.port));
  const auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog(absl::StrCat("following localhost:", stock_address.port)));
  const rpc::Reply reply = world_->Ask(metarecd->endpoint());
  EXPECT_EQ(reply.error_name, "ERR_FORWARD_TO_OTHERS");
  idl::rpc_address leader;
  ASSERT_TRUE(idl::DecodeBody(reply.body, &leader).ok());
  EXPECT_EQ(leader, stock_address.ToRpcAddress());

  stock.reset();
  ASSERT_TRUE(metarecd->AwaitLog("leading as "));
  const Ended recover = world_->Recover({metarecd->port});
  EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;
}

TEST_F(MetarecdBesideStockTest, ALeaderWhoseNameNobodyKnowsIsFollowedAllTheSame) {
  MakeDirectory();
  auto stock = EnterStock("no-such-host..invalid:34601");
  const auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog("following no-such-host..invalid:34601, whose name cannot be"));
  const rpc::Reply reply = world_->Ask(metarecd->endpoint());
  EXPECT_EQ(reply.error_name, "ERR_OK");
  idl::configuration_list_apps_response response;
  ASSERT_TRUE(idl::DecodeBody(reply.body, &response).ok());
  EXPECT_EQ(response.err.name, "ERR_FORWARD_TO_OTHERS");
}

TEST_F(MetarecdBesideStockTest, AStockFollowerLeadsAsSoonAsMetarecdIsTold) {
  auto metarecd = Start(FreePort());
  ASSERT_TRUE(metarecd->AwaitLog("leading as "));
  const auto stock = EnterStock("127.0.0.1:34601");
  ASSERT_EQ(Candidates().size(), 2u);
  const std::optional<NodeData> ours = world_->Get(absl::StrCat(directory_, "/", Candidates()[0]));
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->data, metarecd->name());
  const Ended recover = world_->Recover({metarecd->port});
  EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;

  metarecd->process->Signal(SIGTERM);
  EXPECT_EQ(metarecd->process->Wait(absl::Seconds(60)), 0) << metarecd->process->Errors();
  ASSERT_EQ(Candidates().size(), 1u);
  EXPECT_EQ(absl::StrCat(directory_, "/", Candidates()[0]), candidate_);
  // A cluster is there now, and the stock one leads it.
  metarecd = Start(metarecd->port);
  EXPECT_TRUE(metarecd->AwaitLog("following 127.0.0.1:34601"));
}

constexpr int kRuns = 3;
constexpr int kRunsMax = 1000;
// Long enough for everything that was sent before a pause to be executed, or for what is written
// after it to be seen.
constexpr absl::Duration kSettle = absl::Milliseconds(300);

enum class Phase { kBefore, kMiddle, kAfter };

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kBefore:
      return "before the writing";
    case Phase::kMiddle:
      return "in the middle of it";
    case Phase::kAfter:
      return "after the last transaction";
  }
  return "";
}

struct Figures {
  Phase phase = Phase::kBefore;
  int64_t znodes = 0;        // of the tree were there when it was paused
  absl::Duration took_over;  // from the pause to the other one's leading
  absl::Duration finished;   // from there to the end of the recovery
};

int RunsWanted() {
  const char* const text = std::getenv("METAREC_TAKEOVER_RUNS");
  int runs = kRuns;
  if (text != nullptr && (!absl::SimpleAtoi(text, &runs) || runs < 1 || runs > kRunsMax)) {
    ADD_FAILURE() << "METAREC_TAKEOVER_RUNS must be a number from 1 to " << kRunsMax;
    return 0;
  }
  return runs;
}

class MetarecdTakeoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetarecdWorldOptions options;
    // With more of them more moments lie in the middle.
    if (RunsWanted() <= kRuns) options.tables = 10;
    // Whoever is paused is given up after this. A busy machine may be slower than two seconds.
    options.session_timeout = RunsWanted() <= kRuns ? absl::Seconds(6) : absl::Seconds(2);
    auto world = MetarecdWorld::Make(options);
    ASSERT_TRUE(world.ok()) << world.status();
    world_ = *std::move(world);
    std::cout << "seed " << seed_ << std::endl;
  }

  // How long what takes when nothing happens, and what comes of it.
  void RecoverUndisturbed() {
    const uint16_t port = FreePort();
    const auto metarecd = world_->StartMetarecd("/undisturbed", port, {port});
    ASSERT_TRUE(metarecd->AwaitLog("leading as "));
    const auto recover = world_->StartRecover({port});
    ASSERT_TRUE(metarecd->AwaitLog("recovery: recovering"));
    const absl::Time begun = absl::Now();
    ASSERT_TRUE(Await([&] { return AppsState("/undisturbed") == "lock"; }));
    const absl::Time appeared = absl::Now();
    ASSERT_TRUE(Await([&] { return AppsState("/undisturbed") == "unlock"; }));
    time_before_ = appeared - begun;
    time_writing_ = absl::Now() - appeared;
    EXPECT_EQ(recover->Wait(), 0) << recover->Errors();
    apps_ = AppsIn(world_->Dump("/undisturbed"));
    ASSERT_EQ(apps_.size(), static_cast<size_t>(1 + world_->znodes()));
    std::cout << "undisturbed: " << time_before_ << " until the writing, which takes "
              << time_writing_ << std::endl;
  }

  std::string AppsState(const std::string& root) {
    const std::optional<NodeData> apps = world_->Get(root + "/apps");
    return apps.has_value() ? apps->data : "";
  }

  absl::Duration RandomPartOf(absl::Duration whole) {
    return std::uniform_real_distribution<double>(0, 1)(random_) * whole;
  }

  // On a machine that is busy with other things the leader may lose its session by itself.
  static bool HasLost(const Metarecd& leader) {
    return absl::StrContains(leader.process->Errors(), "leading no more: ");
  }

  // Returns in this phase of the recovery, if it is quick enough.
  void AwaitPhase(Phase aim, const Metarecd& leader, const std::string& root) {
    EXPECT_TRUE(leader.AwaitLog("recovery: recovering"));
    if (aim == Phase::kBefore) {
      absl::SleepFor(RandomPartOf(time_before_));
    } else if (aim == Phase::kMiddle) {
      // The partitions are created table by table.
      const int table = std::uniform_int_distribution<int>(1, world_->options().tables)(random_);
      const std::string path = absl::StrCat(root, "/apps/", table);
      EXPECT_TRUE(Await([&] {
        const std::optional<NodeData> node = world_->Get(path);
        return (node.has_value() && node->stat.num_children > 0) || HasLost(leader);
      }));
    } else {
      EXPECT_TRUE(Await([&] { return AppsState(root) == "unlock" || HasLost(leader); }));
      absl::SleepFor(RandomPartOf(absl::Milliseconds(50)));
    }
  }

  Phase PhaseOf(const std::string& root) {
    const std::string state = AppsState(root);
    return state.empty() ? Phase::kBefore : state == "lock" ? Phase::kMiddle : Phase::kAfter;
  }

  // It answers, but does not serve: it says that this one leads.
  void ExpectSendsOnTo(const Metarecd& follower, const Metarecd& leader) {
    const rpc::Reply reply = world_->Ask(follower.endpoint());
    EXPECT_EQ(reply.error_name, "ERR_FORWARD_TO_OTHERS");
    idl::rpc_address address;
    ASSERT_TRUE(idl::DecodeBody(reply.body, &address).ok());
    EXPECT_EQ(address, leader.endpoint().ToRpcAddress());
  }

  // `asks_paused_first`: whoever lists the paused one first gives it up after some seconds.
  // nullopt: the leader lost its leadership before it was paused.
  std::optional<Figures> RunOnce(Phase aim, const std::string& root, bool asks_paused_first);
  void ExpectWritesNothing(const Metarecd& paused, const Metarecd& leader, const std::string& root);

  const uint64_t seed_ = std::random_device()();
  std::mt19937_64 random_{seed_};
  std::unique_ptr<MetarecdWorld> world_;
  absl::Duration time_before_;
  absl::Duration time_writing_;
  std::map<std::string, std::string> apps_;  // of the undisturbed run
};

std::optional<Figures> MetarecdTakeoverTest::RunOnce(Phase aim, const std::string& root,
                                                     bool asks_paused_first) {
  Figures figures;
  const std::vector<uint16_t> ports = {FreePort(), FreePort()};
  std::vector<uint16_t> order = ports;
  if (!asks_paused_first) std::swap(order[0], order[1]);
  const auto first = world_->StartMetarecd(root, ports[0], ports);
  EXPECT_TRUE(first->AwaitLog("leading as "));
  const auto second = world_->StartMetarecd(root, ports[1], ports);
  EXPECT_TRUE(second->AwaitLog("following " + first->name()));
  ExpectSendsOnTo(*second, *first);

  const auto patient = world_->StartRecover({ports[1], ports[0]});
  AwaitPhase(aim, *first, root);
  first->process->Signal(SIGSTOP);
  const absl::Time paused = absl::Now();
  absl::SleepFor(kSettle);
  figures.phase = PhaseOf(root);
  figures.znodes = world_->CountZnodes(root);
  if (HasLost(*first)) return std::nullopt;

  EXPECT_TRUE(second->AwaitLog("leading as ")) << "it does not take over";
  const absl::Time leads = absl::Now();
  figures.took_over = leads - paused;
  const Ended recover = world_->Recover(order);
  figures.finished = absl::Now() - leads;
  EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;
  EXPECT_THAT(recover.out, HasSubstr("Recover result: ERR_OK\n"));

  ExpectWritesNothing(*first, *second, root);
  // Who asked the first one and waited gets the second one's answer; unless the first one, whose
  // questions have all timed out when it wakes up, has told him so before it knew better.
  if (patient->Wait() != 0) {
    EXPECT_EQ(figures.phase, Phase::kBefore);
    EXPECT_THAT(patient->Output(), HasSubstr("Recover result: ERR_TRY_AGAIN\n"));
  }
  for (const Metarecd* metarecd : {first.get(), second.get()}) {
    metarecd->process->Signal(SIGTERM);
    EXPECT_EQ(metarecd->process->Wait(absl::Seconds(60)), 0) << metarecd->process->Errors();
  }
  world_->RemoveTables(root);
  if (HasFailure()) {
    std::cout << "the log of " << first->name() << ":\n"
              << first->process->Errors() << "the log of " << second->name() << ":\n"
              << second->process->Errors();
  }
  return figures;
}

void MetarecdTakeoverTest::ExpectWritesNothing(const Metarecd& paused, const Metarecd& leader,
                                               const std::string& root) {
  const ZnodeRecords before = world_->Dump(root);
  // Not by EXPECT_EQ, which would print thousands of znodes.
  EXPECT_TRUE(AppsIn(before) == apps_) << "it is not what an undisturbed run writes";
  paused.process->Signal(SIGCONT);
  EXPECT_TRUE(paused.AwaitLog("leading no more: "));
  EXPECT_TRUE(paused.AwaitLog("following " + leader.name()));
  ExpectSendsOnTo(paused, leader);
  absl::SleepFor(kSettle);
  EXPECT_TRUE(world_->Dump(root) == before) << "it wrote after it had lost the leadership";
}

TEST_F(MetarecdTakeoverTest, WhoIsPausedWritesNothingAndTheOtherOneFinishes) {
  ASSERT_NO_FATAL_FAILURE(RecoverUndisturbed());
  std::map<Phase, int> phases;
  absl::Duration longest;
  const int runs = RunsWanted();
  int spoilt = 0;
  for (int run = 0; run < runs && !HasFailure();) {
    const Phase aim = static_cast<Phase>((run + 1) % 3);
    const std::optional<Figures> figures =
        RunOnce(aim, absl::StrCat("/run", run, ".", spoilt), run % 4 == 3);
    if (!figures.has_value()) {
      ASSERT_LT(++spoilt, 3 + runs) << "leaders lose their sessions all the time";
      continue;
    }
    ++phases[figures->phase];
    longest = std::max(longest, figures->took_over);
    std::cout << "run " << run << ": paused " << PhaseName(figures->phase) << ", "
              << figures->znodes << " of " << world_->znodes()
              << " znodes there; the other one led after " << figures->took_over
              << " and finished in " << figures->finished << std::endl;
    ++run;
  }
  if (spoilt > 0) std::cout << spoilt << " times the leader was lost too early" << std::endl;
  for (const auto& [phase, count] : phases) {
    std::cout << count << " of " << runs << " runs were paused " << PhaseName(phase) << std::endl;
  }
  std::cout << "taking over took at most " << longest << ", with sessions of "
            << world_->options().session_timeout << std::endl;
}

}  // namespace
}  // namespace metarec::tools
