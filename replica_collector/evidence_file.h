// Evidence as a file of JSON lines; docs/file-formats.md describes the format.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec {

// What the first line says.
inline constexpr absl::string_view kEvidenceFormat = "metarec-evidence";
inline constexpr int kEvidenceVersion = 1;
// With nodes that were read from disk, which an older program would take for running ones.
inline constexpr int kEvidenceVersionWithDisks = 2;

struct EvidenceFileOptions {
  bool overwrite = false;         // when writing
  int interrupt_descriptor = -1;  // both ways; as in LineReaderOptions
  // When reading.
  size_t nodes_max = 10'000;
  size_t tables_max = 10'000'000;     // of all nodes together
  size_t replicas_max = 100'000'000;  // of all nodes together
  size_t line_bytes_max = 16 << 20;   // when writing, too
};

// Equal evidence gives equal bytes. The file is there completely or not at all; compressed when its
// name ends in ".zst".
absl::Status WriteEvidenceFile(const Evidence& evidence, const std::string& path,
                               const EvidenceFileOptions& options = {});

// Returns exactly what was written. kNotFound or another open error, kInvalidArgument for what is
// not evidence or of another version, kDataLoss when the file is truncated or was edited,
// kResourceExhausted above a bound; the message says where (file:line) and what to do.
absl::StatusOr<Evidence> ReadEvidenceFile(const std::string& path,
                                          const EvidenceFileOptions& options = {});

}  // namespace metarec
