// The small files beside a replica's data.

#include <string>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "base/text/printable.h"
#include "replica_collector/disk/app_info_file.h"
#include "testing/pegasus_disk.h"
#include "tests/fuzz/fuzz_targets.h"

namespace metarec::fuzz {
namespace {

constexpr size_t kHeadBytes = 8;

void CheckError(const absl::Status& status, absl::string_view file) {
  CHECK(absl::IsDataLoss(status)) << status;
  CHECK(absl::StartsWith(status.message(), file)) << status;
  CHECK_EQ(Printable(status.message()), status.message());
}

void CheckAppInfo(absl::string_view bytes) {
  const absl::StatusOr<TableRecord> table = ReadAppInfo(bytes);
  if (!table.ok()) return CheckError(table.status(), kAppInfoFile);
  CHECK_GT(table->app_id, 0);
  CHECK_GT(table->partition_count, 0);
  const absl::StatusOr<TableRecord> again = ReadAppInfo(testing::AppInfoFile(*table));
  CHECK(again.ok()) << again.status();
  CHECK(*again == *table);
}

}  // namespace

void FuzzAppInfo(absl::string_view input) {
  CheckAppInfo(input);
  // So that what a fuzzer makes of the rest is looked at.
  static const std::string head = testing::AppInfoFile({}).substr(0, kHeadBytes);
  if (!absl::StartsWith(input, head)) CheckAppInfo(absl::StrCat(head, input));
  const absl::StatusOr<int64_t> ballot = ReadInitBallot(input);
  if (!ballot.ok()) return CheckError(ballot.status(), kInitInfoFile);
  CHECK_GE(*ballot, 0);
  const auto again = ReadInitBallot(absl::StrCat("{\"init_ballot\":", *ballot, "}"));
  CHECK(again.ok() && *again == *ballot);
}

}  // namespace metarec::fuzz
