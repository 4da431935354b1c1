// Compares what a root holds with what it should hold.

#pragma once

#include <cstddef>
#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "zk_store/client/request_size.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/tree_difference.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

struct TopologyVerifierOptions {
  enum class Contents {
    kRead,  // every byte
    // Only of znodes that are not at version 0. Many times faster, and enough for who knows that
    // these very znodes were created with the right data and only wonders whether anybody has
    // written to them, deleted them, or added others since. Not seen: a znode that somebody deleted
    // and created again, and what is under a partition.
    kReadWhereWritten,
  };
  Contents contents = Contents::kRead;
  std::string apps_state = std::string(kAppsUnlocked);
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
