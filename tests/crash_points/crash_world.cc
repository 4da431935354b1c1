#include "tests/crash_points/crash_world.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>
#include <gtest/gtest.h>

#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "tests/meta_recovery/planner/evidence_builder.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_verifier.h"

namespace metarec {
namespace {

using testing::FaultInjectingMetaStore;
using testing::FaultInjectingOptions;
using testing::StoreCall;
using testing::StoreFault;

constexpr char kJournal[] = "/metarec_journal";

CrashWorld::Plan PlanOf(int64_t ballot) {
  // Table 2 is known by nobody any more, so that its id becomes a dropped placeholder. Of table 3
  // nothing is left but its record.
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 4, {.ballot = ballot});
  cluster.Table(3, "empty", 2);
  PlanOptions options;
  options.skip_lost_partitions = true;
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(cluster.Build(), options);
  CHECK(plan.ok()) << plan.status();
  CHECK_EQ(plan->topology.tables.size(), 3u);
  const absl::StatusOr<std::string> digest = TopologyDigest(plan->topology);
  CHECK(digest.ok()) << digest.status();
  return {plan->topology, *digest};
}

void Record(const StoreCall& call, std::vector<RecordedCall>* calls) {
  RecordedCall& recorded = calls->emplace_back();
  recorded.kind = std::string(call.kind);
  recorded.is_write = call.is_write();
  std::vector<std::string>& paths = recorded.paths;
  const std::vector<StoreOp>* const ops = call.ops != nullptr ? call.ops : call.checks;
  if (ops == nullptr) {
    paths.push_back(call.path);
    return;
  }
  for (const StoreOp& op : *ops) paths.push_back(OpPath(op));
}

asio::awaitable<absl::Status> ReadInto(MetaStore* store, std::string root, RootTree* tree) {
  std::vector<std::string> paths = {""};
  while (!paths.empty()) {
    const std::string path = std::move(paths.back());
    paths.pop_back();
    absl::StatusOr<NodeData> node = co_await store->Get(root + path);
    if (StoreErrorOf(node.status()) == StoreError::kNoNode) continue;
    if (!node.ok()) co_return node.status();
    const bool has_children = node->stat.num_children > 0;
    (*tree)[path] = {std::move(node->data), node->stat.version, node->stat.czxid};
    if (!has_children) continue;
    const absl::StatusOr<NodeChildren> children = co_await store->Children(root + path);
    if (!children.ok()) co_return children.status();
    for (const std::string& name : children->names) {
      if (path.empty() && name == "lock") continue;
      paths.push_back(absl::StrCat(path, "/", name));
    }
  }
  co_return absl::OkStatus();
}

}  // namespace

CrashWorld::CrashWorld(Kind kind) : kind_(kind), plan_(PlanOf(3)), another_plan_(PlanOf(4)) {
  if (kind_ == Kind::kZooKeeper) {
    world_ = MakeZooKeeperWorld();
    session_ = NewSession();
    stranger_ = NewSession();
  }
  StartAfresh();
  undisturbed_run_ = Recover(plan_);
  CHECK(undisturbed_run_.status.ok()) << undisturbed_run_.status;
  for (const auto& [path, node] : Read()) undisturbed_[path] = WithoutTimes(path, node.data);
  CHECK_EQ(undisturbed_.at("/apps"), "unlock");
}

void CrashWorld::StartAfresh() {
  root_ = absl::StrCat("/clusters", roots_++, "/recovered");
  if (kind_ == Kind::kZooKeeper) return;
  session_.reset();
  stranger_.reset();
  world_ = MakeInMemoryWorld();
  session_ = NewSession();
  stranger_ = NewSession();
}

std::unique_ptr<MetaStore> CrashWorld::NewSession() {
  auto store = Run(world_->Connect({}));
  CHECK(store.ok()) << store.status();
  return *std::move(store);
}

asio::awaitable<absl::Status> CrashWorld::WriteAndVerify(const Plan& plan, MetaStore* store,
                                                         TopologyWriterOptions options,
                                                         bool* already_finished) {
  TopologyWriter writer(std::move(options), store, &clock_, &progress_);
  METAREC_CO_ASSIGN_OR_RETURN(const WriteResult written,
                              co_await writer.Write(plan.topology, root_, plan.digest));
  *already_finished = written.already_finished;
  RetryBudget budget(&clock_);
  StoreReader reader(store, &budget);
  TopologyVerifier verifier({}, &reader, &progress_);
  METAREC_CO_ASSIGN_OR_RETURN(const VerifyResult verified,
                              co_await verifier.Verify(plan.topology, root_));
  if (!verified.clean()) co_return absl::DataLossError("what is there is not what was written");
  co_return absl::OkStatus();
}

