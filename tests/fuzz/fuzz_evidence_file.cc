#include <string>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "meta_recovery/planner/planner.h"
#include "replica_collector/evidence_file.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/line_digests.h"
#include "tests/fuzz/memory_file.h"

namespace metarec::fuzz {
namespace {

const EvidenceFileOptions kBounds = {
    .overwrite = true, .nodes_max = 50, .tables_max = 200, .replicas_max = 2000};

std::string Write(const Evidence& evidence, absl::string_view name) {
  const std::string path = absl::StrCat(ScratchFolder(), "/", name);
  const absl::Status status = WriteEvidenceFile(evidence, path, kBounds);
  CHECK(status.ok()) << status;
  return path;
}

void Check(absl::string_view text) {
  const MemoryFile file(text);
  const auto evidence = ReadEvidenceFile(file.path(), kBounds);
  if (!evidence.ok()) return;
  const std::string path = Write(*evidence, "evidence");
  const auto again = ReadEvidenceFile(path, kBounds);
  CHECK(again.ok()) << again.status();
  CHECK(*again == *evidence);
  const std::string bytes = ReadWholeFile(path);
  CHECK(ReadWholeFile(Write(*again, "evidence_again")) == bytes);
  const auto of_compressed = ReadEvidenceFile(Write(*evidence, "evidence.zst"), kBounds);
  CHECK(of_compressed.ok()) << of_compressed.status();
  CHECK(*of_compressed == *evidence);
  // Whatever it says, there is a plan or an error.
  PlanOptions options;
  options.skip_bad_nodes = options.skip_lost_partitions = true;
  options.max_app_id = options.max_partition_count = 1000;
  (void)MakePlan(*evidence, options);
}

}  // namespace

void FuzzEvidenceFile(absl::string_view input) {
  Check(input);
  const std::string mended = WithRightDigest(input);
  if (mended != input) Check(mended);
}

}  // namespace metarec::fuzz
