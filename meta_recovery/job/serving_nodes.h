// Which nodes hold a lease of some meta server, over several rounds of asking.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "replica_collector/collector.h"
#include "replica_collector/evidence.h"

namespace metarec {

// A node that served when it answered last, and does not answer any more, may go on serving: it
// counts until its lease must be over. Not thread-safe.
class ServingNodes {
 public:
  explicit ServingNodes(absl::Duration lease_max) : lease_max_(lease_max) {}

  // After each round. `now`: not before the answers came.
  void Note(const Evidence& evidence, absl::Time now);

  // The replicas of the nodes that answered, and of the silent ones that count as serving.
  const ServingCount& count() const { return count_; }
  // Whether of some node that served it is only supposed, by the last round, that it does or not.
  bool HasLostSight() const { return has_lost_sight_; }
  // Those that count as serving without an answer in the last round, as they are listed.
  std::vector<std::string> Silent() const;

 private:
  struct Node {
    std::vector<std::string> listed_as;
    int64_t serving = 0;
    int64_t replicas = 0;
    absl::Time lease_over;
    bool is_silent = false;
  };

  const absl::Duration lease_max_;
  ServingCount count_;
  std::vector<Node> nodes_;
  bool has_lost_sight_ = false;
};

}  // namespace metarec
