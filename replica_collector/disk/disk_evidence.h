// What was read from a server's disks as the evidence of a node, beside that of others.

#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "replica_collector/disk/replica_folders.h"
#include "replica_collector/evidence.h"
#include "replica_collector/replica_source.h"

namespace metarec {

// The node whose disks these are; `listed_as` is how the operator calls it.
NodeEvidence NodeOnDisk(const NodeIdentity& identity, std::string listed_as, ReplicasOnDisk found);

// Adds such a node. True if it counts: it is new, or was asked and did not answer, and is replaced
// then. False if the server itself answered: what a running server says comes before its disks.
//
// kAlreadyExists if the evidence has the disks of this server already.
absl::StatusOr<bool> AddNodeOnDisk(NodeEvidence node, Evidence* evidence);

}  // namespace metarec
