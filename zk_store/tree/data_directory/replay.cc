#include "zk_store/tree/data_directory/replay.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/tree/data_directory/log_reader.h"

namespace metarec {
namespace {

constexpr int32_t kDigestVersion = 2;
constexpr int64_t kFirstOfEpochMask = 0xffffffff;
// Of a server alone, and of an ensemble.
constexpr int64_t kFirstZxids[] = {1, 0x1'0000'0001};

bool ChangesTree(TransactionType type) { return type != TransactionType::kError; }

}  // namespace

bool IsNextZxid(int64_t last, int64_t zxid) {
  if (zxid == last + 1) return true;
  return zxid >> 32 > last >> 32 && (zxid & kFirstOfEpochMask) == 1;
}

Replay::Replay(const std::vector<ListedFile>* logs, int64_t zxid_max, size_t findings_max,
               DataFiles* files)
    : logs_(*logs), zxid_max_(zxid_max), findings_max_(findings_max), files_(*files) {}

absl::Status Replay::FromSnapshot(const SnapshotContent& content, int64_t zxid,
                                  ReplayResult* result) {
  result_ = result;
  result->sessions = content.sessions;
  result->last_zxid = zxid;
  result->last_time_ms = content.time_max_ms;
  // Without a digest of its own, the znodes tell how late they were written. A server that has not
  // executed anything yet writes zxid and digest 0; the zxid of a new leader is later than its
  // digest's.
  const bool tells =
      content.digest.has_value() && content.digest_zxid > 0 && content.digest_zxid >= zxid;
  result->fuzzy_end = tells ? content.digest_zxid : std::max(zxid, content.zxid_max);
  const bool has_digest = tells && content.digest->version == kDigestVersion;
  const bool is_equal = has_digest && result->tree.HasDigest(content.digest->value);
  const auto compare = [&] {
    ++result->digests_compared;
    result->has_matched = result->tree.HasDigest(content.digest->value);
    result->is_proved = result->has_matched;
    result->never_matched = !result->has_matched;
    if (result->has_matched) result->matched_zxid = result->fuzzy_end;
  };
  if (has_digest && zxid == result->fuzzy_end) compare();
  METAREC_RETURN_IF_ERROR(ReplayLogs());
  if (has_digest && result->last_zxid < result->fuzzy_end && is_equal &&
      result->transactions == 0) {
    // Nothing that the snapshot lacks came after those changes.
    result->last_zxid = result->fuzzy_end;
    compare();
  } else if (has_digest && result->last_zxid == result->fuzzy_end && result->transactions > 0 &&
             !result->has_matched) {
    compare();  // the transaction's own record may have none
  }
  return absl::OkStatus();
}

absl::Status Replay::FromNothing(ReplayResult* result) {
  result_ = result;
  result->tree.BeginEmpty();
  expects_first_ = is_from_nothing_ = true;
  return ReplayLogs();
}

absl::Status Replay::ReplayLogs() {
  // The last one that may hold the next transaction, and all later ones.
  const auto after =
      std::upper_bound(logs_.begin(), logs_.end(), result_->last_zxid,
                       [](int64_t zxid, const ListedFile& log) { return zxid + 1 < log.zxid; });
  auto log = after == logs_.begin() ? after : after - 1;
  for (; log != logs_.end() && may_go_on_ && result_->last_zxid < zxid_max_; ++log) {
    METAREC_RETURN_IF_ERROR(ReplayLog(*log));
  }
  return absl::OkStatus();
}

absl::Status Replay::ReplayLog(const ListedFile& log) {
  if (files_.size() >= DataFiles::kFilesMax) {
    return absl::ResourceExhaustedError("there are too many logs");
  }
  const uint16_t file = files_.Add(log.path);
  METAREC_ASSIGN_OR_RETURN(const int descriptor, files_.Descriptor(file));
  LogReader reader(descriptor);
  LogRecord record;
  bool is_empty = true;
  int64_t last_seen = 0;
  result_->logs.push_back({log.name, 0});
  while (reader.Next(&record)) {
    is_empty = false;
    const int64_t zxid = ZxidOfRecord(record.bytes);
    if (zxid > zxid_max_) {
      may_go_on_ = false;
      return absl::OkStatus();
    }
    if (!ApplyRecord(log, file, record.bytes_offset, record.bytes)) return absl::OkStatus();
    last_seen = zxid;
  }
  DataFinding finding;
  finding.file = log.name;
  finding.zxid = std::max(last_seen, result_->last_zxid);
  if (reader.damage() != DataDamage::kNone) {
    finding.kind = reader.is_torn() ? DataFindingKind::kLogTorn : DataFindingKind::kLogDamaged;
    finding.damage = reader.damage();
    finding.offset = reader.end_offset();
    if (!reader.is_torn()) result_->is_complete = rest_is_read_ = false;
    AddFinding(std::move(finding));
  } else if (reader.unread_offset() >= 0) {
    finding.kind = DataFindingKind::kLogUnreadRest;
    finding.offset = reader.unread_offset();
    result_->is_complete = rest_is_read_ = false;
    AddFinding(std::move(finding));
  } else if (is_empty) {
    finding.kind = DataFindingKind::kLogEmpty;
    AddFinding(std::move(finding));
  }
  return absl::OkStatus();
}

bool Replay::ApplyRecord(const ListedFile& log, uint16_t file, int64_t offset,
                         absl::string_view bytes) {
  const int64_t zxid = ZxidOfRecord(bytes);
  DataFinding finding;
  finding.file = log.name;
  finding.offset = offset;
  finding.zxid = zxid;
  finding.other_zxid = result_->last_zxid;
  if (zxid <= result_->last_zxid) {
    if (zxid == result_->last_zxid) result_->last_time_ms = TimeOfRecord(bytes);
    // Those that the snapshot holds come first. A server may log a transaction twice.
    if (result_->transactions > 0) {
      finding.kind = DataFindingKind::kZxidGoesBack;
      AddFinding(std::move(finding));
    }
    return true;
  }
  if (!Follows(zxid)) {
    finding.kind = DataFindingKind::kGap;
    AddFinding(std::move(finding));
    return Stop();
  }
  if (const DataDamage damage = ParseTransaction(bytes, &transaction_);
      damage != DataDamage::kNone) {
    finding.kind = DataFindingKind::kLogDamaged;
    finding.damage = damage;
    finding.zxid = result_->last_zxid;
    AddFinding(std::move(finding));
    return Stop();
  }
  expects_first_ = false;
  rest_is_read_ = true;
  for (const ZnodeChange& change : transaction_.changes) {
    if (!Fits(Apply(change, file, offset), change.path, finding)) return Stop();
  }
  if (transaction_.type == TransactionType::kCreateSession) {
    result_->sessions[transaction_.session] = transaction_.session_timeout_ms;
  } else if (transaction_.type == TransactionType::kCloseSession) {
    result_->sessions.erase(transaction_.session);
    for (const absl::string_view path : transaction_.deleted_paths) {
      if (!Fits(result_->tree.Delete(path, zxid), path, finding)) return Stop();
    }
    result_->tree.DeleteEphemerals(transaction_.session, zxid);
  }
  result_->last_zxid = zxid;
  result_->last_time_ms = transaction_.time_ms;
  ++result_->transactions;
  ++result_->logs.back().transactions;
  return CompareDigest(log.name, offset);
}

bool Replay::Follows(int64_t zxid) const {
  if (expects_first_) return absl::c_linear_search(kFirstZxids, zxid);
  // A new epoch does not tell how far the old one went.
  return rest_is_read_ ? IsNextZxid(result_->last_zxid, zxid) : zxid == result_->last_zxid + 1;
}

bool Replay::Fits(ChangeFit fit, absl::string_view path, DataFinding finding) {
  const bool is_fuzzy = finding.zxid <= result_->fuzzy_end;
  if (fit == ChangeFit::kFits || (is_fuzzy && fit != ChangeFit::kBadPath)) return true;
  const bool is_unknown = fit == ChangeFit::kNoNode || fit == ChangeFit::kNoParent;
  if (is_from_nothing_ && is_unknown) result_->lacks_beginning = true;
  finding.kind = DataFindingKind::kDoesNotFit;
  finding.path = std::string(path);
  AddFinding(std::move(finding));
  // Of these no server makes a tree.
  return fit != ChangeFit::kHasChildren && fit != ChangeFit::kBadPath;
}

ChangeFit Replay::Apply(const ZnodeChange& change, uint16_t file, int64_t offset) {
  DataPlace place;
  place.file = file;
  place.offset = static_cast<uint64_t>(offset) + change.data_offset;
  place.is_null = change.null_data;
  uint32_t acl = AclTable::kOpen;
  ReplayedTree& tree = result_->tree;
  switch (change.kind) {
    case ZnodeChange::Kind::kDelete:
      return tree.Delete(change.path, transaction_.zxid);
    case ZnodeChange::Kind::kSetData:
      return tree.SetData(change, place, transaction_.zxid, transaction_.time_ms);
    case ZnodeChange::Kind::kCreate:
      if (!tree.acls().Add(change.acl, &acl)) return ChangeFit::kBadPath;
      return tree.Create(change, place, acl, transaction_.zxid, transaction_.time_ms);
    case ZnodeChange::Kind::kSetAcl:
      if (!tree.acls().Add(change.acl, &acl)) return ChangeFit::kBadPath;
      return tree.SetAcl(change, acl);
  }
  return ChangeFit::kBadPath;
}

bool Replay::CompareDigest(const std::string& log, int64_t offset) {
  if (!transaction_.digest.has_value()) {
    if (ChangesTree(transaction_.type)) result_->is_proved = false;
    return true;
  }
  const int64_t zxid = transaction_.zxid;
  if (zxid < result_->fuzzy_end) return true;
  DataFinding finding;
  finding.file = log;
  finding.offset = offset;
  finding.zxid = zxid;
  if (transaction_.digest->version != kDigestVersion) {
    result_->is_proved = false;
    if (!says_unknown_digest_) {
      says_unknown_digest_ = true;
      finding.kind = DataFindingKind::kUnknownDigest;
      finding.count = transaction_.digest->version;
      AddFinding(std::move(finding));
    }
    return true;
  }
  ++result_->digests_compared;
  if (result_->tree.HasDigest(transaction_.digest->value)) {
    result_->has_matched = result_->is_proved = true;
    result_->never_matched = result_->lacks_beginning = false;
    result_->matched_zxid = zxid;
    return true;
  }
  result_->is_proved = false;
  if (!result_->has_matched) {
    result_->never_matched = true;
    return true;
  }
  result_->has_diverged = true;
  finding.kind = DataFindingKind::kDigestDiffers;
  finding.other_zxid = result_->matched_zxid;
  AddFinding(std::move(finding));
  return Stop();
}

void Replay::AddFinding(DataFinding finding) {
  if (result_->findings.size() < findings_max_) {
    result_->findings.push_back(std::move(finding));
  } else {
    ++result_->findings_left_out;
  }
}

bool Replay::Stop() {
  result_->is_complete = false;
  return may_go_on_ = false;
}

absl::StatusOr<MomentInLogs> MomentAtTime(const std::vector<ListedFile>& logs, int64_t time_ms) {
  MomentInLogs moment;
  for (const ListedFile& log : logs) {
    METAREC_ASSIGN_OR_RETURN(const FileDescriptor file, OpenDataFile(log.path));
    LogReader reader(file.get());
    LogRecord record;
    while (reader.Next(&record)) {
      const int64_t time_of_record_ms = TimeOfRecord(record.bytes);
      if (moment.first_time_ms == 0) moment.first_time_ms = time_of_record_ms;
      if (time_of_record_ms > time_ms) return moment;
      moment.zxid = ZxidOfRecord(record.bytes);
    }
  }
  moment.zxid = std::numeric_limits<int64_t>::max();
  return moment;
}

}  // namespace metarec
