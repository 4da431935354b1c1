// Phases: /apps itself; its children against the tables; each table's znode and children, which
// tell the partitions that are there; each of those partitions; what is carried beside them.
//
// When versions suffice, tables are listed only, and then all that is there is checked in
// transactions; those of a transaction that fails are read one by one. A znode that was deleted and
// created again is at the first version, too. But ZooKeeper counts in a parent's child_version
// every child that was created or deleted: where that is not the number of children, all of them
// are read.
//
// Listing first means that a znode that should not be there is found too, and that nothing is asked
// for that is known to be missing. In a tree that changes while it is read, what was listed and is
// gone when asked for counts as missing.

#include "zk_store/topology/topology_verifier.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/root_path.h"

namespace metarec {
namespace {

constexpr int64_t kProgressEvery = 1000;

// What a meta server changes when it goes on with a partition.
bool IsMembershipField(absl::string_view field) {
  constexpr absl::string_view kFields[] = {
      "ballot",     "primary",        "secondaries",   "last_drops",     "last_committed_decree",
      "hp_primary", "hp_secondaries", "hp_last_drops", "partition_flags"};
  return absl::c_linear_search(kFields, field);
}

bool WasAnyDeleted(const NodeChildren& children) {
  return children.stat.child_version != children.stat.num_children;
}

class Verification {
 public:
  Verification(const TopologyVerifierOptions& options, StoreReader* reader,
               ProgressListener* listener, const Topology& topology, const std::string& root)
      : options_(options),
        reader_(reader),
        listener_(listener),
        topology_(topology),
        paths_(root),
        znodes_(topology, paths_),
        own_request_size_(reader->store()->request_bytes_max()),
        request_size_(options.request_size != nullptr ? options.request_size : &own_request_size_) {
    result_.present.resize(znodes_.size());
    must_read_.resize(znodes_.size());
    for (const CarriedZnode& znode : topology.carried) carried_paths_.insert(znode.path);
  }

  asio::awaitable<absl::StatusOr<VerifyResult>> Run();

 private:
  asio::awaitable<absl::Status> CheckApps();
  asio::awaitable<absl::Status> CheckTables();
  asio::awaitable<absl::Status> CheckPartitions();
  asio::awaitable<absl::Status> CheckCarried();
  asio::awaitable<void> CheckCarriedZnode(size_t ordinal);
  bool IsCarried(absl::string_view path) const;
  // A meta server that runs on the tree goes on with what was carried, too.
  bool MayHaveGoneOn() const {
    return options_.may_have_gone_on && options_.apps_state == kAppsUnlocked;
  }
  asio::awaitable<absl::Status> CheckVersions();
  asio::awaitable<void> RunVersionLane();
  // `checks`: of those of `ordinals` that are there.
  asio::awaitable<absl::Status> CheckVersionsOf(std::vector<size_t> ordinals,
                                                std::vector<StoreOp> checks);
  asio::awaitable<void> CheckTable(size_t table_index);
  asio::awaitable<void> ReadTable(size_t table_index);
  asio::awaitable<void> ListTable(size_t table_index);
  asio::awaitable<absl::Status> ListPartitions(const TopologyTable& table);
  asio::awaitable<void> CheckPartition(size_t ordinal);
  asio::awaitable<absl::Status> ListUnderPartition(const TopologyTable& table, int32_t index,
                                                   std::string path);
  // Runs `check` for all ordinals of the range until the first error.
  asio::awaitable<absl::Status> ForEach(size_t begin, size_t end,
                                        asio::awaitable<void> (Verification::*check)(size_t));

  void ComparePartition(size_t ordinal, const std::string& path, const std::string& found);
  void Add(DifferenceKind kind, std::string path, int32_t app_id, int32_t partition_index,
           std::vector<FieldDifference> fields = {});
  void OnRead();

