// Compares what a root holds with what it should hold.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "zk_store/client/flow_control.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/znode_json.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// What a Difference says was found where there is nothing.
inline constexpr absl::string_view kNoSuchZnode = "no such znode";

enum class DifferenceKind {
  kAppsState,     // /apps says something else, or is not there
  kMissing,       // no such znode
  kUnexpected,    // a znode under /apps that should not be there
  kDiffers,       // other bytes
  kBallotTooLow,  // a partition's ballot is below the expected one: a replica server that knows the
                  // higher one permanently ignores this entry
  kProgress,      // a partition's ballot is above the expected one and nothing but membership
                  // differs, as when a running meta server has gone on from here; or what was
                  // carried over is not any more as it was, while /apps is unlocked
};

inline constexpr size_t kDifferenceKinds = 6;

absl::string_view DifferenceKindName(DifferenceKind kind);

struct Difference {
  DifferenceKind kind = DifferenceKind::kDiffers;
  std::string path;
  int32_t app_id = 0;            // 0: not about one table
  int32_t partition_index = -1;  // -1: not about one partition
  std::vector<FieldDifference> fields;
};

// One line: kind, path, and what was expected and found.
std::string DescribeDifference(const Difference& difference);

struct VerifyResult {
  // By app id, then partition; no more than differences_max of each kind. `counts` knows all.
  std::vector<Difference> differences;
  int64_t counts[kDifferenceKinds] = {};  // by DifferenceKind
  int64_t znodes_read = 0;

  // What is there, by the ordinal of TopologyZnodes.
  std::vector<bool> present;

  int64_t Count(DifferenceKind kind) const { return counts[static_cast<size_t>(kind)]; }
  bool clean() const;
};

// One line: how many differences there are, and the first `shown_max`.
std::string Summarize(const VerifyResult& result, size_t shown_max);

struct TopologyVerifierOptions {
  enum class Contents {
    kRead,  // every byte
    // Only the bytes of znodes that are not at version 0. This is many times faster. It is enough
    // for a caller who has created these very znodes with the right data and only asks whether
    // anybody has written to them, deleted them, or added others since. Where a znode was deleted,
    // and perhaps created again, its siblings are read too. Not seen: what is under a partition.
    kReadWhereWritten,
  };
  Contents contents = Contents::kRead;
  std::string apps_state = std::string(kAppsUnlocked);
  // Whether it may be that a meta server has gone on from what is expected. Otherwise nothing
  // counts as kProgress.
  bool may_have_gone_on = true;
  size_t in_flight_max = 256;
  size_t differences_max = 1000;
  // Of the transactions that check versions.
  size_t checks_max = 2000;
  size_t check_bytes_max = 256 << 10;  // never above the store's own limit
  size_t checks_in_flight_max = 4;     // transactions
  // What is known of the server's limit already; may be null. Must outlive the verifier.
  RequestSize* request_size = nullptr;
};

// Used on one executor (a single thread or a strand).
class TopologyVerifier {
 public:
  TopologyVerifier(TopologyVerifierOptions options, StoreReader* reader,
                   ProgressListener* listener);

  // Reads all there is under `<root>/apps` and writes nothing. An error means that it could not be
  // read to the end, not that it differs. `topology` must outlive the call and not change.
  asio::awaitable<absl::StatusOr<VerifyResult>> Verify(const Topology& topology, std::string root);

 private:
  const TopologyVerifierOptions options_;
  StoreReader* const reader_;
  ProgressListener* const listener_;
};

}  // namespace metarec
