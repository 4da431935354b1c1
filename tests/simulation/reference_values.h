// Which records the reference model believes, and which it prefers.

#pragma once

#include <cstdint>
#include <tuple>

#include "reference_model.h"

namespace metarec::simulation::reference {

inline constexpr int64_t kLargest = int64_t{1} << 53;
inline constexpr int64_t kYear9999 = 253'402'300'799;

inline bool IsComplete(const ReplicaRecord& replica) {
  const auto status = static_cast<int32_t>(replica.status);
  return status != 2 && status != 5 && status != 6;
}

inline auto Merits(const ReplicaRecord& replica) {
  return std::make_tuple(IsComplete(replica), replica.ballot, static_cast<int>(replica.status) == 3,
                         replica.last_committed_decree, replica.last_prepared_decree);
}

inline auto Fields(const TableRecord& r) {
  return std::tie(r.status, r.app_type, r.app_name, r.partition_count, r.envs, r.is_stateful,
                  r.max_replica_count, r.expire_second, r.create_second, r.drop_second,
                  r.duplicating, r.init_partition_count, r.is_bulk_loading, r.atomic_idempotent);
}

inline bool MakesSense(const ReplicaRecord& r, const ModelOptions& options) {
  return r.app_id >= 1 && r.partition_index >= 0 &&
         r.partition_index < options.max_partition_count && r.ballot >= 0 && r.ballot <= kLargest &&
         r.last_committed_decree >= -1 && r.last_prepared_decree >= -1 &&
         r.last_committed_decree <= kLargest && r.last_prepared_decree <= kLargest;
}

inline bool MakesSense(const TableRecord& t, const ModelOptions& options) {
  const auto is_time = [](int64_t second) { return second >= 0 && second <= kYear9999; };
  return t.app_id >= 1 && !t.app_name.empty() && t.partition_count >= 1 &&
         t.partition_count <= options.max_partition_count && t.max_replica_count >= 1 &&
         t.max_replica_count <= 1000 && is_time(t.create_second) && is_time(t.drop_second) &&
         is_time(t.expire_second);
}

}  // namespace metarec::simulation::reference
