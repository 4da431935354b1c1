#include "election_case.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "simulated_zookeeper.h"
#include "zk_store/election/phase_record.h"

namespace metarec::simulation {
namespace {

ElectionItem RandomElectionItem(const ElectionCase& the_case, Random* random) {
  ElectionItem item;
  item.side = random->OneIn(2) ? Side::kFrom : Side::kTo;
  item.at = random->Span(absl::ZeroDuration(), the_case.faults_end);
  item.a = random->Pick(0, the_case.candidates - 1);
  switch (random->Pick(0, 8)) {
    case 0:
    case 1:
    case 2:
      item.kind = ElectionItemKind::kCutOff;
      // About as long as a session lives, give or take.
      item.lasts = the_case.session_timeout * (0.1 + 1.9 * random->Fraction());
      item.b = random->Pick(0, 1);
      break;
    case 3:
      item.kind = ElectionItemKind::kExpire;
      break;
    case 4:
    case 5:
      item.kind = ElectionItemKind::kRestart;
      item.lasts = random->Span(absl::Milliseconds(5), the_case.session_timeout * 2);
      item.b = random->Pick(0, 1);
      if (random->OneIn(2)) item.b += 2 * random->Pick(1, kCandidateSetups - 1);
      break;
    default:
      item.kind = ElectionItemKind::kMove;
      item.a = random->Pick(0, 3);
      item.b = random->OneIn(4) ? 1 : 0;
      break;
  }
  return item;
}

// What is no ZooKeeper that loses sessions which are alive: kExpire does that.
TransferItem RandomStoreMisfortune(const ElectionCase& the_case, Random* random) {
  TransferItem item = RandomMisfortune(1200, the_case.session_timeout, random);
  if (item.kind != TransferItemKind::kStoreFault) return item;
  const auto fault = static_cast<StoreFaultKind>(item.b);
  if (fault == StoreFaultKind::kExpired || fault == StoreFaultKind::kExpiredAfter) {
    item.b = static_cast<int64_t>(StoreFaultKind::kLostAfter);
  }
  return item;
}

}  // namespace

absl::string_view CandidateSetupName(CandidateSetup setup) {
  static constexpr absl::string_view kNames[kCandidateSetups] = {
      "right", "one ensemble only", "wrong ensemble 2", "exchanged ensembles", "wrong path", "old"};
  return kNames[static_cast<int>(setup)];
}

std::string Describe(const ElectionItem& item) {
  const std::string at = absl::StrCat(" at ", absl::FormatDuration(item.at));
  const std::string lasts = absl::StrCat(" for ", absl::FormatDuration(item.lasts));
  switch (item.kind) {
    case ElectionItemKind::kCutOff:
      return absl::StrCat("candidate ", item.a, " is cut off from ", SideName(item.side), at, lasts,
                          item.b == 0 ? "" : ", untold");
    case ElectionItemKind::kExpire:
      return absl::StrCat("the session of candidate ", item.a, " with ", SideName(item.side),
                          " ends", at);
    case ElectionItemKind::kRestart: {
      const auto setup = static_cast<CandidateSetup>(item.b / 2);
      return absl::StrCat(
          "candidate ", item.a, item.b % 2 == 0 ? " is killed" : " ends", at, lasts, ", then ",
          CandidateSetupName(setup),
          setup == CandidateSetup::kOld ? absl::StrCat(", in ", SideName(item.side)) : "");
    }
    case ElectionItemKind::kMove:
      return absl::StrCat("a move to ", ElectionPhaseName(kElectionPhases[item.a]), at,
                          item.b == 0 ? "" : ", whatever stands in the way");
  }
  return "";
}

ElectionCase MakeElectionCase(uint64_t seed, std::set<size_t> dropped) {
  Random random(seed);
  ElectionCase the_case;
  the_case.seed = seed;
  the_case.dropped = std::move(dropped);
  the_case.session_timeout = random.Span(absl::Seconds(4), absl::Seconds(9));
  the_case.twin_max = the_case.session_timeout / random.Pick(2, 4);
  the_case.candidates = random.Pick(2, 4);
  the_case.first_phase = random.Pick(0, 3);
  the_case.faults_end = random.Span(absl::Seconds(5), absl::Seconds(40));
  for (int64_t i = random.Pick(1, 7); i > 0; --i) {
    the_case.election_items.push_back(RandomElectionItem(the_case, &random));
  }
  for (int64_t i = random.Pick(0, 4); i > 0; --i) {
    the_case.items.push_back(RandomStoreMisfortune(the_case, &random));
  }
  return the_case;
}

}  // namespace metarec::simulation
