#include "meta_recovery/planner/primary_spread.h"

namespace metarec {

RankReason PrimarySpread::ReasonAfter(NodeIndex better, NodeIndex worse) const {
  const auto [of_table, primaries, node] = Rank(better);
  const auto [of_table_of_worse, primaries_of_worse, worse_node] = Rank(worse);
  if (of_table != of_table_of_worse) return RankReason::kMorePrimariesOfTable;
  return primaries != primaries_of_worse ? RankReason::kMorePrimaries : RankReason::kHigherAddress;
}

void PrimarySpread::Count(NodeIndex primary) {
  if (primary >= loads_.size()) loads_.resize(primary + size_t{1});
  Load& load = loads_[primary];
  if (load.app_id != app_id_) load = {.primaries = load.primaries, .app_id = app_id_};
  ++load.primaries;
  ++load.of_table;
}

}  // namespace metarec
