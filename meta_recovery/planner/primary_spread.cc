#include "meta_recovery/planner/primary_spread.h"

namespace metarec {

RankReason PrimarySpread::ReasonAfter(const Rank& better, const Rank& worse) {
  if (better.of_table != worse.of_table) return RankReason::kMorePrimariesOfTable;
  return better.primaries != worse.primaries ? RankReason::kMorePrimaries
                                             : RankReason::kHigherAddress;
}

void PrimarySpread::Count(NodeIndex primary) {
  if (primary >= loads_.size()) loads_.resize(primary + size_t{1});
  Load& load = loads_[primary];
  if (load.app_id != app_id_) load = {.primaries = load.primaries, .app_id = app_id_};
  ++load.primaries;
  ++load.of_table;
}

}  // namespace metarec
