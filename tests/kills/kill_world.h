// The real metarec, applying or recovering into a real ZooKeeper, again and again, while something
// is killed.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "tests/tools/metarecd_world.h"

namespace metarec::tools {

// What a stock meta server would make of a root.
enum class Visible {
  kNothing,   // nothing was written
  kLocked,    // it refuses to start
  kComplete,  // it starts from everything
};
const char* VisibleName(Visible visible);

enum class Verb { kApply, kRecover };

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

}  // namespace metarec::tools
