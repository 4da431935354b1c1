#include "meta_recovery/job/serving_nodes.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_set.h>

namespace metarec {

void ServingNodes::Note(const Evidence& evidence, absl::Time now) {
  absl::flat_hash_set<std::string> answered;
  std::vector<Node> serving_nodes;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) continue;
    answered.insert(node.listed_as.begin(), node.listed_as.end());
    const int64_t serving = CountServing(node);
    if (serving == 0) continue;
    serving_nodes.push_back({.listed_as = node.listed_as,
                             .serving = serving,
                             .replicas = static_cast<int64_t>(node.replicas.size()),
                             .lease_over = now + lease_max_});
  }
  count_ = CountServing(evidence);
  has_lost_sight_ = false;
  for (Node& node : nodes_) {
    if (std::any_of(node.listed_as.begin(), node.listed_as.end(),
                    [&](const std::string& text) { return answered.contains(text); })) {
      continue;
    }
    has_lost_sight_ = true;
    if (now >= node.lease_over) continue;
    node.is_silent = true;
    count_.serving += node.serving;
    count_.replicas += node.replicas;
    ++count_.nodes_serving;
    serving_nodes.push_back(std::move(node));
  }
  nodes_ = std::move(serving_nodes);
}

std::vector<std::string> ServingNodes::Silent() const {
  std::vector<std::string> silent;
  for (const Node& node : nodes_) {
    if (node.is_silent) silent.push_back(node.listed_as.front());
  }
  return silent;
}

}  // namespace metarec
