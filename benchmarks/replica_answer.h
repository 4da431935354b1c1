#pragma once

#include <string>

#include "replica_collector/evidence.h"

namespace metarec::benchmarks {

// The query_replica_info_response by which a server says what it holds.
std::string BodyOf(const NodeEvidence& node);

}  // namespace metarec::benchmarks
