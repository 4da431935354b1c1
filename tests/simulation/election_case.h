// An election that moves from one ZooKeeper to another and what happens meanwhile, as data.

#pragma once

#include <string>
#include <vector>

#include "transfer_case.h"

namespace metarec::simulation {

// How a candidate is configured when it starts.
enum class CandidateSetup {
  kRight,
  kOneOnly,     // knows ensemble 1 only
  kWrongOther,  // has another ensemble for ensemble 2
  kExchanged,   // has the two the wrong way round
  kWrongPath,   // stands in another directory
  kOld,         // a program that knows nothing of phases, in `side`
};
inline constexpr int64_t kCandidateSetups = 6;
absl::string_view CandidateSetupName(CandidateSetup setup);

enum class ElectionItemKind {
  kCutOff,   // candidate `a` and `side` do not reach each other, from `at` for `lasts`; `b`: they
             // are not told
  kExpire,   // the session of candidate `a` with `side` ends at `at`, though it is alive
  kRestart,  // candidate `a` is killed (`b` odd: is told to end) at `at` and starts again after
             // `lasts`, with the setup `b` / 2, which is mended some time later
  kMove,     // somebody leads the election to phase `a`, from `at` on; `b`: whatever stands in the
             // way
};
struct ElectionItem {
  ElectionItemKind kind = ElectionItemKind::kCutOff;
  Side side = Side::kFrom;
  absl::Duration at = absl::ZeroDuration();
  absl::Duration lasts = absl::ZeroDuration();
  int64_t a = 0;
  int64_t b = 0;
};
std::string Describe(const ElectionItem& item);

// Ensemble 1 is kFrom, ensemble 2 is kTo. The items of both lists have one numbering.
struct ElectionCase : TransferCase {
  int64_t candidates = 3;
  absl::Duration twin_max;
  absl::Duration faults_end;  // nothing begins to go wrong after it
  int64_t first_phase = 0;    // where the election is led before anything goes wrong
  std::vector<ElectionItem> election_items;

  bool HasElectionItem(size_t item) const { return Has(items.size() + item); }
};

// The case without the items `dropped`; the other items stay as they are.
ElectionCase MakeElectionCase(uint64_t seed, std::set<size_t> dropped = {});

}  // namespace metarec::simulation
