#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec::testing {

// How a simulated replica server misbehaves.
struct SimulatedFault {
  enum class Kind {
    kNone,
    kRefuse,         // nobody listens on its port
    kHang,           // takes requests and never answers
    kLate,           // answers after `delay`
    kError,          // its RPC layer answers `error`, with an empty body
    kResponseError,  // both answers say `error`
    kClose,          // closes the connection in the middle of an answer
    kGarbage,        // answers with bytes that are no frame
    kWrongCrc,       // answers with a frame whose CRC is wrong
    kTwoGigabytes,   // answers with a frame that announces a body of two gigabytes
    kTablesOnly,     // answers its tables, and `error` when asked for its replicas
    kReplicasOnly,   // answers its replicas, and `error` when asked for its tables
    kLoading,        // answers the first `times` requests of each kind with ERR_HANDLER_NOT_FOUND
    kServing,        // its replicas are primaries and secondaries for the time `delay`
  };
  Kind kind = Kind::kNone;
  std::string error;
  absl::Duration delay;
  int64_t times = 0;

  friend bool operator==(const SimulatedFault&, const SimulatedFault&) = default;
};

// "refuse", "late:300" (milliseconds), "error:ERR_BUSY", "loading:2", ...: see FaultHelp. A space
// may stand for the colon; empty and "none" mean no fault.
absl::StatusOr<SimulatedFault> ParseFault(absl::string_view text);

// All faults with what they do, a line each.
std::string FaultHelp();

}  // namespace metarec::testing
