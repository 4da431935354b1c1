// Names of the data path (captured messages, tests/golden/migration): RPCs that clients of tables
// send to replica servers, and errors that only these answer with.

#pragma once

#include "idl/error_names.h"
#include "idl/task_codes.h"

namespace metarec::idl {

inline constexpr char kRpcRrdbMultiPut[] = "RPC_RRDB_RRDB_MULTI_PUT";
inline constexpr char kRpcRrdbRemove[] = "RPC_RRDB_RRDB_REMOVE";
inline constexpr char kRpcRrdbTtl[] = "RPC_RRDB_RRDB_TTL";
inline constexpr char kRpcRrdbCheckAndSet[] = "RPC_RRDB_RRDB_CHECK_AND_SET";
inline constexpr char kRpcRrdbGetScanner[] = "RPC_RRDB_RRDB_GET_SCANNER";
inline constexpr char kRpcRrdbScan[] = "RPC_RRDB_RRDB_SCAN";

inline constexpr char kErrAppDropped[] = "ERR_APP_DROPPED";
inline constexpr char kErrInactiveState[] = "ERR_INACTIVE_STATE";
inline constexpr char kErrNotEnoughMember[] = "ERR_NOT_ENOUGH_MEMBER";
inline constexpr char kErrParentPartitionMisused[] = "ERR_PARENT_PARTITION_MISUSED";
inline constexpr char kErrSplitting[] = "ERR_SPLITTING";

}  // namespace metarec::idl
