// The JSON of app and partition znodes: byte for byte as a stock meta server writes it, read by the
// rules that a stock meta server reads it by (INTEROP.md section 6.2); and in what two differ.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/topology/topology.h"

namespace metarec {

// What an app znode says. Its status is one that a meta server boots with: available or dropped.
using AppZnode = TableDescription;

// What a partition znode says, including what only a running cluster writes.
struct PartitionZnode {
  int32_t app_id = 0;
  int32_t index = 0;
  int64_t ballot = 0;
  int32_t max_replica_count = 3;
  std::string primary;  // "10.0.0.1:34801"; empty: none
  std::vector<std::string> secondaries;
  std::vector<std::string> last_drops;  // the latest at the end
  int64_t last_committed_decree = 0;
  int32_t partition_flags = 0;  // bit 0: dropped

  // The same nodes by name; only since Pegasus 2.6. Without them the three below are empty and
  // EncodePartition leaves their keys out.
  bool has_host_ports = true;
  std::string hp_primary;  // "rs1:34801"; empty: none
  std::vector<std::string> hp_secondaries;
  std::vector<std::string> hp_last_drops;

  friend bool operator==(const PartitionZnode&, const PartitionZnode&) = default;
};

// Appends the JSON to `*out`.
void EncodeApp(const AppZnode& app, std::string* out);
void EncodePartition(const PartitionZnode& partition, std::string* out);

// Writes the partitions of one topology without building a PartitionZnode for each. `topology` must
// have passed CheckTopology (znode_layout.h), outlive this and not change.
class PartitionEncoder {
 public:
  explicit PartitionEncoder(const Topology& topology);

  // Appends the JSON to `*out`.
  void Encode(const TopologyTable& table, const TopologyPartition& partition, std::string* out);

  // No partition's JSON is longer, with so many last_drops and secondaries together.
  size_t BytesMax(size_t members) const;

 private:
  const Topology& topology_;
  std::vector<std::string> addresses_;  // as text; parallel to Topology::nodes
  size_t node_bytes_max_ = 0;           // of what a partition says of one node

  // Of the partition that is being written.
  struct Texts {
    std::vector<absl::string_view> addresses;
    std::vector<absl::string_view> names;
  };
  void Fill(absl::Span<const NodeIndex> nodes, Texts* texts) const;
  Texts last_drops_;
  Texts secondaries_;
};

// Errors are kInvalidArgument and name `path`, the offset of the offending byte and the field.
// Known fields may be missing (older versions) or unknown ones present (newer versions), but not
// both, since a stock meta server fails on that. Stricter than a stock meta server: an app's status
// must be one that it boots with.
absl::StatusOr<AppZnode> DecodeApp(absl::string_view path, absl::string_view json);
absl::StatusOr<PartitionZnode> DecodePartition(absl::string_view path, absl::string_view json);

// One field of a znode's JSON. Values are JSON text, cut when long; empty where there is no such
// field.
struct FieldDifference {
  std::string field;  // "ballot", "envs.rocksdb.usage_scenario"; "(json)": not readable at all;
                      // "(bytes)": says the same in another way
  std::string expected;
  std::string found;

  friend bool operator==(const FieldDifference&, const FieldDifference&) = default;
};

// Field by field, in the order of `expected`, then what only `found` has. Empty if the bytes are
// the same. `expected` is one that we have encoded.
std::vector<FieldDifference> DiffAppJson(absl::string_view path, absl::string_view expected,
                                         absl::string_view found);
std::vector<FieldDifference> DiffPartitionJson(absl::string_view path, absl::string_view expected,
                                               absl::string_view found);

}  // namespace metarec
