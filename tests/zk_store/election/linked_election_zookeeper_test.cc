// Three candidates on two real ZooKeepers.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/election/election_phases.h"
#include "zk_store/election/linked_election.h"

namespace metarec {
namespace {

constexpr char kElection[] = "/masters/leader";
constexpr absl::Duration kSessionTimeout = absl::Seconds(60);  // that is asked for
constexpr EnsembleSide k1 = EnsembleSide::kFirst;
constexpr EnsembleSide k2 = EnsembleSide::kSecond;

class LinkedElectionZooKeeperTest : public ::testing::Test {
 protected:
  struct Candidate {
    std::unique_ptr<LinkedElection> election;
    asio::cancellation_signal cancel;
    bool ended = false;
    int terms = 0;
    bool led = false;
  };

  // They agree to sessions of at most so long.
  void StartServers(absl::Duration session_timeout_max) {
    for (const EnsembleSide side : kEnsembleSides) {
      testing::ZooKeeperServerOptions options;
      options.session_timeout_max = session_timeout_max;
      auto server = testing::ZooKeeperServer::Start(options);
      ASSERT_TRUE(server.ok()) << server.status();
      servers_[side] = *std::move(server);
    }
  }
  void TearDown() override {
    for (const auto& candidate : candidates_) Stop(candidate.get());
    RunUntil([this] {
      return std::all_of(candidates_.begin(), candidates_.end(),
                         [](const auto& candidate) { return candidate->ended; });
    });
  }

  static asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      testing::ZooKeeperServer* server, Clock* clock) {
    ZooKeeperOptions options;
    options.hosts = server->hosts();
    options.session_timeout = kSessionTimeout;
    co_return co_await ZooKeeperMetaStore::Connect(options, clock);
  }

  Candidate* Enter(const std::string& name) {
    Candidate* const candidate = candidates_.emplace_back(std::make_unique<Candidate>()).get();
    LinkedElectionOptions options;
    options.directory = kElection;
    options.own_name = name;
    options.session_timeout = kSessionTimeout;
    for (const EnsembleSide side : kEnsembleSides) {
      options.connect[side] = [this, side] { return Connect(servers_[side].get(), &clock_); };
    }
    options.on_change = [candidate] {
      const bool leads = candidate->election->leads();
      if (leads && !candidate->led) ++candidate->terms;
      candidate->led = leads;
    };
    candidate->election = std::make_unique<LinkedElection>(std::move(options), &clock_);
    asio::co_spawn(
        io_, candidate->election->Run(),
        asio::bind_cancellation_slot(candidate->cancel.slot(),
                                     [candidate](const std::exception_ptr&, const absl::Status&) {
                                       candidate->ended = true;
                                     }));
    return candidate;
  }
  static void Stop(Candidate* candidate) {
    if (!candidate->ended) candidate->cancel.emit(asio::cancellation_type::terminal);
  }

  // At no moment do two lead.
  void RunUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
      int leaders = 0;
      for (const auto& candidate : candidates_) leaders += candidate->election->leads() ? 1 : 0;
      ASSERT_LE(leaders, 1);
    }
    ASSERT_TRUE(done()) << Candidates();
  }
  std::string Candidates() const {
    std::string text;
    for (const auto& candidate : candidates_) {
      const LinkedElectionStatus status = candidate->election->status();
      absl::StrAppend(&text, status.candidate, candidate->ended ? " ended" : "",
                      status.leads ? " leads" : "", status.stands[k1] ? ", stands in 1" : "",
                      status.stands[k2] ? ", stands in 2" : "", ", phase ",
                      status.phase.has_value() ? ElectionPhaseName(*status.phase) : "unknown",
                      ", follows ", status.leader.has_value() ? status.leader->name : "nobody", " ",
                      status.trouble, "\n");
    }
    return text;
  }

  absl::Status MoveTo(ElectionPhase phase) {
    std::optional<absl::Status> result;
    asio::co_spawn(io_, StoreResult(Move(phase), &result), [](const std::exception_ptr&) {});
    RunUntil([&] { return result.has_value(); });
    return result.value_or(absl::UnknownError("it did not end"));
  }
  asio::awaitable<absl::Status> Move(ElectionPhase phase) {
    auto first = co_await Connect(servers_[k1].get(), &clock_);
    auto second = co_await Connect(servers_[k2].get(), &clock_);
    if (!first.ok() || !second.ok()) co_return absl::UnavailableError("no session");
    ElectionPhasesOptions options;
    options.directory = kElection;
    ElectionPhases phases(std::move(options), first->get(), second->get(), &clock_);
    absl::Status moved = co_await phases.Link("pair");
    if (moved.ok()) moved = co_await phases.MoveTo(phase);
    co_return moved;
  }

  asio::io_context io_{1};
  SystemClock clock_;
  PerSide<std::unique_ptr<testing::ZooKeeperServer>> servers_;
  std::vector<std::unique_ptr<Candidate>> candidates_;
};

