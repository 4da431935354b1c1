// Snapshots that are compressed with gzip or snappy (zookeeper.snapshot.compression.method), as
// plain files.

#pragma once

#include <cstdint>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/tree/data_directory/data_files.h"

namespace metarec {

enum class DataCompression { kNone, kGzip, kSnappy };

// By the name's end: ".gz", ".snappy".
DataCompression CompressionOfName(absl::string_view name);

// What `descriptor` holds, decompressed into a file without a name below TMPDIR, so that no more
// memory is needed for it. kDataLoss if the compressed data are damaged, kResourceExhausted if it
// grows beyond `bytes_max`, other errors if it cannot be written.
absl::StatusOr<FileDescriptor> Decompress(int descriptor, DataCompression compression,
                                          int64_t bytes_max);

}  // namespace metarec