  const TopologyVerifierOptions& options_;
  StoreReader* const reader_;
  ProgressListener* const listener_;
  const Topology& topology_;
  const ClusterPaths paths_;
  TopologyZnodes znodes_;
  RequestSize own_request_size_;
  RequestSize* const request_size_;
  VerifyResult result_;
  std::vector<bool> must_read_;  // by ordinal: the version does not tell
  absl::flat_hash_set<absl::string_view> carried_paths_;
  size_t next_ = 0;      // the ordinal whose version is checked next
  absl::Status status_;  // the first error
};

asio::awaitable<absl::StatusOr<VerifyResult>> Verification::Run() {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_->Sync(paths_.root()));
  METAREC_CO_RETURN_IF_ERROR(co_await CheckApps());
  METAREC_CO_RETURN_IF_ERROR(co_await CheckTables());
  if (options_.contents == TopologyVerifierOptions::Contents::kRead) {
    METAREC_CO_RETURN_IF_ERROR(co_await CheckPartitions());
  } else {
    METAREC_CO_RETURN_IF_ERROR(co_await CheckVersions());
  }
  METAREC_CO_RETURN_IF_ERROR(co_await CheckCarried());
  absl::c_sort(result_.differences, [](const Difference& a, const Difference& b) {
    return std::tie(a.app_id, a.partition_index, a.path, a.kind) <
           std::tie(b.app_id, b.partition_index, b.path, b.kind);
  });
  co_return std::move(result_);
}

asio::awaitable<absl::Status> Verification::CheckApps() {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> apps, co_await reader_->Get(paths_.apps()));
  if (!apps.has_value()) {
    Add(DifferenceKind::kAppsState, paths_.apps(), 0, -1,
        {{"(data)", options_.apps_state, std::string(kNoSuchZnode)}});
    co_return absl::OkStatus();
  }
  if (apps->data != options_.apps_state) {
    Add(DifferenceKind::kAppsState, paths_.apps(), 0, -1,
        {{"(data)", options_.apps_state, apps->data.substr(0, 200)}});
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(paths_.apps()));
  if (!children.has_value()) co_return absl::OkStatus();
  // With a table all that is below it was deleted.
  if (WasAnyDeleted(*children)) must_read_.assign(must_read_.size(), true);
  absl::flat_hash_map<int32_t, size_t> tables;
  for (size_t i = 0; i < topology_.tables.size(); ++i) tables[topology_.tables[i].app_id] = i;
  absl::c_sort(children->names);
  for (const std::string& name : children->names) {
    const int32_t app_id = ParseChildName(name);
    const auto table = tables.find(app_id);
    if (table != tables.end()) {
      result_.present[table->second] = true;
      continue;
    }
    Add(DifferenceKind::kUnexpected, absl::StrCat(paths_.apps(), "/", name), std::max(app_id, 0),
        -1);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Verification::CheckTables() {
  const bool read = options_.contents == TopologyVerifierOptions::Contents::kRead;
  co_return co_await ForEach(0, znodes_.table_count(),
                             read ? &Verification::CheckTable : &Verification::ListTable);
}

asio::awaitable<absl::Status> Verification::CheckPartitions() {
  co_return co_await ForEach(znodes_.table_count(), znodes_.carried_begin(),
                             &Verification::CheckPartition);
}

// There are few: they are read whatever their version.
asio::awaitable<absl::Status> Verification::CheckCarried() {
  co_return co_await ForEach(znodes_.carried_begin(), znodes_.size(),
                             &Verification::CheckCarriedZnode);
}

bool Verification::IsCarried(absl::string_view path) const {
  if (carried_paths_.empty()) return false;
  return carried_paths_.contains(path);
}

asio::awaitable<void> Verification::CheckCarriedZnode(size_t ordinal) {
  if (!status_.ok()) co_return;
  const CarriedZnode& expected = topology_.carried[ordinal - znodes_.carried_begin()];
  int32_t app_id = 0;
  CarriedName(expected.path, &app_id);
  const std::string path = znodes_.Path(ordinal);
  const auto found = co_await reader_->Get(path);
  if (!found.ok()) {
    status_.Update(found.status());
    co_return;
  }
  OnRead();
  result_.present[ordinal] = found->has_value();
  if (!found->has_value()) {
    Add(MayHaveGoneOn() ? DifferenceKind::kProgress : DifferenceKind::kMissing, path, app_id, -1);
    co_return;
  }
  if ((*found)->data != expected.data) {
    Add(MayHaveGoneOn() ? DifferenceKind::kProgress : DifferenceKind::kDiffers, path, app_id, -1,
        {{"(data)", expected.data.substr(0, 200), (*found)->data.substr(0, 200)}});
  }
  if (MayHaveGoneOn() || (*found)->stat.num_children == 0) co_return;
  const auto children = co_await reader_->Children(path);
  if (!children.ok()) {
    status_.Update(children.status());
    co_return;
  }
  if (!children->has_value()) co_return;
  std::vector<std::string> names = (*children)->names;
  absl::c_sort(names);
  for (const std::string& name : names) {
    if (IsCarried(absl::StrCat(expected.path, "/", name))) continue;
    Add(DifferenceKind::kUnexpected, absl::StrCat(path, "/", name), app_id, -1);
  }
}

asio::awaitable<absl::Status> Verification::CheckVersions() {
  co_await ForEachBounded(options_.checks_in_flight_max, options_.checks_in_flight_max,
                          [this](size_t) { return RunVersionLane(); });
  const bool cancelled = co_await IsCancelled();
  if (status_.ok() && cancelled) co_return absl::CancelledError("verification was cancelled");
  co_return status_;
}

asio::awaitable<void> Verification::RunVersionLane() {
  while (status_.ok() && next_ < znodes_.carried_begin()) {
    const size_t bytes_max = std::min(options_.check_bytes_max, request_size_->bytes_max());
    std::vector<size_t> ordinals;
    std::vector<StoreOp> checks;
    size_t bytes = MetaStore::kMultiOverheadBytes;
    for (; next_ < znodes_.carried_begin() && ordinals.size() < options_.checks_max; ++next_) {
      if (result_.present[next_] && !must_read_[next_]) {
        StoreOp check = CheckOp{znodes_.Path(next_), 0};
        bytes += reader_->store()->OpBytes(check);
        if (bytes > bytes_max && !checks.empty()) break;
        checks.push_back(std::move(check));
      }
      ordinals.push_back(next_);
    }
    status_.Update(co_await CheckVersionsOf(std::move(ordinals), std::move(checks)));
  }
}

asio::awaitable<absl::Status> Verification::CheckVersionsOf(std::vector<size_t> ordinals,
                                                            std::vector<StoreOp> checks) {
  absl::Status checked;
  const bool all_present = checks.size() == ordinals.size();
  if (!checks.empty()) checked = co_await reader_->Check(std::move(checks), request_size_);
  if (checked.ok() && all_present) {
    for (size_t i = 0; i < ordinals.size(); ++i) OnRead();
    co_return absl::OkStatus();
  }
  const StoreError error = StoreErrorOf(checked);
  if (!checked.ok() && error != StoreError::kNoNode && error != StoreError::kBadVersion) {
    co_return checked;
  }
  co_await ForEachBounded(ordinals.size(), options_.in_flight_max, [&](size_t i) {
    const size_t ordinal = ordinals[i];
    return ordinal < znodes_.table_count() ? ReadTable(ordinal) : CheckPartition(ordinal);
  });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("verification was cancelled");
  co_return status_;
}

asio::awaitable<absl::Status> Verification::ForEach(
    size_t begin, size_t end, asio::awaitable<void> (Verification::*check)(size_t)) {
  co_await ForEachBounded(end - begin, options_.in_flight_max,
                          [this, &begin, &check](size_t i) { return (this->*check)(begin + i); });
  const bool cancelled = co_await IsCancelled();
  if (status_.ok() && cancelled) co_return absl::CancelledError("verification was cancelled");
  co_return status_;
}

asio::awaitable<void> Verification::CheckTable(size_t table_index) {
  co_await ReadTable(table_index);
  if (result_.present[table_index]) co_await ListTable(table_index);
}

asio::awaitable<void> Verification::ListTable(size_t table_index) {
  if (!status_.ok() || !result_.present[table_index]) co_return;
  status_.Update(co_await ListPartitions(topology_.tables[table_index]));
}

asio::awaitable<void> Verification::ReadTable(size_t table_index) {
  if (!status_.ok()) co_return;
  const TopologyTable& table = topology_.tables[table_index];
  const std::string path = znodes_.Path(table_index);
  std::optional<NodeData> found;
  if (result_.present[table_index]) {
    auto node = co_await reader_->Get(path);
    if (!node.ok()) {
      status_.Update(node.status());
      co_return;
    }
    found = *std::move(node);
    result_.present[table_index] = found.has_value();
  }
  OnRead();
  if (!found.has_value()) {
    Add(DifferenceKind::kMissing, path, table.app_id, -1);
    co_return;
  }
  auto fields = DiffAppJson(path, znodes_.Data(table_index), found->data);
  if (!fields.empty()) {
    Add(DifferenceKind::kDiffers, path, table.app_id, -1, std::move(fields));
  }
}

asio::awaitable<absl::Status> Verification::ListPartitions(const TopologyTable& table) {
  const std::string path = paths_.App(table.app_id);
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(path));
  if (!children.has_value()) co_return absl::OkStatus();
  const auto partitions = topology_.PartitionsOf(table);
  if (WasAnyDeleted(*children)) {
    const auto first = must_read_.begin() +
                       static_cast<std::ptrdiff_t>(znodes_.table_count() + table.partitions_begin);
    std::fill_n(first, table.partitions_count, true);
  }
  absl::c_sort(children->names);
  for (const std::string& name : children->names) {
    const int32_t index = ParseChildName(name);
    const auto partition = absl::c_lower_bound(
        partitions, index, [](const TopologyPartition& p, int32_t i) { return p.index < i; });
    if (partition != partitions.end() && partition->index == index) {
      const auto offset = static_cast<size_t>(partition - partitions.begin());
      result_.present[znodes_.table_count() + table.partitions_begin + offset] = true;
      continue;
    }
    if (IsCarried(absl::StrCat("/", kAppsName, "/", table.app_id, "/", name))) continue;
    Add(DifferenceKind::kUnexpected, absl::StrCat(path, "/", name), table.app_id, index);
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> Verification::CheckPartition(size_t ordinal) {
  if (!status_.ok()) co_return;
  const TopologyTable& table = znodes_.TableOf(ordinal);
  const int32_t index = topology_.partitions[ordinal - znodes_.table_count()].index;
  const std::string path = znodes_.Path(ordinal);
  std::optional<NodeData> found;
  if (result_.present[ordinal]) {
    auto node = co_await reader_->Get(path);
    if (!node.ok()) {
      status_.Update(node.status());
      co_return;
    }
    found = *std::move(node);
    result_.present[ordinal] = found.has_value();
  }
  OnRead();
  if (!found.has_value()) {
    Add(DifferenceKind::kMissing, path, table.app_id, index);
    co_return;
  }
  ComparePartition(ordinal, path, found->data);
  if (found->stat.num_children > 0) {
    status_.Update(co_await ListUnderPartition(table, index, path));
  }
}

void Verification::ComparePartition(size_t ordinal, const std::string& path,
                                    const std::string& found) {
  auto fields = DiffPartitionJson(path, znodes_.Data(ordinal), found);
  if (fields.empty()) return;
  const TopologyPartition& expected = topology_.partitions[ordinal - znodes_.table_count()];
  DifferenceKind kind = DifferenceKind::kDiffers;
  const auto decoded = DecodePartition(path, found);
  if (decoded.ok() && decoded->ballot < expected.ballot) {
    kind = DifferenceKind::kBallotTooLow;
  } else if (options_.may_have_gone_on && decoded.ok() && decoded->ballot > expected.ballot &&
             decoded->last_committed_decree >= expected.last_committed_decree &&
             absl::c_all_of(fields, [](const FieldDifference& field) {
               return IsMembershipField(field.field);
             })) {
    kind = DifferenceKind::kProgress;
  }
  Add(kind, path, znodes_.TableOf(ordinal).app_id, expected.index, std::move(fields));
}

asio::awaitable<absl::Status> Verification::ListUnderPartition(const TopologyTable& table,
                                                               int32_t index, std::string path) {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(path));
  if (!children.has_value()) co_return absl::OkStatus();
  absl::c_sort(children->names);
  for (const std::string& name : children->names) {
    Add(DifferenceKind::kUnexpected, absl::StrCat(path, "/", name), table.app_id, index);
  }
  co_return absl::OkStatus();
}

void Verification::Add(DifferenceKind kind, std::string path, int32_t app_id,
                       int32_t partition_index, std::vector<FieldDifference> fields) {
  int64_t& count = result_.counts[static_cast<size_t>(kind)];
  if (static_cast<size_t>(count++) < options_.differences_max) {
    result_.differences.push_back(
        {kind, std::move(path), app_id, partition_index, std::move(fields)});
  }
}

void Verification::OnRead() {
  const auto total = static_cast<int64_t>(znodes_.size());
  if (++result_.znodes_read % kProgressEvery != 0 && result_.znodes_read != total) return;
  Progress progress;
  progress.phase = Phase::kVerify;
  progress.done = result_.znodes_read;
  progress.total = total;
  for (const int64_t count : result_.counts) progress.failed += count;
  listener_->OnProgress(progress);
}

}  // namespace

absl::string_view DifferenceKindName(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kAppsState:
      return "apps_state";
    case DifferenceKind::kMissing:
      return "missing";
    case DifferenceKind::kUnexpected:
      return "unexpected";
    case DifferenceKind::kDiffers:
      return "differs";
    case DifferenceKind::kBallotTooLow:
      return "ballot_too_low";
    case DifferenceKind::kProgress:
      return "progress";
  }
  return "unknown";
}

