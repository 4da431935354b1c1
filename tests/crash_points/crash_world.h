// A small recovery that is run again and again: on a store in memory or on a real ZooKeeper, each
// time into a root of its own, with faults at chosen operations.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/io_context.hpp>

#include "base/runtime/progress.h"
#include "testing/fault_injecting_meta_store.h"
#include "tests/zk_store/client/meta_store_worlds.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec {

// An operation of a run, and all paths that it concerns.
struct RecordedCall {
  std::string kind;
  bool is_write = false;
  std::vector<std::string> paths;
};

struct CrashRun {
  absl::Status status;  // of writing and, after it, verifying
  bool already_finished = false;
  int64_t operations = 0;
  std::vector<RecordedCall> calls;  // in the order of their submission
};

struct RootNode {
  std::string data;
  int32_t version = 0;
  int64_t czxid = 0;

  friend bool operator==(const RootNode&, const RootNode&) = default;
};
using RootTree = std::map<std::string, RootNode>;  // by path below the root; "" is the root

// What a stock meta server would make of it.
enum class Visible {
  kNothing,   // no such root
  kLocked,    // it refuses to start
  kComplete,  // it starts from everything
};

class CrashWorld {
 public:
  enum class Kind { kInMemory, kZooKeeper };
  explicit CrashWorld(Kind kind);

  // The next runs are into a root that is not there yet.
  void StartAfresh();
  const std::string& root() const { return root_; }

  struct Plan {
    Topology topology;
    std::string digest;
  };
  // Three tables: one with partitions, one that is dropped, one that has lost all replicas; and
  // another plan, of the same cluster later.
  const Plan& plan() const { return plan_; }
  const Plan& another_plan() const { return another_plan_; }

  // In transactions of two or three znodes, several of them in flight.
  CrashRun Recover(const Plan& plan, testing::FaultInjector injector = nullptr,
                   std::vector<StoreOp> fence = {}, MetaStore* session = nullptr);
  // Where nothing went wrong: how many operations it took, and what was there in the end.
  const CrashRun& undisturbed_run() const { return undisturbed_run_; }

  // Everything at and below the root, without the lock directory.
  RootTree Read();
  // Whether `tree` is something that may be seen by others, and which; adds a test failure if not.
  Visible Judge(const RootTree& tree) const;
  // Whether it is, byte for byte, what the undisturbed run made.
  bool IsComplete(const RootTree& tree) const;

  // As a stranger. Paths are below the root.
  absl::Status PutRoot();
  absl::Status Put(const std::string& path, const std::string& data);
  absl::Status Change(const std::string& path, const std::string& data);
  absl::Status Remove(const std::string& path);

  MetaStore* session() { return session_.get(); }
  Clock* clock() { return &clock_; }
  template <typename T>
  T Run(asio::awaitable<T> task) {
    // A second writer acts in the middle of a run.
    asio::io_context* const io = is_running_ ? &io_of_others_ : &io_;
    const bool was_running = std::exchange(is_running_, true);
    T result = RunAlone(io, std::move(task));
    is_running_ = was_running;
    return result;
  }
  std::unique_ptr<MetaStore> NewSession();

  int64_t runs() const { return runs_; }

 private:
  asio::awaitable<absl::Status> WriteAndVerify(const Plan& plan, MetaStore* store,
                                               TopologyWriterOptions options,
                                               bool* already_finished);
  // The journal's times differ between runs.
  std::string WithoutTimes(const std::string& path, const std::string& data) const;

  const Kind kind_;
  // As MetaStore wants it, they outlive all sessions.
  asio::io_context io_;
  asio::io_context io_of_others_;
  bool is_running_ = false;
  std::unique_ptr<World> world_;
  std::unique_ptr<MetaStore> session_;   // of the runs; a new one once it has expired
  std::unique_ptr<MetaStore> stranger_;  // of whoever looks on or disturbs
  bool is_expired_ = false;              // the former
  ImmediateClock clock_;
  SilentProgress progress_;
  std::string root_;
  int64_t roots_ = 0;
  int64_t runs_ = 0;
  Plan plan_;
  Plan another_plan_;
  CrashRun undisturbed_run_;
  std::map<std::string, std::string> undisturbed_;  // path below the root to data
};

}  // namespace metarec
