// Worlds nobody would think of, from a seed.

#pragma once

#include <random>

#include "replica_collector/evidence.h"

namespace metarec {

// A few nodes and tables. Now and then something is missing, stale, split, renamed, dropped or
// contradictory.
Evidence RandomEvidence(std::mt19937& random);

// Puts nodes, and each node's tables and replicas, into another order.
void Shuffle(Evidence& evidence, std::mt19937& random);

// Changes a few fields to anything at all.
void Mutate(Evidence& evidence, std::mt19937& random);

// A number from `least` to `most`.
int64_t Pick(std::mt19937& random, int64_t least, int64_t most);

}  // namespace metarec
