// What the `recover` command of Pegasus's shell prints, character for character (INTEROP.md section
// 7.1): operators' scripts grep for it.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "replica_collector/node_list.h"

namespace metarec::tools {

// On wrong usage, on stdout.
extern const absl::string_view kRecoverUsage;

// "duplicate replica node <node>, just ingore it" for each, a line each.
std::string DuplicateNodesText(const NodeList& nodes);

// From "Wait seconds: 100" to the line below the nodes.
std::string RecoverHeader(int32_t wait_seconds, bool skip_bad_nodes, bool skip_lost_partitions,
                          const NodeList& nodes);

// "Wait recovery for <i> seconds".
std::string WaitLine(int64_t seconds);

extern const absl::string_view kWaitFailedLine;

// "Recover result: ERR_OK" and the hints, if there are any. Each hint ends in a newline; the shell
// of 2.6 lets some of them run together.
std::string RecoverResultText(absl::string_view error, absl::string_view hints);

// -w: the shell's own texts as errors.
absl::StatusOr<int32_t> ParseWaitSeconds(absl::string_view text);

}  // namespace metarec::tools
