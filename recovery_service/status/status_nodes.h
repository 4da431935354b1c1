#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "recovery_service/recovery_service.h"

namespace metarec {

// What there is to say of one replica server.
struct NodeRow {
  std::string address;  // empty while it is not known
  std::string name;
  std::string answer;  // "failed", "asking", "waiting", "answered"; empty: it was never asked
  std::string state;   // a sentence
  std::optional<int64_t> tables;
  std::optional<int64_t> replicas;
};

// Those of the last request and those that sent beacons: in the order of the answers above, so
// that what keeps a recovery from going on comes first. `status` must be of this moment: made on
// the service's executor, with no co_await since.
std::vector<NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now);

}  // namespace metarec
