#include <string>

#include <absl/status/status.h>
#include <glog/logging.h>

#include "recovery_service/recovered_metadata.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/root_world.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::fuzz {
namespace {

constexpr char kPath[] = "/r/apps/1";

void CheckApp(absl::string_view json) {
  const auto app = DecodeApp(kPath, json);
  if (!app.ok()) {
    // What cannot be read can still be compared.
    std::string ours;
    EncodeApp(AppZnode(), &ours);
    CHECK(!DiffAppJson(kPath, ours, json).empty());
    return;
  }
  std::string encoded;
  EncodeApp(*app, &encoded);
  const auto again = DecodeApp(kPath, encoded);
  CHECK(again.ok()) << again.status();
  CHECK(*again == *app);
  std::string twice;
  EncodeApp(*again, &twice);
  CHECK(twice == encoded);
  CHECK(DiffAppJson(kPath, encoded, encoded).empty());
  CHECK_EQ(DiffAppJson(kPath, encoded, json).empty(), encoded == json);
}

void CheckPartition(absl::string_view json) {
  const auto partition = DecodePartition(kPath, json);
  if (!partition.ok()) {
    std::string ours;
    EncodePartition(PartitionZnode(), &ours);
    CHECK(!DiffPartitionJson(kPath, ours, json).empty());
    return;
  }
  std::string encoded;
  EncodePartition(*partition, &encoded);
  const auto again = DecodePartition(kPath, encoded);
  CHECK(again.ok()) << again.status();
  CHECK(*again == *partition);
  std::string twice;
  EncodePartition(*again, &twice);
  CHECK(twice == encoded);
  CHECK_EQ(DiffPartitionJson(kPath, encoded, json).empty(), encoded == json);
}

void CheckJournal(absl::string_view json) {
  const auto journal = DecodeJournal(kPath, json);
  if (!journal.ok()) return;
  CHECK(!journal->plan_digest.empty());
  const auto again = DecodeJournal(kPath, EncodeJournal(*journal));
  CHECK(again.ok()) << again.status();
  CHECK(*again == *journal);
}

}  // namespace

// A byte that says what it is, and the data of a znode.
void FuzzZnodeJson(absl::string_view input) {
  ByteSource source(input);
  switch (source.Byte() % 3) {
    case 0:
      return CheckApp(source.Rest());
    case 1:
      return CheckPartition(source.Rest());
    default:
      return CheckJournal(source.Rest());
  }
}

namespace {

constexpr char kCopy[] = "/pegasus/copy";

// A tree that makes sense is served, and written elsewhere it is the same tree.
void CheckContents(const RootContents& contents, RootWorld* world) {
  const auto topology = TopologyOf(contents);
  if (!topology.ok()) return;
  CHECK(CheckTopology(*topology).ok()) << CheckTopology(*topology);
  const RecoveredMetadata served(*topology);
  served.ListApps({}, {});
  for (const TopologyTable& table : topology->tables) {
    idl::query_cfg_request request;
    request.app_name = table.app_name;
    served.QueryPartitions(request, {});
  }
  const auto written = world->Write(*topology, kCopy, "sha256:copy");
  CHECK(written.ok()) << written.status();
  CHECK(world->Verify(*topology, kCopy).clean());
  const auto copied = world->Read(kCopy);
  CHECK(copied.ok()) << copied.status();
  CHECK_EQ(copied->problems_count, contents.problems_count);
  const auto again = TopologyOf(*copied);
  CHECK(again.ok()) << again.status();
  CHECK(again->tables == topology->tables);
}

}  // namespace

void FuzzRoot(absl::string_view input) {
  RootWorld world;
  world.Fill(input);
  const auto before = world.Dump();
  const RootInspection inspection = world.Inspect();
  CHECK(!inspection.Describe().empty());
  const Topology sample = SampleTopology();
  world.Verify(sample, kRoot);
  const auto contents = world.Read(kRoot);
  if (contents.ok()) {
    CHECK_GE(contents->problems_count, contents->unfinished_splits);
    CheckContents(*contents, &world);
  } else {
    CHECK(absl::IsNotFound(contents.status())) << contents.status();
    CHECK(inspection.root_case == RootCase::kAbsent || inspection.root_case == RootCase::kForeign)
        << inspection.Describe();
  }

  RootWorld fresh;
  fresh.Fill(input);
  CHECK(fresh.Dump() == before);
  const auto written = fresh.Write(sample, kRoot, kDigest);
  if (inspection.root_case == RootCase::kForeign) {
    CHECK(HasMark(written.status(),
                  inspection.WasRunOf(kDigest) ? ErrorMark::kDiffers : ErrorMark::kRefused));
  }
  if (!written.ok()) {
    // Nothing is changed in what is somebody else's, and nothing but ours is ever half there.
    if (HasMark(written.status(), ErrorMark::kRefused) ||
        HasMark(written.status(), ErrorMark::kDiffers)) {
      CHECK(fresh.Dump() == before) << written.status();
    }
    return;
  }
  if (written->already_finished) {
    CHECK(fresh.Dump() == before);
    return;
  }
  CHECK(fresh.Verify(sample, kRoot).clean());
  CHECK(fresh.Inspect().root_case == RootCase::kFinishedRun);
}

}  // namespace metarec::fuzz
