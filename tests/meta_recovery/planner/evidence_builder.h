// Evidence for tests: told step by step, or at random.

#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec {

struct ReplicaState {
  int64_t ballot = 3;
  int64_t committed = 10;
  int64_t prepared = 10;  // at least `committed` in any case
  ReplicaStatus status = ReplicaStatus::kInactive;
};

class Cluster {
 public:
  Cluster();

  // Goes on about this node; it is added when mentioned first.
  Cluster& Node(absl::string_view name);
  // A node that did not answer.
  Cluster& BadNode(absl::string_view name, absl::string_view error = "ERR_TIMEOUT");

  // A record of a table with 3 replicas a partition, created in 2017.
  Cluster& Table(int32_t app_id, absl::string_view name, int32_t partition_count);
  // Changes the record added last.
  Cluster& With(const std::function<void(TableRecord&)>& change);

  Cluster& Replica(absl::string_view gpid, ReplicaState state = {});
  // One replica of each partition from `first` to `last`.
  Cluster& Replicas(int32_t app_id, int32_t first, int32_t last, ReplicaState state = {});

  // On each of the nodes so far: the record and a replica of every partition.
  Cluster& Everywhere(int32_t app_id, absl::string_view name, int32_t partition_count,
                      ReplicaState state = {});

  NodeEvidence& Current() { return evidence_.nodes[current_]; }
  Evidence Build() const { return evidence_; }

 private:
  Evidence evidence_;
  size_t current_ = 0;
};

// Three nodes n1, n2, n3 that hold nothing yet.
Cluster ThreeNodes();

// A few nodes and tables. Now and then something is missing, stale, split, renamed, dropped or
// contradictory.
Evidence RandomEvidence(std::mt19937& random);

// Puts nodes, and each node's tables and replicas, into another order.
void Shuffle(Evidence& evidence, std::mt19937& random);

// Changes a few fields to anything at all.
void Mutate(Evidence& evidence, std::mt19937& random);

// A number from `least` to `most`.
int64_t Pick(std::mt19937& random, int64_t least, int64_t most);

}  // namespace metarec
