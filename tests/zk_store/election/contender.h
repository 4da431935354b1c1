// Candidates for leadership, each with a session of its own, whose coroutines run side by side.

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/election/leader_lock.h"

namespace metarec {

class Contender {
 public:
  Contender(asio::io_context* io, Clock* clock, std::unique_ptr<MetaStore> store,
            LeaderLockOptions options)
      : io_(io), store_(std::move(store)) {
    options.on_leader_change = [this] {
      const auto leader = lock_->leader();
      seen_.push_back(leader.has_value() ? leader->name : "nobody");
    };
    lock_ = std::make_unique<LeaderLock>(std::move(options), store_.get(), clock);
  }

  void Acquire() { Start(lock_->Acquire(), &acquired_); }
  void AwaitLoss() { Start(lock_->AwaitLoss(), &lost_); }
  void Release() { Start(lock_->Release(), &released_); }
  void Cancel() { cancel_.emit(asio::cancellation_type::terminal); }
  void CloseSession() { store_.reset(); }

  LeaderLock& lock() { return *lock_; }
  MetaStore* store() { return store_.get(); }
  const std::optional<absl::Status>& acquired() const { return acquired_; }
  const std::optional<absl::Status>& lost() const { return lost_; }
  const std::optional<absl::Status>& released() const { return released_; }
  // What leader() became, in this order.
  const std::vector<std::string>& seen() const { return seen_; }

  bool leads() const {
    const auto leader = lock_->leader();
    return leader.has_value() && leader->is_us;
  }
  std::string LeaderName() const {
    const auto leader = lock_->leader();
    return leader.has_value() ? leader->name : "nobody";
  }

 private:
  void Start(asio::awaitable<absl::Status> task, std::optional<absl::Status>* result) {
    EXPECT_EQ(running_, nullptr) << "one call at a time";
    running_ = result;
    result->reset();
    asio::co_spawn(*io_, StoreResult(std::move(task), result),
                   asio::bind_cancellation_slot(
                       cancel_.slot(), [this](std::exception_ptr) { running_ = nullptr; }));
  }

  asio::io_context* const io_;
  std::unique_ptr<MetaStore> store_;
  std::unique_ptr<LeaderLock> lock_;
  asio::cancellation_signal cancel_;
  std::optional<absl::Status>* running_ = nullptr;
  std::optional<absl::Status> acquired_;
  std::optional<absl::Status> lost_;
  std::optional<absl::Status> released_;
  std::vector<std::string> seen_;
};

inline constexpr char kLockRoot[] = "/pegasus/recovered/lock";
inline constexpr char kLockDirectory[] = "/pegasus/recovered/lock/dsn.meta.server.leader";

class ElectionWorld : public StoreWorld {
 protected:
  void TearDown() override {
    for (const auto& contender : contenders_) contender->Cancel();
    Settle();
  }

  // Lets everything happen that can.
  void Settle() {
    io_.restart();
    io_.poll();
  }

  static LeaderLockOptions Options(const std::string& name) {
    LeaderLockOptions options;
    options.lock_root = kLockRoot;
    options.own_name = name;
    options.retry.incidents_max = 5;
    options.disconnected_max = absl::InfiniteDuration();  // time flies by in this world
    return options;
  }

  Contender& Enter(LeaderLockOptions options, FaultInjector injector = nullptr) {
    contenders_.push_back(
        std::make_unique<Contender>(&io_, &clock_, Open(std::move(injector)), std::move(options)));
    contenders_.back()->Acquire();
    Settle();
    return *contenders_.back();
  }
  Contender& Enter(const std::string& name, FaultInjector injector = nullptr) {
    return Enter(Options(name), std::move(injector));
  }

  void Expire(Contender* contender) {
    zookeeper_->ExpireSession(contender->store()->session_id());
    Settle();
  }

  // As a stranger would. (Not on io_, which may be running, and where others wait.)
  void Remove(const std::string& path) {
    asio::io_context io;
    const auto deleted = RunAlone(&io, stranger_->Delete(path));
    EXPECT_TRUE(deleted.ok()) << deleted;
  }
  void Overwrite(const std::string& path, const std::string& data) {
    asio::io_context io;
    const auto set = RunAlone(&io, stranger_->Set(path, data));
    EXPECT_TRUE(set.ok()) << set.status();
  }

  // While others wait.
  template <typename T>
  T RunAmongOthers(asio::awaitable<T> task) {
    std::optional<T> result;
    asio::co_spawn(io_, StoreResult(std::move(task), &result), asio::detached);
    Settle();
    return std::move(*result);
  }

  // The data of the candidates in the lock directory, in the order of their names.
  std::vector<std::string> Candidates() const {
    std::vector<std::string> names;
    for (const auto& node : zookeeper_->Dump(kLockDirectory)) {
      if (node.path != kLockDirectory) names.push_back(node.data);
    }
    return names;
  }

  std::vector<std::unique_ptr<Contender>> contenders_;
};

}  // namespace metarec
