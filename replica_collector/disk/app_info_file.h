// The two small files beside a replica's data: what table it is of, and its ballot
// (INTEROP.md section 10.1).

#pragma once

#include <cstdint>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec {

inline constexpr absl::string_view kAppInfoFile = ".app-info";
inline constexpr absl::string_view kInitInfoFile = ".init-info";

// What `.app-info` holds: eight bytes, which are an i32 0xDEADBEEF in Thrift's binary protocol,
// then the table in Thrift's JSON protocol. Pure. kDataLoss says what is wrong, without the file's
// name.
absl::StatusOr<TableRecord> ReadAppInfo(absl::string_view bytes);

// The ballot in `.init-info`, which servers write whenever it changes. The decrees beside it are
// those of the replica's start. Pure. kDataLoss as above.
absl::StatusOr<int64_t> ReadInitBallot(absl::string_view bytes);

}  // namespace metarec
