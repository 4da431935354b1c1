// The tree of a ZooKeeper server that does not run any more, read from its data directory: the
// newest snapshot that can be used, and the transactions that its logs hold after it. This is what
// is left when the quorum is gone. docs/offline-data.md has the rules.
//
// ZooKeeper 3.4 to 3.9; all transaction types; snapshots plain or compressed with gzip or snappy.
// Nothing is ever written into the folder. Memory is about 110 bytes a znode, whatever its data.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/tree/data_directory/data_finding.h"
#include "zk_store/tree/tree_source.h"

namespace metarec {

struct DataDirectoryOptions {
  // Where the logs are, if not with the snapshots (ZooKeeper's dataLogDir).
  std::string log_folder;
  // The tree as it was after this transaction, or after the last one that is not later than this
  // Unix time. At most one of them.
  std::optional<int64_t> at_zxid;
  std::optional<int64_t> at_time_ms;
  // Accept a snapshot that was written while the server worked, without the logs that make it a
  // tree of one moment; or without any snapshot, logs that change znodes which they do not create.
  // Otherwise that is an error.
  bool accept_inconsistent = false;
  int snapshots_max = 100;  // tried, the newest first, as ZooKeeper does
  size_t findings_max = 100;
  size_t ephemerals_max = 1000;  // that are named
  int64_t decompressed_bytes_max = int64_t{64} << 30;
};

// How far it is proved that the tree is the one that the server had.
enum class DataProof {
  kProved,        // its digest is the one that the server logged
  kNoDigests,     // the server wrote none (before 3.6, or disabled); everything else is sound
  kInconsistent,  // see accept_inconsistent
};

// "proved", "no_digests" or "inconsistent": for JSON.
absl::string_view DataProofName(DataProof proof);

struct DataDirectoryLog {
  std::string file;
  int64_t transactions = 0;  // applied
};

struct DataDirectorySession {
  int64_t id = 0;
  int32_t timeout_ms = 0;
};

// An ephemeral znode stays in the files until the end of its session is logged. That of a dead
// server says nothing about who is alive.
struct DataDirectoryEphemeral {
  std::string path;
  int64_t session = 0;
};

struct DataDirectoryReport {
  std::string path;      // as given
  std::string snapshot;  // the file's name; empty: the logs begin with the first transaction
  int64_t snapshot_zxid = 0;
  std::vector<DataDirectoryLog> logs;
  int64_t transactions = 0;  // applied
  int64_t last_zxid = 0;
  int64_t last_time_ms = 0;  // Unix time of the last transaction
  // True if all that the folder holds is in the tree, or all up to what was asked for. False if a
  // file shows that there was more: then the tree is an earlier one than the server's last.
  bool is_complete = true;
  DataProof proof = DataProof::kNoDigests;
  int64_t digests_compared = 0;
  int64_t znodes = 0;
  std::vector<DataDirectorySession> sessions;      // by id
  std::vector<DataDirectoryEphemeral> ephemerals;  // in path order
  int64_t ephemerals_count = 0;
  std::vector<DataFinding> findings;
  int64_t findings_left_out = 0;
};

// Of a report that is not complete: the finding that says why, as a sentence.
std::string WhyIncomplete(const DataDirectoryReport& report);

// The report for a person, some lines; the last one ends in a newline, too.
std::string DataDirectoryReportText(const DataDirectoryReport& report);

// Not thread-safe. The sources that it gives must not outlive it.
class DataDirectoryTree {
 public:
  DataDirectoryTree(DataDirectoryTree&&) noexcept;
  DataDirectoryTree& operator=(DataDirectoryTree&&) noexcept;
  ~DataDirectoryTree();

  const DataDirectoryReport& report() const;

  // The znodes at and below the absolute path `root`, in path order. A data directory also holds
  // /zookeeper, as a server serves it. Any number of sources may be open.
  //
  // Stats are as a client of the server would see them, but for the owner of TTL znodes: it has
  // their mark, which servers do not tell. Next ends with kDataLoss when the files
  // have changed since they were read.
  std::unique_ptr<TreeSource> Open(absl::string_view root) const;

  // OK if the folder has the same snapshots and logs as when they were read, with the same sizes
  // and times of change; kAborted otherwise.
  absl::Status CheckUnchanged() const;

  struct State;  // of the implementation

 private:
  friend class DataDirectory;
  explicit DataDirectoryTree(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

class DataDirectory {
 public:
  // `path` is a dataDir, its version-2, or a single snapshot file, which is then read alone. Reads
  // synchronously.
  //
  // kNotFound if there is nothing of ZooKeeper's; kPermissionDenied; kDataLoss if no snapshot can
  // be used and the logs do not begin with the first transaction, or if the tree would not be that
  // of one moment; kOutOfRange if what is asked for is older than everything there.
  static absl::StatusOr<DataDirectoryTree> Read(const std::string& path,
                                                DataDirectoryOptions options = {});

  // True if `path` is a folder that looks like a data directory, or a file whose name is that of a
  // snapshot.
  static bool LooksLikeOne(const std::string& path);
};

}  // namespace metarec
