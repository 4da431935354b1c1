#include "migration/tables/table_diff.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "tests/migration/tables/two_clusters.h"

namespace metarec {
namespace {

using testing::TableFaults;

class TableDiffTest : public TwoClusters {
 protected:
  TableDiffResult Diff(TableDiffOptions options = {}) {
    differences_.clear();
    const auto result = Run(DiffTables(
        source_.get(), target_.get(), &clock_, std::move(options),
        [this](const RowDifference& difference) { differences_.push_back(difference); },
        [](const TableDiffResult&) {}));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(TableDiffResult());
  }
  testing::TableStorage& to() { return target_cluster_.table("to"); }
  // Where the target has a row of the source.
  testing::TableStorage::Stored& InTarget(const Row& row) {
    return to()
        .partition(PartitionOf(row.key.hash(), to().partition_count()))
        .at(row.key.encoded());
  }
  void RemoveFromTarget(const Row& row) {
    to().partition(PartitionOf(row.key.hash(), to().partition_count())).erase(row.key.encoded());
  }

  std::vector<RowDifference> differences_;
};

TEST_F(TableDiffTest, EqualTablesAreEqualWhateverThePartitionCountsAndTheFaults) {
  const std::pair<int32_t, int32_t> counts[] = {{4, 4}, {4, 8}, {6, 4}, {3, 5}, {1, 7}};
  for (const auto& [from, to] : counts) {
    SCOPED_TRACE(absl::StrCat(from, " and ", to));
    MakeTables(from, to);
    LoadSource(2000);
    LoadTarget(2000);
    const TableFaults faults = {
        .busy = 20, .moved_primary = 20, .lost_scan = 50, .short_page = 100};
    source_cluster_.SetFaults(faults);
    target_cluster_.SetFaults(faults);
    const TableDiffResult result = Diff();
    EXPECT_TRUE(result.is_equal());
    EXPECT_EQ(result.source_rows, static_cast<int64_t>(SourceRows().size()));
    EXPECT_EQ(result.target_rows, result.source_rows);
    EXPECT_EQ(result.equal, result.source_rows);
    source_cluster_.DropTable("from");
    target_cluster_.DropTable("to");
  }
}

// A hundred rows of each kind, one at a time.
TEST_F(TableDiffTest, OneDifferenceOfAnyKindIsFoundEveryTime) {
  MakeTables(4, 6);
  constexpr int kRows = 1000;
  LoadSource(kRows);
  LoadTarget(kRows);
  std::mt19937 random(7);
  TableDiffOptions options;
  options.scan_rows = 500;
  for (int run = 0; run < 100; ++run) {
    const Row row = RowOf(static_cast<int>(random() % kRows));
    SCOPED_TRACE(row.key.ToString());
    testing::TableStorage::Stored& stored = InTarget(row);
    const testing::TableStorage::Stored original = stored;
    const int kind = run % 5;
    Row extra = row;
    extra.key = *RowKey::Make(absl::StrCat("extra", run), "");
    if (kind == 0) RemoveFromTarget(row);
    if (kind == 1) stored.value += "x";
    if (kind == 2)
      stored.expires_at = stored.expires_at == 0 ? 2'000'000'000u : stored.expires_at + 2;
    if (kind == 3) stored.expires_at = stored.expires_at == 0 ? 2'100'000'000u : 0;
    if (kind == 4) to().Put(extra);
    const TableDiffResult result = Diff(options);
    ASSERT_EQ(differences_.size(), 1u);
    const RowDifference& found = differences_[0];
    EXPECT_EQ(found.key, kind == 4 ? extra.key : row.key);
    EXPECT_EQ(result.differences, 1);
    EXPECT_EQ(result.missing, kind == 0);
    EXPECT_EQ(result.value, kind == 1);
    EXPECT_EQ(result.expiry, kind == 2 || kind == 3);
    EXPECT_EQ(result.extra, kind == 4);
    if (kind == 4) RemoveFromTarget(extra);
    Row again = row;
    again.value = original.value;
    again.expires_at = original.expires_at;
    to().Put(again);
  }
  EXPECT_TRUE(Diff(options).is_equal());
}

TEST_F(TableDiffTest, RowsThatExpireMeanwhileAreNoDifference) {
  MakeTables(4, 4);
  LoadSource(1000);
  LoadTarget(1000);
  const ExpirySeconds now = ExpiryAt(clock_.Now());
  for (int i = 0; i < 300; ++i) {
    const Row row =
        MakeRow(absl::StrCat("brief", i), "", "v", now + 1 + static_cast<uint32_t>(i % 3));
    source_cluster_.table("from").Put(row);
    to().Put(row);
  }
  // The target answers later.
  target_cluster_.SetFaults({.delay = absl::Milliseconds(40)});
  TableDiffOptions options;
  options.scan_rows = 10;
  const TableDiffResult result = Diff(options);
  EXPECT_TRUE(result.is_equal()) << differences_[0].key.ToString();
  EXPECT_LT(SourceRows().size(), 1300u) << "none has expired: the test shows nothing";
}

TEST_F(TableDiffTest, ExpiriesMayDifferByTheToleranceOrAreIgnored) {
  MakeTables(2, 2);
  LoadSource(100);
  LoadTarget(100);
  InTarget(RowOf(1)).expires_at += 1;
  InTarget(RowOf(3)).expires_at += 5;
  InTarget(RowOf(5)).expires_at = 0;
  EXPECT_EQ(Diff().expiry, 2);
  TableDiffOptions options;
  options.ttl_tolerance = absl::ZeroDuration();
  EXPECT_EQ(Diff(options).expiry, 3);
  options.ttl_tolerance = absl::Seconds(5);
  EXPECT_EQ(Diff(options).expiry, 1);
  options.ignore_ttl = true;
  EXPECT_TRUE(Diff(options).is_equal());
}

TEST_F(TableDiffTest, ARowWhereNoGetLooksForItIsMissing) {
  MakeTables(4, 4);
  LoadSource(100);
  LoadTarget(100);
  // As copy_data -n of the stock shell leaves rows without a hash key.
  const Row row = RowOf(7);
  const int32_t right = PartitionOf(row.key.hash(), 4);
  const int32_t wrong = (right + 1) % 4;
  RemoveFromTarget(row);
  to().partition(wrong)[row.key.encoded()] = {row.value, row.expires_at};
  const TableDiffResult result = Diff();
  EXPECT_EQ(result.missing, 1);
  EXPECT_EQ(result.misplaced_in_target, 1);
  EXPECT_EQ(result.differences, 2);
}

TEST_F(TableDiffTest, ASampleComparesAllKeysAndSomeValues) {
  MakeTables(4, 8);
  LoadSource(1000);
  LoadTarget(1000);
  for (int i = 0; i < 1000; ++i) InTarget(RowOf(i)).value += "changed";
  RemoveFromTarget(RowOf(500));
  TableDiffOptions options;
  options.sample_percent = 10;
  TableDiffResult result = Diff(options);
  EXPECT_EQ(result.missing, 1);
  EXPECT_GT(result.values_compared, 50);
  EXPECT_LT(result.values_compared, 200);
  EXPECT_EQ(result.value, result.values_compared);
  options.sample_percent = 0;
  result = Diff(options);
  EXPECT_EQ(result.missing, 1);
  EXPECT_EQ(result.values_compared, 0);
}

TEST_F(TableDiffTest, OnlyWhatTheFiltersMeanIsCompared) {
  MakeTables(2, 2);
  LoadSource(300);
  LoadTarget(300);
  InTarget(RowOf(10)).value += "x";   // hash3
  InTarget(RowOf(200)).value += "x";  // hash66
  TableDiffOptions options;
  options.filter.hash_key = {RowFilter::Match::kPrefix, "hash66"};
  EXPECT_EQ(Diff(options).value, 1);
  EXPECT_EQ(differences_[0].key, RowOf(200).key);
}

}  // namespace
}  // namespace metarec