std::string DescribeDifference(const Difference& difference) {
  std::string text = absl::StrCat(DifferenceKindName(difference.kind), " ", difference.path);
  absl::string_view separator = ": ";
  for (const FieldDifference& field : difference.fields) {
    if (field.field == "(json)") {
      // Begins with the path, as decoders' errors do.
      absl::string_view why = field.found;
      absl::ConsumePrefix(&why, absl::StrCat(difference.path, ": "));
      absl::StrAppend(&text, separator, why);
    } else if (field.field == "(data)" && field.found == kNoSuchZnode) {
      absl::StrAppend(&text, separator, field.found, ", expected one that says \"", field.expected,
                      "\"");
    } else if (field.field == "(data)") {
      absl::StrAppend(&text, separator, "says \"", field.found, "\" instead of \"", field.expected,
                      "\"");
    } else {
      absl::StrAppend(
          &text, separator, field.field, " is ", field.found.empty() ? "missing" : field.found,
          field.expected.empty() ? " and should not be there" : ", expected ", field.expected);
    }
    separator = "; ";
  }
  return text;
}

bool VerifyResult::clean() const {
  return absl::c_all_of(counts, [](int64_t count) { return count == 0; });
}

std::string Summarize(const VerifyResult& result, size_t shown_max) {
  std::vector<std::string> lines;
  int64_t count = 0;
  for (const int64_t of_kind : result.counts) count += of_kind;
  for (const Difference& difference : result.differences) {
    if (lines.size() < shown_max) lines.push_back(DescribeDifference(difference));
  }
  return absl::StrCat(count,
                      count == 1 ? " difference: " : " differences: ", absl::StrJoin(lines, " | "),
                      static_cast<size_t>(count) > lines.size() ? " | ..." : "");
}

TopologyVerifier::TopologyVerifier(TopologyVerifierOptions options, StoreReader* reader,
                                   ProgressListener* listener)
    : options_(std::move(options)), reader_(reader), listener_(listener) {}

asio::awaitable<absl::StatusOr<VerifyResult>> TopologyVerifier::Verify(const Topology& topology,
                                                                       std::string root) {
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(root));
  METAREC_CO_RETURN_IF_ERROR(CheckTopology(topology));
  Verification verification(options_, reader_, listener_, topology, root);
  co_return co_await verification.Run();
}

}  // namespace metarec
