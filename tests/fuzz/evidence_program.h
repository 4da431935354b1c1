// Evidence as a small program: a healthy cluster, and then what goes wrong with it, one step after
// the other. So a fuzzer that changes a byte gets a world that differs in one thing.

#pragma once

#include "replica_collector/evidence.h"
#include "tests/fuzz/byte_source.h"

namespace metarec::fuzz {

// Any evidence at all, sensible or not, of at most 6 nodes.
Evidence MakeEvidence(ByteSource& source);

}  // namespace metarec::fuzz
