// What the single lines of a plan file hold. What cannot be is remembered by the reader.

#pragma once

#include <cstddef>
#include <vector>

#include <rapidjson/document.h>

#include "base/json/json_object_reader.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// `nodes`: how many there are; numbers of nodes must be below.
PlanOutcome ReadOutcome(JsonObjectReader& json);
void ReadOptionFields(JsonObjectReader& json, PlanOptions& options);
void ReadNodeFields(JsonObjectReader& json, TopologyNode& node, NodeDecision& decision);
void ReadTableFields(JsonObjectReader& json, size_t nodes, TopologyTable& table,
                     TableDecision& decision);
void ReadFindingFields(JsonObjectReader& json, size_t nodes, Finding& finding);

// The array of this name, of numbers of nodes.
std::vector<NodeIndex> ReadNodeNumbers(JsonObjectReader& json, const char* key, size_t nodes);

// False for what cannot be a replica.
bool ReadReplicaFields(const rapidjson::Value& json, size_t nodes, RankedReplica& replica);

}  // namespace metarec