CrashRun CrashWorld::Recover(const Plan& plan, testing::FaultInjector injector,
                             std::vector<StoreOp> fence, MetaStore* session) {
  ++runs_;
  if (std::exchange(is_expired_, false)) session_ = NewSession();
  CrashRun run;
  FaultInjectingOptions faults;
  faults.injector = [&](const StoreCall& call) -> std::optional<StoreFault> {
    Record(call, &run.calls);
    return injector ? injector(call) : std::nullopt;
  };
  faults.expire_session = [this] {
    is_expired_ = true;
    Run([](World* world, MetaStore* store) -> asio::awaitable<bool> {
      co_await world->ExpireSession(store);
      co_return true;
    }(world_.get(), session_.get()));
  };
  if (session == nullptr) session = session_.get();
  FaultInjectingMetaStore store(session, std::move(faults));
  TopologyWriterOptions options;
  options.limits.ops_max = 2 + fence.size();
  options.limits.in_flight_max = 2;
  options.reads_in_flight_max = 4;
  options.retry.incidents_max = 5;
  options.fence = std::move(fence);
  run.status = Run(WriteAndVerify(plan, &store, std::move(options), &run.already_finished));
  run.operations = store.operation_count();
  return run;
}

RootTree CrashWorld::Read() {
  RootTree tree;
  const absl::Status read = Run(ReadInto(stranger_.get(), root_, &tree));
  CHECK(read.ok()) << read;
  return tree;
}

std::string CrashWorld::WithoutTimes(const std::string& path, const std::string& data) const {
  if (path != kJournal) return data;
  absl::StatusOr<Journal> journal = DecodeJournal(path, data);
  if (!journal.ok()) return data;
  journal->started_at = journal->finished_at = "";
  return EncodeJournal(*journal);
}

bool CrashWorld::IsComplete(const RootTree& tree) const {
  if (tree.size() != undisturbed_.size()) return false;
  for (const auto& [path, node] : tree) {
    const auto expected = undisturbed_.find(path);
    if (expected == undisturbed_.end() || WithoutTimes(path, node.data) != expected->second) {
      return false;
    }
  }
  return true;
}

Visible CrashWorld::Judge(const RootTree& tree) const {
  if (tree.empty()) return Visible::kNothing;
  const auto apps = tree.find("/apps");
  if (apps == tree.end()) {
    // To a stock meta server a cluster without tables: nothing of ours may be there.
    EXPECT_EQ(tree.size(), 1u) << root_ << " holds something, but no /apps";
    return Visible::kNothing;
  }
  if (apps->second.data != "lock") {
    EXPECT_EQ(apps->second.data, "unlock");
    EXPECT_TRUE(IsComplete(tree)) << root_ << " is unlocked, but not complete";
    return Visible::kComplete;
  }
  for (const auto& [path, node] : tree) {
    const auto expected = undisturbed_.find(path);
    EXPECT_NE(expected, undisturbed_.end()) << root_ << path << " does not belong there";
    if (expected == undisturbed_.end() || path == "/apps" || path == kJournal) continue;
    EXPECT_EQ(node.data, expected->second) << root_ << path;
  }
  EXPECT_TRUE(tree.contains(kJournal));
  return Visible::kLocked;
}

absl::Status CrashWorld::PutRoot() {
  const std::string parent = root_.substr(0, root_.rfind('/'));
  for (const std::string& path : {parent, root_}) {
    const absl::Status created = Run(stranger_->Create(path, "")).status();
    if (!created.ok() && StoreErrorOf(created) != StoreError::kNodeExists) return created;
  }
  return absl::OkStatus();
}
absl::Status CrashWorld::Put(const std::string& path, const std::string& data) {
  return Run(stranger_->Create(root_ + path, data)).status();
}
absl::Status CrashWorld::Change(const std::string& path, const std::string& data) {
  return Run(stranger_->Set(root_ + path, data)).status();
}
absl::Status CrashWorld::Remove(const std::string& path) {
  return Run(stranger_->Delete(root_ + path));
}

}  // namespace metarec
