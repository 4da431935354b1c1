// What one ensemble says of an election.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/election/phase_record.h"

namespace metarec {

// What is looked at.
struct ElectionPlace {
  ElectionPaths paths;
  std::string prefix = std::string(kCandidatePrefix);
  size_t candidates_max = 1000;
};

struct ElectionView {
  std::optional<PhaseRecord> record;  // nullopt: nobody has written down a phase
  int32_t record_version = 0;
  bool has_directory = false;
  // The candidates in their order, without the guard.
  std::vector<std::string> candidates;
  // No candidate that is made later gets a lower number from this ensemble: how many znodes were
  // ever made in the directory.
  int64_t counter = 0;
};

// At least as new as the moment of the call. Watches that are given are set on the record and on
// the list of candidates, if there are such znodes. Errors: kInvalidArgument for a record that
// makes no sense, kResourceExhausted for more than `candidates_max`, and those of ZooKeeper.
asio::awaitable<absl::StatusOr<ElectionView>> LookAtElection(
    MetaStore* store, const ElectionPlace* place, std::shared_ptr<Watch> record_watch = nullptr,
    std::shared_ptr<Watch> candidates_watch = nullptr);

struct ElectionCandidate {
  std::string name;  // of the znode
  std::string data;  // host:port, or whatever it wrote
  int64_t session_id = 0;
  int64_t czxid = 0;
  std::optional<CandidateMarker> marker;  // nullopt: a plain one
};

// Those of a view; without those that have gone since.
asio::awaitable<absl::StatusOr<std::vector<ElectionCandidate>>> ReadElectionCandidates(
    MetaStore* store, const ElectionPlace* place, const ElectionView* view);

// A counter is raised by creating and deleting a znode: so often at most in one transaction.
inline constexpr int64_t kRaisesPerTransaction = 400;
// Adds to a transaction what raises ElectionView::counter by `raises`.
void AppendRaises(const ElectionPlace& place, int64_t raises, std::vector<StoreOp>* ops);

// Makes what is missing of the directory, all above it, and the znodes beside it; not the record.
// To be repeated if it fails.
asio::awaitable<absl::Status> MakeElectionZnodes(MetaStore* store, const ElectionPlace* place);

// The same, and the record of an ensemble that is linked with none, unless there is one.
asio::awaitable<absl::Status> MakeUnlinkedRecord(MetaStore* store, const ElectionPlace* place);

}  // namespace metarec
