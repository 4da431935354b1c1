#pragma once

#include "idl/replica_server_types.h"
#include "replica_collector/evidence.h"

namespace metarec::testing {

// What a replica server would say that has this.
idl::app_info ToWire(const TableRecord& table);
idl::replica_info ToWire(const ReplicaRecord& replica);

}  // namespace metarec::testing
