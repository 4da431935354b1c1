// What the replica servers said: the only input of the planner.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "idl/ipv4_endpoint.h"
#include "idl/table_description.h"

namespace metarec {

// Values as on the wire (INTEROP.md section 3.1); a value this enum does not name is kept as it is.
enum class ReplicaStatus : int32_t {
  kInvalid = 0,
  kInactive = 1,
  kError = 2,
  kPrimary = 3,
  kSecondary = 4,
  kPotentialSecondary = 5,
  kPartitionSplit = 6,
};

// "PS_INACTIVE"; "PS_<number>" for a status that has no name.
std::string ReplicaStatusName(ReplicaStatus status);

// One replica as its node reported it. 48 bytes; millions of them are held at once.
struct ReplicaRecord {
  int32_t app_id = 0;
  int32_t partition_index = 0;
  int64_t ballot = 0;
  int64_t last_committed_decree = 0;
  int64_t last_prepared_decree = 0;
  int64_t last_durable_decree = 0;
  ReplicaStatus status = ReplicaStatus::kInvalid;

  friend bool operator==(const ReplicaRecord&, const ReplicaRecord&) = default;
};

// Where NodeEvidence::name comes from, the most trusted first.
enum class NodeNameSource : uint8_t {
  kOverride,       // the operator said so (--node_name)
  kBeacon,         // the server's own beacon
  kReverseLookup,  // a guess: what its address resolves back to on this machine. Stock servers find
                   // their own names like that, but on theirs
  kNodeList,       // the text in the node list
};

// "override", "beacon", "reverse_lookup", "node_list".
absl::string_view NodeNameSourceName(NodeNameSource source);

// Whether this can be the name of an error of Pegasus's: "ERR_" and capital letters, digits and
// underscores, 47 characters at most. A frame has no room for more.
bool IsErrorName(absl::string_view name);

// A table as one node described it. Never authoritative: what a node holds may be as old as the
// replica that it comes from (INTEROP.md section 10.1).
using TableRecord = TableDescription;

// The same, possibly shared with other nodes: the nodes of one cluster describe the same tables,
// mostly in the same words. Cheap to copy, compared by value. Thread-safe as long as nobody changes
// it.
class SharedTableRecord {
 public:
  // Implicit, so that a list of them is filled and read like one of records.
  SharedTableRecord(TableRecord record)  // NOLINT(google-explicit-constructor)
      : record_(std::make_shared<TableRecord>(std::move(record))) {}
  operator const TableRecord&() const {  // NOLINT(google-explicit-constructor)
    return *record_;
  }
  const TableRecord& operator*() const { return *record_; }
  const TableRecord* operator->() const { return record_.get(); }

  // For a change that the others with whom it is shared do not see.
  TableRecord& Mutable() {
    if (record_.use_count() > 1) record_ = std::make_shared<TableRecord>(*record_);
    return *record_;
  }

  friend bool operator==(const SharedTableRecord& a, const SharedTableRecord& b) {
    return a.record_ == b.record_ || *a.record_ == *b.record_;
  }

 private:
  std::shared_ptr<TableRecord> record_;
};

// An entry of the node list whose host name has several addresses.
struct AmbiguousEntry {
  std::string text;                          // as written
  std::vector<Ipv4Endpoint> not_asked = {};  // all but the lowest, ascending

  friend bool operator==(const AmbiguousEntry&, const AmbiguousEntry&) = default;
};

// A server that sends beacons. Each is an unauthenticated datagram, which anybody can send in
// another's name.
struct BeaconSender {
  Ipv4Endpoint address;
  // host:port as it calls itself, sorted; more than one if its beacons contradict each other.
  std::vector<std::string> names = {};
  // Whether a server is there for all that is known: a beacon came from this very address a short
  // while ago, or an answer did.
  bool is_there = false;

  friend bool operator==(const BeaconSender&, const BeaconSender&) = default;
};

// What the disks of a server have beside the replicas that are used. Both ascend.
struct DiskFolders {
  std::vector<std::string> set_aside;  // paths that the server does not load: `.err`, `.gar`, ...
  std::vector<std::string> unusable;   // "PATH: why", for people

  friend bool operator==(const DiskFolders&, const DiskFolders&) = default;
};

struct NodeEvidence {
  // As written in the node list, in the order of the list. More than one when several entries
  // turned out to be one server.
  std::vector<std::string> listed_as;
  Ipv4Endpoint address;  // that was asked; {}: its host name cannot be resolved
  // What the server gives as its own in its answers; {} if it gives none, or did not answer.
  Ipv4Endpoint own_address;
  std::vector<AmbiguousEntry> ambiguous;  // in the order of `listed_as`

  std::string name;  // host:port, what the server calls itself
  NodeNameSource name_source = NodeNameSource::kNodeList;
  // What else was said of its name and did not win (node_names.h): what the address resolves back
  // to, if the operator or a beacon said otherwise; what its beacons say, sorted.
  std::string looked_up_name;
  std::vector<std::string> beacon_names;

  // A Pegasus error name such as ERR_TIMEOUT when the node did not give both answers completely;
  // then tables and replicas are empty. "ERR_OK" otherwise.
  std::string error = "ERR_OK";
  std::string error_detail;  // for people: what exactly failed; empty when complete
  int32_t attempts = 1;      // how often it was asked

  std::vector<SharedTableRecord> tables;  // in the order of the answer
  std::vector<ReplicaRecord> replicas;    // in the order of the answer

  // Set if nobody was asked: what the node has was read from its disks. Then the decrees of its
  // replicas are lower bounds (replica_collector/disk/replica_folders.h).
  std::optional<DiskFolders> disk;

  bool complete() const { return error == "ERR_OK"; }

  friend bool operator==(const NodeEvidence&, const NodeEvidence&) = default;
};

// Whether the parts about who the node is are as they are documented above, in their order and each
// once. kInvalidArgument names the field.
absl::Status CheckIdentity(const NodeEvidence& node);
absl::Status CheckIdentity(const BeaconSender& sender);

// Nodes in the order of the node list; each server once.
struct Evidence {
  absl::Time collected_at = absl::UnixEpoch();  // whole seconds
  std::vector<NodeEvidence> nodes;
  // Who sends beacons and is none of the nodes, ascending by address.
  std::vector<BeaconSender> unlisted;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

}  // namespace metarec
