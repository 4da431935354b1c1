// Old trees for tests: told step by step, or at random.

#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/old_tree/old_tree.h"
#include "replica_collector/evidence.h"

namespace metarec {

// Of a cluster as Cluster (evidence_builder.h) makes them. Taken an hour after its tables were last
// changed.
class OldTreeOf {
 public:
  explicit OldTreeOf(absl::string_view source = "backup.jsonl");

  // A table that is as Cluster::Table makes it, each partition at the ballot of ReplicaState.
  OldTreeOf& Table(int32_t app_id, absl::string_view name, int32_t partition_count,
                   int64_t ballot = 3);
  // Changes the table added last.
  OldTreeOf& With(const std::function<void(TableDescription&)>& change);
  OldTreeOf& WithTable(const std::function<void(OldTable&)>& change);
  // It was dropped in 2026, as a stock meta server drops: each ballot is one higher.
  OldTreeOf& Dropped();
  // It has one duplication.
  OldTreeOf& Duplicated();
  // A znode beside /apps: "/backup".
  OldTreeOf& Beside(absl::string_view path, absl::string_view data = "");
  OldTreeOf& WithTree(const std::function<void(OldTree&)>& change);

  OldTree Build() const { return tree_; }

 private:
  OldTree tree_;
};

// What the evidence's servers describe, and how it may have been some time ago, or is now: envs,
// drops, renames, other ballots; now and then a table is missing or another one, or partitions are
// damaged. `tables`: ids up to this may be in it.
OldTree RandomOldTree(const Evidence& evidence, std::mt19937& random);

}  // namespace metarec
