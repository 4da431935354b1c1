// One attempt at a tree: a snapshot, or nothing, and the logs after it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/tree/data_directory/data_directory_listing.h"
#include "zk_store/tree/data_directory/data_files.h"
#include "zk_store/tree/data_directory/data_finding.h"
#include "zk_store/tree/data_directory/replayed_tree.h"
#include "zk_store/tree/data_directory/snapshot_reader.h"

namespace metarec {

// True if a server that has executed `last` gives this zxid to the next transaction: the next
// number of the same epoch, or the first one of a later epoch.
bool IsNextZxid(int64_t last, int64_t zxid);

struct ReplayedLog {
  std::string file;
  int64_t transactions = 0;
};

struct ReplayResult {
  ReplayedTree tree;
  SessionTimeouts sessions;
  std::vector<ReplayedLog> logs;
  std::vector<DataFinding> findings;
  int64_t findings_left_out = 0;
  int64_t last_zxid = 0;     // applied
  int64_t last_time_ms = 0;  // 0: unknown
  int64_t transactions = 0;
  // A snapshot that was written while its server worked holds changes up to this zxid.
  int64_t fuzzy_end = 0;
  int64_t digests_compared = 0;
  // Whether any digest from fuzzy_end on was the tree's, and the last zxid for which it was. Once
  // one was, replay ends at the first that is not.
  bool has_matched = false;
  int64_t matched_zxid = 0;
  // A digest differed after others had matched.
  bool has_diverged = false;
  // A digest from fuzzy_end on differed, and none matched.
  bool never_matched = false;
  // Without a snapshot: znodes were changed that had not been created, and no digest has matched
  // since then.
  bool lacks_beginning = false;
  // All that the logs hold, up to the limit, was applied.
  bool is_complete = true;
  // The last transaction that could have changed the tree had a digest, and it matched.
  bool is_proved = false;

  // The tree is that of one moment.
  bool is_consistent() const {
    if (last_zxid < fuzzy_end || never_matched) return false;
    return !lacks_beginning || has_diverged;  // which goes back to what was right
  }
};

class Replay {
 public:
  // Applies nothing later than `zxid_max`. `files` gets the files that the znodes' data are in.
  Replay(const std::vector<ListedFile>* logs, int64_t zxid_max, size_t findings_max,
         DataFiles* files);

  // From a snapshot that was read into the result's tree, or from the tree of a new server.
  absl::Status FromSnapshot(const SnapshotContent& content, int64_t zxid, ReplayResult* result);
  absl::Status FromNothing(ReplayResult* result);

 private:
  absl::Status ReplayLogs();
  absl::Status ReplayLog(const ListedFile& log);
  // Whether to go on.
  bool ApplyRecord(const ListedFile& log, uint16_t file, int64_t offset, absl::string_view bytes);
  // Whether a transaction that comes now leaves nothing out.
  bool Follows(int64_t zxid) const;
  // Whether to go on after a change. `finding` says where it is logged.
  bool Fits(ChangeFit fit, absl::string_view path, DataFinding finding);
  ChangeFit Apply(const ZnodeChange& change, uint16_t file, int64_t offset);
  bool CompareDigest(const std::string& log, int64_t offset);
  void AddFinding(DataFinding finding);
  bool Stop();

  const std::vector<ListedFile>& logs_;
  const int64_t zxid_max_;
  const size_t findings_max_;
  DataFiles& files_;
  ReplayResult* result_ = nullptr;
  Transaction transaction_;
  bool may_go_on_ = true;
  bool says_unknown_digest_ = false;
  bool expects_first_ = false;  // nothing is applied yet, and there is no snapshot
  bool is_from_nothing_ = false;
  bool rest_is_read_ =
      true;  // of the log before: false once it was damaged, but for its last record
};

struct MomentInLogs {
  // The last one whose time is not after the one that was asked for; -1 if the first transaction is
  // after it already, the greatest number if none is.
  int64_t zxid = -1;
  int64_t first_time_ms = 0;  // of the first transaction, if there is one
};

absl::StatusOr<MomentInLogs> MomentAtTime(const std::vector<ListedFile>& logs, int64_t time_ms);

}  // namespace metarec
