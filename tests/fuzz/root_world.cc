#include "tests/fuzz/root_world.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <glog/logging.h>

namespace metarec::fuzz {
namespace {

constexpr size_t kZnodesMax = 200;
const RetryLimits kPatient = {.incidents_max = 100};

}  // namespace

RootWorld::RootWorld(testing::FaultInjector injector)
    : zookeeper_(std::make_shared<testing::InMemoryZooKeeper>()),
      stranger_(std::make_unique<testing::InMemoryMetaStore>(zookeeper_)) {
  testing::InMemoryMetaStoreOptions options;
  options.injector = std::move(injector);
  store_ = std::make_unique<testing::InMemoryMetaStore>(zookeeper_, std::move(options));
  Create("/pegasus", "", false);
}

void RootWorld::Fill(absl::string_view lines) {
  size_t count = 0;
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (++count > kZnodesMax) return;
    const bool ephemeral = absl::ConsumePrefix(&line, "!");
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    Create(absl::StrCat(kRoot, parts.first), parts.second, ephemeral);
  }
}

void RootWorld::Create(const std::string& path, absl::string_view data, bool ephemeral) {
  const CreateMode mode = ephemeral ? CreateMode::kEphemeral : CreateMode::kPersistent;
  (void)RunAlone(&io_, stranger_->Create(path, std::string(data), mode));
}

RootInspection RootWorld::Inspect() {
  RetryBudget budget(&clock_, kPatient);
  StoreReader reader(store_.get(), &budget);
  auto inspection = RunAlone(&io_, InspectRoot(&reader, kRoot, {.lock_root = "/pegasus/lock"}));
  CHECK(inspection.ok()) << inspection.status();
  return *std::move(inspection);
}

absl::StatusOr<RootContents> RootWorld::Read(const std::string& root) {
  RetryBudget budget(&clock_, kPatient);
  StoreReader reader(store_.get(), &budget);
  return RunAlone(&io_, ReadTopology(&reader, root, {}, &progress_));
}

VerifyResult RootWorld::Verify(const Topology& topology, const std::string& root) {
  RetryBudget budget(&clock_, kPatient);
  StoreReader reader(store_.get(), &budget);
  TopologyVerifier verifier({}, &reader, &progress_);
  auto result = RunAlone(&io_, verifier.Verify(topology, root));
  CHECK(result.ok()) << result.status();
  for (const Difference& difference : result->differences) DescribeDifference(difference);
  return *std::move(result);
}

absl::StatusOr<WriteResult> RootWorld::Write(const Topology& topology, const std::string& root,
                                             const std::string& digest) {
  TopologyWriterOptions options;
  options.limits = {.request_bytes_max = 4096, .ops_max = 5, .in_flight_max = 2};
  options.retry = kPatient;
  TopologyWriter writer(options, store_.get(), &clock_, &progress_);
  return RunAlone(&io_, writer.Write(topology, root, digest));
}

}  // namespace metarec::fuzz
