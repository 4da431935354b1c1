#include "meta_recovery/old_tree/old_tree_ensembles.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

// Zxids of a server that runs alone have epoch 0.
bool IsOfEnsemble(const ReadOldTree& read) { return read.tree.zxid >> 32 != 0 || read.voters > 1; }

bool AreOfOneEnsemble(const OldTree& a, const OldTree& b) {
  return a.kind == OldTreeKind::kDataDirectory && b.kind == OldTreeKind::kDataDirectory &&
         a.root == b.root && a.apps_czxid == b.apps_czxid && a.apps_ctime_ms == b.apps_ctime_ms;
}

OldTree Merge(std::vector<ReadOldTree> servers) {
  std::stable_sort(servers.begin(), servers.end(), [](const ReadOldTree& a, const ReadOldTree& b) {
    return a.tree.zxid > b.tree.zxid;
  });
  size_t voters = 0;
  bool is_ensemble = servers.size() > 1;
  for (const ReadOldTree& server : servers) {
    voters = std::max(voters, static_cast<size_t>(server.voters));
    is_ensemble |= IsOfEnsemble(server);
  }
  OldTree tree = std::move(servers.front().tree);
  for (size_t i = 1; i < servers.size(); ++i) {
    tree.confirmed_by.push_back(std::move(servers[i].tree.source));
  }
  if (!is_ensemble) return tree;
  const size_t majority = std::max(voters, servers.size()) / 2 + 1;
  const bool is_known = majority <= servers.size() && (voters > 0 || servers.size() > 1);
  tree.committed_zxid = !is_known       ? kCommittedUnknown
                        : majority == 1 ? kAllCommitted
                                        : servers[majority - 1].tree.zxid;
  return tree;
}

}  // namespace

int32_t VotersOf(absl::string_view dynamic_config) {
  int32_t voters = 0;
  for (const absl::string_view line : absl::StrSplit(dynamic_config, '\n')) {
    voters += absl::StartsWith(line, "server.") && !absl::StrContains(line, ":observer");
  }
  return voters;
}

std::vector<OldTree> MergeEnsembles(std::vector<ReadOldTree> trees) {
  std::vector<std::vector<ReadOldTree>> ensembles;
  for (ReadOldTree& read : trees) {
    const auto same = std::find_if(ensembles.begin(), ensembles.end(), [&](const auto& servers) {
      return AreOfOneEnsemble(servers.front().tree, read.tree);
    });
    if (same != ensembles.end()) {
      same->push_back(std::move(read));
    } else {
      ensembles.emplace_back().push_back(std::move(read));
    }
  }
  std::vector<OldTree> merged;
  for (std::vector<ReadOldTree>& servers : ensembles) {
    const bool is_directory = servers.front().tree.kind == OldTreeKind::kDataDirectory;
    merged.push_back(is_directory ? Merge(std::move(servers)) : std::move(servers.front().tree));
  }
  return merged;
}

}  // namespace metarec
