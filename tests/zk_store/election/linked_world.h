// Two ZooKeepers in memory, candidates that stand in both, and time that passes when a test says
// so.

#pragma once

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
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/in_memory_meta_store.h"
#include "testing/virtual_clock.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/election/election_phases.h"
#include "zk_store/election/linked_election.h"

namespace metarec {

inline constexpr char kElection[] = "/pegasus/lock/dsn.meta.server.leader";
inline constexpr char kPairId[] = "pair-1";
inline constexpr EnsembleSide k1 = EnsembleSide::kFirst;
inline constexpr EnsembleSide k2 = EnsembleSide::kSecond;
inline constexpr ElectionPhase kOne = ElectionPhase::kOne;
inline constexpr ElectionPhase kBoth1 = ElectionPhase::kBothFromFirst;
inline constexpr ElectionPhase kBoth2 = ElectionPhase::kBothFromSecond;
inline constexpr ElectionPhase kTwo = ElectionPhase::kTwo;

class LinkedWorld : public ::testing::Test {
 protected:
  using Injectors = PerSide<testing::FaultInjector>;

  struct Candidate {
    std::unique_ptr<LinkedElection> election;
    asio::cancellation_signal cancel;
    bool ended = false;
    int terms = 0;  // how often it began to lead
    bool led = false;

    bool leads() const { return !ended && election->leads(); }
    LinkedElectionStatus status() const { return election->status(); }
  };

  void TearDown() override {
    for (const auto& candidate : candidates_) Stop(candidate.get());
    Pass(absl::Seconds(1));
  }

  LinkedElectionOptions Options(const std::string& name, Injectors injectors = {}) {
    LinkedElectionOptions options;
    options.directory = kElection;
    options.own_name = name;
    for (const EnsembleSide side : kEnsembleSides) {
      options.connect[side] = [zookeeper = zookeepers_[side], injector = injectors[side]] {
        return Connect(zookeeper, injector);
      };
    }
    return options;
  }

  static asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      std::shared_ptr<testing::InMemoryZooKeeper> zookeeper, testing::FaultInjector injector) {
    testing::InMemoryMetaStoreOptions options;
    options.injector = std::move(injector);
    co_return std::make_unique<testing::InMemoryMetaStore>(zookeeper, std::move(options));
  }

  Candidate* Enter(LinkedElectionOptions options) {
    Candidate* const candidate = candidates_.emplace_back(std::make_unique<Candidate>()).get();
    options.on_change = [candidate] {
      const bool leads = candidate->leads();
      if (leads && !candidate->led) ++candidate->terms;
      candidate->led = leads;
    };
    candidate->election = std::make_unique<LinkedElection>(std::move(options), &clock_);
    asio::co_spawn(io_, Run(candidate),
                   asio::bind_cancellation_slot(candidate->cancel.slot(),
                                                [candidate](const std::exception_ptr& thrown) {
                                                  EXPECT_EQ(thrown, nullptr);
                                                  candidate->ended = true;
                                                }));
    Pass(absl::Milliseconds(500));
    return candidate;
  }
  Candidate* Enter(const std::string& name) { return Enter(Options(name)); }

  static asio::awaitable<void> Run(Candidate* candidate) {
    const absl::Status status = co_await candidate->election->Run();
    EXPECT_TRUE(status.ok()) << status;
  }

  static void Stop(Candidate* candidate) {
    if (!candidate->ended) candidate->cancel.emit(asio::cancellation_type::terminal);
  }

  // At every moment at most one leads.
  void Pass(absl::Duration duration) {
    bool is_over = false;
    queue_.After(duration, [&is_over] { is_over = true; });
    while (!is_over) {
      Poll();
      ASSERT_TRUE(queue_.RunNext());
    }
    Poll();
  }
  void Poll() {
    io_.restart();
    io_.poll();
    int leaders = 0;
    for (const auto& candidate : candidates_) leaders += candidate->leads() ? 1 : 0;
    EXPECT_LE(leaders, 1);
  }

  // Lets time pass until `task` has ended.
  absl::Status Drive(asio::awaitable<absl::Status> task) {
    std::optional<absl::Status> result;
    asio::co_spawn(io_, StoreResult(std::move(task), &result), [](const std::exception_ptr&) {});
    for (int i = 0; i < 100'000 && !result.has_value(); ++i) {
      Poll();
      if (!result.has_value() && !queue_.RunNext()) break;
    }
    return result.value_or(absl::UnknownError("it waits for what never comes"));
  }

