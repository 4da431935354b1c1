// What operators asked of the service, and what became of it: for the log.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "idl/ipv4_endpoint.h"
#include "recovery_service/recovery_runner.h"

namespace metarec {

struct AuditEntry {
  enum class Event {
    kRunBegins,
    kRunEnds,
    kAnswered,  // a start_recovery that began no run: refused, or with another one's result
    kDenied,    // it came from nowhere that operators may be
  };
  Event event = Event::kAnswered;
  Ipv4Endpoint sender;
  // What was asked for: start_recovery for these nodes, or else a remote command.
  std::optional<RecoveryOrder> order;
  std::string command;
  std::string error_name;            // ERR_OK, ...; empty while a run begins
  std::string reason;                // may be empty
  std::vector<std::string> details;  // what stands behind the reason, the first of it

  bool is_failure() const;
};

// A line for the log, and one for each detail; without line breaks, fit for a terminal.
std::vector<std::string> AuditLines(const AuditEntry& entry);

// Keeps those who ask again and again from filling the log. A value.
class AuditLimit {
 public:
  // Whether an entry of this moment is to be logged: the first hundred of each ten seconds are.
  bool Allows(absl::Time now);
  // How many were not since the last call.
  int64_t TakeSuppressed();

 private:
  absl::Time window_began_ = absl::InfinitePast();
  int64_t in_window_ = 0;
  int64_t suppressed_ = 0;
};

}  // namespace metarec
