// What goes wrong while something is brought from one ZooKeeper to another, as data.

#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "seeded_run.h"

namespace metarec::simulation {

enum class Side { kFrom, kTo };

// "from", "to".
inline absl::string_view SideName(Side side) { return side == Side::kFrom ? "from" : "to"; }

enum class TransferItemKind {
  // ZooKeeper.
  kStoreFault,  // happens to the engine's request number `a` to `side`; `b`: StoreFaultKind
  kDisconnect,  // everybody's connections to `side` break at `at` for `lasts`
  kLag,         // in `side`, writes reach server `a` `b` ms later, from `at` for `lasts`
  // The process that sends request number `a` to `side` is killed before it, or after it (`b`).
  kKill,
  kInterrupt,  // the same, but by Ctrl-C
  kWriter,     // writes to the source every `b` ms, from `at` for `lasts`
  kStranger,   // writes (`b`: what) into the target before request number `a` to `side`
  kRival,      // another copy into the same target begins at `at`; `b`: RivalCommand

  // Of moves. Calls go to meta servers, ports, commands and the disk.
  kKillAtCall,    // the process is killed before its call number `a`, or after it (`b`)
  kCallFault,     // call number `a` has no effect, or its answer is lost (`b`)
  kCommandFault,  // command number `a` of the operator's; `b`: CommandFault
  kSupervisor,    // at `at`, starts the meta server `a` anew with the configuration that it has; if
                  // it was stopped, only with `b`
  kNodeDown,      // the replica server `a` does not answer from `at` for `lasts`
};
inline constexpr int kTransferItemKinds = static_cast<int>(TransferItemKind::kNodeDown) + 1;
// Whether it comes at its time, and not at a request or call.
bool IsTimed(TransferItemKind kind);

struct TransferItem {
  TransferItemKind kind = TransferItemKind::kStoreFault;
  Side side = Side::kFrom;
  absl::Duration at = absl::ZeroDuration();
  absl::Duration lasts = absl::ZeroDuration();
  int64_t a = 0;
  int64_t b = 0;
};
std::string Describe(const TransferItem& item);

struct TransferCase {
  uint64_t seed = 0;
  std::vector<TransferItem> items;
  std::set<size_t> dropped;  // indexes of items
  absl::Duration session_timeout;
  // The servers drop the connection on longer requests.
  size_t request_bytes_max = SIZE_MAX;

  bool Has(size_t item) const { return !dropped.contains(item); }
};

// One of the first five kinds. `requests`: about as many requests as a run sends to either side.
TransferItem RandomMisfortune(int64_t requests, absl::Duration lasts_max, Random* random);

}  // namespace metarec::simulation