  // As a tool would, with sessions of its own.
  absl::Status MoveTo(ElectionPhase phase, bool misfits_allowed = false) {
    Driver driver(this, {}, misfits_allowed);
    return Drive(driver.phases.MoveTo(phase));
  }
  absl::Status Link(std::string id = kPairId) {
    Driver driver(this);
    return Drive(driver.phases.Link(std::move(id)));
  }

  struct Driver {
    explicit Driver(LinkedWorld* world, Injectors injectors = {}, bool misfits_allowed = false)
        : first(Open(world, k1, injectors)),
          second(Open(world, k2, injectors)),
          phases(DriverOptions(misfits_allowed), &first, &second, &world->clock_) {}

    static testing::InMemoryMetaStore Open(LinkedWorld* world, EnsembleSide side,
                                           const Injectors& injectors) {
      testing::InMemoryMetaStoreOptions options;
      options.injector = injectors[side];
      return testing::InMemoryMetaStore(world->zookeepers_[side], std::move(options));
    }
    static ElectionPhasesOptions DriverOptions(bool misfits_allowed) {
      ElectionPhasesOptions options;
      options.directory = kElection;
      options.misfits_allowed = misfits_allowed;
      return options;
    }

    testing::InMemoryMetaStore first;
    testing::InMemoryMetaStore second;
    ElectionPhases phases;
  };

  // The candidates that stand there, in order, with the guard.
  std::vector<std::string> Standing(EnsembleSide side) const {
    std::vector<std::string> data;
    for (const auto& node : zookeepers_[side]->Dump(kElection)) {
      if (node.path != kElection) data.push_back(node.data);
    }
    return data;
  }
  std::vector<std::string> Numbers(EnsembleSide side) const {
    std::vector<std::string> names;
    for (const auto& node : zookeepers_[side]->Dump(kElection)) {
      if (node.ephemeral) names.push_back(node.path.substr(std::string(kElection).size() + 1));
    }
    return names;
  }
  // The session of whoever stands there under this name.
  int64_t SessionOf(const std::string& name, EnsembleSide side) const {
    for (const auto& node : zookeepers_[side]->Dump(kElection)) {
      if (node.ephemeral && node.data == name) return node.owner;
    }
    ADD_FAILURE() << name << " does not stand in " << EnsembleWords(side);
    return 0;
  }
  ElectionPhase PhaseIn(EnsembleSide side) const {
    for (const auto& node : zookeepers_[side]->Dump(kElection + std::string(".linked"))) {
      if (!node.path.ends_with("/phase")) continue;
      const auto record = ParsePhaseRecord(node.data);
      EXPECT_TRUE(record.ok()) << record.status();
      return record->phase;
    }
    ADD_FAILURE() << "there is no phase in " << EnsembleWords(side);
    return ElectionPhase::kOne;
  }

  // What somebody writes there by hand, whatever there is.
  void Scribble(EnsembleSide side, const std::string& path, const std::string& data) {
    testing::InMemoryMetaStore store(zookeepers_[side]);
    const absl::Status written = Drive(PutInto(&store, path, data));
    EXPECT_TRUE(written.ok()) << written;
  }
  static asio::awaitable<absl::Status> PutInto(MetaStore* store, std::string path,
                                               std::string data) {
    const auto set = co_await store->Set(path, data);
    if (set.ok()) co_return absl::OkStatus();
    co_return (co_await store->Create(path, data)).status();
  }

  // A program that knows nothing of phases.
  std::unique_ptr<testing::InMemoryMetaStore> EnterPlain(EnsembleSide side,
                                                         const std::string& name) {
    auto store = std::make_unique<testing::InMemoryMetaStore>(zookeepers_[side]);
    const absl::Status made = Drive(CreatePlain(store.get(), name));
    EXPECT_TRUE(made.ok()) << made;
    return store;
  }
  static asio::awaitable<absl::Status> CreatePlain(MetaStore* store, std::string name) {
    const auto created = co_await store->Create(absl::StrCat(kElection, "/LOCKNODE"), name,
                                                CreateMode::kEphemeralSequential);
    co_return created.status();
  }

  asio::io_context io_{1};
  testing::EventQueue queue_;
  testing::VirtualClock clock_{&queue_};
  PerSide<std::shared_ptr<testing::InMemoryZooKeeper>> zookeepers_ = {
      {std::make_shared<testing::InMemoryZooKeeper>(),
       std::make_shared<testing::InMemoryZooKeeper>()}};
  std::vector<std::unique_ptr<Candidate>> candidates_;
};

}  // namespace metarec
