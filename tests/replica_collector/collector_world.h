// A source that is told what to answer and a clock that jumps, for the collector's decisions.

#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "idl/error_names.h"
#include "replica_collector/collector.h"
#include "rpc/pegasus_status.h"
#include "testing/virtual_clock.h"

namespace metarec {

inline constexpr auto kMs = [](int64_t ms) { return absl::Milliseconds(ms); };

// What one server does when asked, in turn; the last of it again and again.
struct Script {
  struct Answer {
    absl::Duration after;
    std::string error = "ERR_OK";
    size_t count = 0;  // tables or replicas
  };
  std::deque<Answer> tables = {Answer{}};
  std::deque<Answer> replicas = {Answer{}};
};

class ScriptedSource final : public ReplicaSource {
 public:
  explicit ScriptedSource(Clock* clock) : clock_(clock) {}

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override {
    const auto known = identities.find(entry.host);
    if (known == identities.end()) {
      co_return rpc::PegasusError(idl::kErrNetworkFailure,
                                  absl::StrCat("cannot resolve ", entry.text));
    }
    NodeIdentity identity{{known->second, entry.port},
                          absl::StrCat("self-", entry.host, ":", entry.port),
                          NodeNameSource::kReverseLookup};
    identity.other_addresses = other_addresses[entry.host];
    co_return identity;
  }

  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override {
    const Script::Answer answer = Next(&scripts[address.ip].tables);
    asked.push_back({address.ip, clock_->Now(), deadline});
    in_flight_max = std::max(in_flight_max, ++in_flight);
    const absl::Status status = co_await Play(answer, deadline);
    --in_flight;
    if (!status.ok()) co_return status;
    NodeTables tables(std::vector<TableRecord>(answer.count));
    tables.own_address = own_addresses[address.ip];
    co_return std::move(tables);
  }

  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override {
    const Script::Answer answer = Next(&scripts[address.ip].replicas);
    const absl::Status status = co_await Play(answer, deadline);
    for (size_t i = 0; i < answer.count; ++i) {
      ReplicaRecord replica = {.app_id = 1, .partition_index = static_cast<int32_t>(i)};
      if (edit_replica) edit_replica(address.ip, &replica);
      const absl::Status taken = sink(replica);
      if (!taken.ok()) co_return taken;
    }
    co_return status;
  }

  struct Asked {
    uint32_t ip;
    absl::Time at;
    absl::Time deadline;
  };

  std::map<std::string, uint32_t> identities;
  std::map<std::string, std::vector<Ipv4Endpoint>> other_addresses;  // by host
  std::map<uint32_t, Ipv4Endpoint> own_addresses;                    // by the address asked
  std::function<void(uint32_t ip, ReplicaRecord* replica)> edit_replica;
  std::map<uint32_t, Script> scripts;
  std::vector<Asked> asked;  // for tables, in order
  int in_flight = 0;
  int in_flight_max = 0;

 private:
  static Script::Answer Next(std::deque<Script::Answer>* answers) {
    const Script::Answer answer = answers->front();
    if (answers->size() > 1) answers->pop_front();
    return answer;
  }

  asio::awaitable<absl::Status> Play(Script::Answer answer, absl::Time deadline) {
    const absl::Time ready = clock_->Now() + answer.after;
    const absl::Status slept = co_await clock_->SleepUntil(std::min(ready, deadline));
    if (!slept.ok()) co_return slept;
    if (ready > deadline) co_return rpc::PegasusError(idl::kErrTimeout, "no answer in time");
    co_return rpc::PegasusError(answer.error, absl::StrCat("it said ", answer.error));
  }

  Clock* const clock_;
};

class Recorder final : public ProgressListener {
 public:
  void OnProgress(const Progress& progress) override { seen.push_back(progress); }
  std::vector<Progress> seen;
};

class CollectorTest : public ::testing::Test {
 protected:
  CollectorTest() : clock_(&time_), source_(&clock_) {
    time_.Advance(kMs(250));
    for (uint32_t i = 1; i <= 9; ++i) source_.identities[absl::StrCat("n", i)] = i;
  }

  absl::StatusOr<Evidence> CollectOr(const std::string& nodes) {
    const auto list = ParseNodeListString(nodes);
    EXPECT_TRUE(list.ok()) << list.status();
    Collector collector(options_, &source_, &clock_, &progress_, [this] { return random_; });
    absl::StatusOr<Evidence> evidence = absl::UnknownError("not finished");
    const auto root = [&]() -> asio::awaitable<void> {
      co_await asio::this_coro::throw_if_cancelled(false);
      evidence = co_await collector.Collect(*list);
    };
    asio::co_spawn(context_, root,
                   asio::bind_cancellation_slot(cancel_.slot(), [](std::exception_ptr error) {
                     EXPECT_EQ(error, nullptr);
                   }));
    RunAll();
    return evidence;
  }
  Evidence Collect(const std::string& nodes) {
    auto evidence = CollectOr(nodes);
    EXPECT_TRUE(evidence.ok()) << evidence.status();
    return *std::move(evidence);
  }
  NodeEvidence CollectOne() { return Collect("n1:1").nodes.at(0); }

  // Runs until nothing is left to do; then time jumps to the end of the shortest sleep.
  void RunAll() {
    do {
      context_.restart();
      context_.poll();
    } while (time_.RunNext());
  }

  // When n1 was asked, after the first time.
  std::vector<absl::Duration> Asked() const {
    std::vector<absl::Duration> times;
    for (const auto& asked : source_.asked) times.push_back(asked.at - source_.asked[0].at);
    return times;
  }

  asio::io_context context_;
  testing::EventQueue time_;
  testing::VirtualClock clock_;
  ScriptedSource source_;
  Recorder progress_;
  CollectorOptions options_;
  double random_ = 1.0;  // the longest pause
  asio::cancellation_signal cancel_;
};

}  // namespace metarec
