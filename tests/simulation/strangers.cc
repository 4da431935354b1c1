// Others who use the same ZooKeeper: a stock meta server, and somebody who writes what he should
// not.

#include <utility>

#include <absl/strings/str_cat.h>

#include "world.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(500);
const StoreClient kStranger = {.name = "stranger", .number = -1, .is_engine = false};
const StoreClient kStock = {.name = "stock", .number = -2, .is_engine = false};
const testing::ZnodeCaller kUnnamedCaller;

}  // namespace

void World::Contend(absl::Duration lasts) {
  const std::string directory = LockDirectoryPath(kLockRoot);
  for (size_t slash = directory.find('/', 1);; slash = directory.find('/', slash + 1)) {
    const std::vector<StoreOp> ops(1, CreateOp{directory.substr(0, slash), ""});
    zookeeper.Write(kStock, 0, ops).IgnoreError();
    if (slash == std::string::npos) break;
  }
  const int64_t session = zookeeper.OpenForeignSession();
  const std::vector<StoreOp> ops(
      1, CreateOp{absl::StrCat(directory, "/", std::string(kCandidatePrefix)), "stock:34601",
                  CreateMode::kEphemeralSequential});
  const auto made = zookeeper.Write(kStock, session, ops);
  if (!made.ok()) return;
  trace.Add(queue.now(), "stock", "contends");
  ++operators_left_;
  BootIfLeading(session, made->front().created_path, queue.now() + lasts);
}

void World::BootIfLeading(int64_t session, const std::string& candidate, absl::Time until) {
  const bool is_leading = watch.LeadingSession() == session;
  if (is_leading || queue.now() >= until || is_calm_) {
    // A stock meta server that cannot boot ends. One that can would live on; here it leaves when
    // its time is over, as it is not to take over.
    if (is_leading && watch.Boot()) trace.Add(queue.now(), "stock", "boots");
    zookeeper.EndForeignSession(session);
    trace.Add(queue.now(), "stock", "leaves");
    --operators_left_;
    return;
  }
  queue.After(kLookEvery,
              [this, session, candidate, until] { BootIfLeading(session, candidate, until); });
}

void World::WriteAsStranger(int64_t what) {
  const std::string root = kRoot;
  const std::string apps = root + "/apps";
  const auto write = [this](StoreOp op) {
    const std::vector<StoreOp> ops(1, op);
    const auto written = zookeeper.Write(kStranger, 0, ops);
    trace.Add(queue.now(), "stranger",
              absl::StrCat(OpName(ops[0]), " ", OpPath(ops[0]), written.ok() ? "" : " fails"));
    if (written.ok()) CountFault("stranger");
  };
  const auto leader = [this]() -> std::string {
    const std::string directory = LockDirectoryPath(kLockRoot);
    const auto children = zookeeper.tree().Children(directory, kUnnamedCaller);
    if (!children.ok()) return directory + "/none";
    const std::vector<std::string> candidates = CandidatesInOrder(children->names);
    return absl::StrCat(directory, "/", candidates.empty() ? "none" : candidates.front());
  };
  switch (what) {
    case 0:
      return write(CreateOp{root + "/stranger", "hello"});
    case 1:
      return write(SetOp{apps, std::string(kAppsUnlocked)});
    case 2:
      return write(SetOp{apps, std::string(kAppsLocked)});
    case 3:
      return write(DeleteOp{root + "/metarec_journal"});
    case 4:
      return write(CreateOp{apps + "/9", "{}"});
    case 5:
      return write(SetOp{apps + "/1", "{}"});
    case 6:
      return write(DeleteOp{apps + "/1/0"});
    case kDeletesLeader:
      return write(DeleteOp{leader()});
    case kOverwritesLeader:
      return write(SetOp{leader(), "stranger:34601"});
    case 9:
      return write(CreateOp{apps + "/1", "{}"});
    case 10:
      return write(CreateOp{apps + "/1/0", "{}"});
    case 11:
      return write(DeleteOp{apps + "/1"});
    default:
      return write(CreateOp{apps, std::string(kAppsUnlocked)});
  }
}

}  // namespace metarec::simulation
