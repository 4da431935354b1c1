#include <string>

#include <glog/logging.h>

#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "zk_store/topology/journal.h"
#include "zk_store/topology/znode_difference.h"
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

}  // namespace metarec::fuzz