TEST_F(LinkedElectionZooKeeperTest, OneLeaderLeadsFromOneToTheOtherAndBack) {
  StartServers(kSessionTimeout);
  Candidate* const a = Enter("a:1");
  RunUntil([a] { return a->election->leads(); });
  const auto follows = [](const Candidate* candidate, const char* name) {
    const auto leader = candidate->election->status().leader;
    return leader.has_value() && leader->name == name;
  };
  // One after the other, so that b has the lower number.
  Candidate* const b = Enter("b:1");
  RunUntil([&] { return follows(b, "a:1"); });
  Candidate* const c = Enter("c:1");
  RunUntil([&] { return follows(c, "a:1"); });
  ASSERT_TRUE(MoveTo(ElectionPhase::kOne).ok());
  for (const ElectionPhase phase :
       {ElectionPhase::kBothFromFirst, ElectionPhase::kBothFromSecond, ElectionPhase::kTwo,
        ElectionPhase::kBothFromSecond, ElectionPhase::kBothFromFirst, ElectionPhase::kOne}) {
    SCOPED_TRACE(ElectionPhaseName(phase));
    // Those who have not shown yet that they fit are refused first.
    absl::Status moved;
    for (int i = 0; i < 20; ++i) {
      moved = MoveTo(phase);
      if (!absl::IsFailedPrecondition(moved)) break;
      const absl::Time until = clock_.Now() + absl::Seconds(1);
      RunUntil([&] { return clock_.Now() >= until; });
    }
    ASSERT_TRUE(moved.ok()) << moved;
    RunUntil([&] {
      return std::all_of(candidates_.begin(), candidates_.end(), [&](const auto& candidate) {
        const LinkedElectionStatus status = candidate->election->status();
        bool is_there = status.phase == phase;
        for (const EnsembleSide side : kEnsembleSides) {
          is_there = is_there && status.stands[side] == (OnlySide(phase).value_or(side) == side);
        }
        return is_there;
      });
    });
    EXPECT_TRUE(a->election->leads());
    EXPECT_EQ(a->terms, 1);
    EXPECT_EQ(b->terms + c->terms, 0);
  }
  // Whoever is next leads at once when the leader ends.
  ASSERT_TRUE(MoveTo(ElectionPhase::kBothFromFirst).ok());
  Stop(a);
  RunUntil([b] { return b->election->leads(); });
  RunUntil([&] { return follows(c, "b:1"); });
}

TEST_F(LinkedElectionZooKeeperTest, ALeaderGoesByTheTimeoutThatTheServersAgreedTo) {
  constexpr absl::Duration kAgreedTimeout = absl::Seconds(9);
  StartServers(kAgreedTimeout);
  Candidate* const a = Enter("a:1");
  RunUntil([a] { return a->election->leads(); });
  const absl::Time paused = clock_.Now();
  servers_[k1]->Pause();
  RunUntil([a] { return !a->election->leads(); });
  EXPECT_LT(clock_.Now() - paused, kAgreedTimeout);
  servers_[k1]->Resume();
  RunUntil([a] { return a->election->leads(); });
}

}  // namespace
}  // namespace metarec
