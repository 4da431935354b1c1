// Reads the metadata that a root holds, whoever wrote it, and makes a topology of it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {

// Something that a meta server would stumble over.
struct ReadProblem {
  std::string path;
  std::string message;  // names the path too
  // All that is missing are children that a split has not registered yet: a meta server that starts
  // takes the split up again.
  bool is_unfinished_split = false;

  friend bool operator==(const ReadProblem&, const ReadProblem&) = default;
};

struct TableZnodes {
  AppZnode app;
  std::vector<PartitionZnode> partitions;  // those that could be read, ascending by index
};

struct RootContents {
  std::optional<std::string> apps_state;  // what /apps says; nullopt: there is no /apps
  std::vector<TableZnodes> tables;        // those that could be read, ascending by id
  std::vector<ReadProblem> problems;      // the first problems_max
  int64_t problems_count = 0;
  int64_t unfinished_splits = 0;  // of these
};

struct TopologyReaderOptions {
  size_t in_flight_max = 256;
  size_t problems_max = 1000;
  // Which tables' partitions to read; empty: all. Other tables are listed without partitions.
  std::function<bool(const AppZnode&)> wants_partitions;
};

// Znodes that are missing or make no sense become problems, not errors: an error means that the
// root could not be read to the end, or that there is no such root (kNotFound).
asio::awaitable<absl::StatusOr<RootContents>> ReadTopology(StoreReader* reader, std::string root,
                                                           TopologyReaderOptions options,
                                                           ProgressListener* listener);

// What a root holds, in the form in which it can be served and written again. kDataLoss when the
// root has problems other than unfinished splits, or names a node by something that is no address.
absl::StatusOr<Topology> TopologyOf(const RootContents& contents);

}  // namespace metarec
