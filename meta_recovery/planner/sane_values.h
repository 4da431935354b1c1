// What no cluster can have: a meta server could not live with it. Such records and replicas are
// left out (docs/recovery-rules.md).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/plan_options.h"
#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// 285 years of a change each microsecond; a meta server goes on counting from what it finds.
inline constexpr int64_t kBallotMax = int64_t{1} << 53;
inline constexpr int64_t kDecreeMax = int64_t{1} << 53;
// Requests to ZooKeeper are at most 1 MiB long (jute.maxbuffer), path, ACL and fence included.
inline constexpr size_t kAppZnodeBytesMax = 1'000'000;

// What makes no sense about a record; empty if it makes sense.
std::string ProblemOf(const TableRecord& record, const PlanOptions& options);

// Whether an env belongs to an operation of the meta server (INTEROP.md, sections 4.1 and 9). What
// replica servers remember of it may be over long ago, so it is never taken from them.
bool BelongsToOperation(absl::string_view key, absl::string_view value);

// Removes the longest envs, as many as it takes for the table's znode to keep to its bound, and
// returns their keys. Each node's own envs may fit, and yet not all of them together.
std::vector<std::string> RemoveEnvsBeyondBound(TableDescription* table);

}  // namespace metarec
