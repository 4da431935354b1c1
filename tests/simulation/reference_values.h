// What the reference model takes for sane, and how it compares records and replicas.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "reference_model.h"
#include "replica_collector/replica_source.h"

namespace metarec::simulation {

// Whether it holds all the data for sure.
bool IsComplete(const ReplicaRecord& replica);

// The greater the better.
inline auto Merits(const ReplicaRecord& replica) {
  return std::make_tuple(IsComplete(replica), replica.ballot, static_cast<int>(replica.status) == 3,
                         replica.last_committed_decree, replica.last_prepared_decree);
}

// All but the app id.
inline auto Fields(const TableRecord& r) {
  return std::tie(r.status, r.app_type, r.app_name, r.partition_count, r.envs, r.is_stateful,
                  r.max_replica_count, r.expire_second, r.create_second, r.drop_second,
                  r.duplicating, r.init_partition_count, r.is_bulk_loading, r.atomic_idempotent);
}

bool MakesSense(const ReplicaRecord& replica, const ModelOptions& options);
bool MakesSense(const TableRecord& table, const ModelOptions& options);

// The names of living tables, by id: of several that are the same all but that of the highest id
// get another.
void MakeUnique(const std::map<int32_t, std::string*>& living, const std::string& separator);

// NAME:PARTITIONS:REPLICAS, where the name may hold colons.
bool IsDescription(const std::string& text, std::string* name, int32_t* partitions,
                   int32_t* replicas);

// Whether it may name a decision: <app id>, <app id>.<partition index> or <app id>.<field>.
bool IsKey(const std::string& key);

// Whether the env belongs to an operation of the meta server, and is not taken from replicas.
bool IsOfOperation(const std::string& key, const std::string& value);

}  // namespace metarec::simulation
