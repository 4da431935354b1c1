// What a replica server has on its disks, read without the server. Nothing is written there.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include "replica_collector/evidence.h"

namespace metarec {

struct ReplicaFoldersOptions {
  size_t replicas_max = 1'000'000;
  size_t file_bytes_max = 1 << 20;  // of `.app-info` and `.init-info`
};

// How many folders one data directory has.
struct DataDirCount {
  std::string path;  // that was looked at: DIR, or DIR/reps
  size_t replicas = 0;
  size_t set_aside = 0;
  size_t unusable = 0;
};

struct ReplicasOnDisk {
  std::vector<SharedTableRecord> tables;  // ascending by id, each once
  std::vector<ReplicaRecord> replicas;    // ascending by table and index
  DiskFolders folders;
  std::vector<DataDirCount> data_dirs;  // parallel to the argument
};

// Reads the folders `<app>.<index>.<type>` in the data directories of one server. Where a directory
// has a folder `reps`, as Pegasus's `data_dirs` do, that is looked into.
//
// A replica is what its server would report once it is started, PS_INACTIVE: the ballot that it
// wrote last, and as committed, prepared and durable decree the one that RocksDB has flushed. That
// is a lower bound: what came later is only in the log, which the server replays at its start.
//
// What cannot be used does not end this, but is listed in `folders`: damaged folders, one replica
// in two directories, and folders that the server set aside (`.err`, `.gar`, `.bak`, `.ori`,
// `.tmp`).
//
// kNotFound for a directory that is not there, or if no directory has any replica's folder;
// kUnavailable for one that cannot be read. Blocks, about 10 ms for each replica.
absl::StatusOr<ReplicasOnDisk> ReadReplicaFolders(absl::Span<const std::string> data_dirs,
                                                  const ReplicaFoldersOptions& options = {});

}  // namespace metarec
