// Several data directories of one ensemble, together.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/old_tree/old_tree.h"

namespace metarec {

// How many servers of an ensemble vote, as the data of `/zookeeper/config` say; 0 if they do not:
// before ZooKeeper 3.5, and of a server that runs alone.
int32_t VotersOf(absl::string_view dynamic_config);

struct ReadOldTree {
  OldTree tree;
  int32_t voters = 0;  // 0: not known
};

// Data directories with the same root, whose `/apps` is the same znode, are of one ensemble. Of
// them the one with the last transaction is kept: its server would have become the leader. A
// transaction that a majority of the ensemble's servers has logged was committed; later ones may
// not have been (OldTree::committed_zxid). If so many directories were not given, that is not known
// (kCommittedUnknown); of a server that runs alone everything is committed. Without the number of
// voters, a majority of the given directories counts, if there are several.
//
// All other trees stay as they are. The order is that of the first of each ensemble.
std::vector<OldTree> MergeEnsembles(std::vector<ReadOldTree> trees);

}  // namespace metarec
