#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec::scenarios {

// Sets one field of a table's record from `field`, e.g. "name=temp", "replicas=3" or "env.ttl=1".
absl::Status SetRecordField(absl::string_view field, TableRecord* record);

// Sets one field of a replica from `field`, e.g. "ballot=7" or "status=PS_ERROR".
absl::Status SetReplicaField(absl::string_view field, ReplicaRecord* replica);

// Whether `field` is one of a replica's: "status" is both a table's and a replica's.
bool IsReplicaField(absl::string_view field);

// "2.3".
absl::Status ParseGpid(absl::string_view text, ReplicaRecord* replica);

absl::Status ParseInteger(absl::string_view text, int32_t* value);

}  // namespace metarec::scenarios
