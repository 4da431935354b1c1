#include "zk_store/tree/tree_diff.h"

#include <optional>
#include <utility>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_digest.h"

namespace metarec {
namespace {

constexpr int64_t kPathsBetweenReports = 1000;

class Comparison {
 public:
  Comparison(TreeDiffOptions options, const TreeHead& a, const TreeHead& b) : options_(options) {
    result_.acls_compared = options.acls && a.has_acls && b.has_acls;
    result_.kinds_compared = a.has_kinds && b.has_kinds;
  }

  // What differs, if anything does.
  std::optional<TreeDifference> Compare(TreePair nodes) {
    if (!options_.ephemerals) {
      LeaveOut(&nodes.a, &result_.a);
      LeaveOut(&nodes.b, &result_.b);
      if (!nodes.a.has_value() && !nodes.b.has_value()) return std::nullopt;
    }
    CountNode(nodes.a, &result_.a, &a_digest_);
    CountNode(nodes.b, &result_.b, &b_digest_);
    TreeDifference difference =
        CompareNodes(std::move(nodes), result_.acls_compared, result_.kinds_compared);
    if (!Count(difference)) return std::nullopt;
    return difference;
  }

  TreeDiffResult Finish() {
    result_.a.digest = a_digest_.Finish();
    result_.b.digest = b_digest_.Finish();
    result_.digest = digest_.Finish();
    return std::move(result_);
  }

  int64_t differences() const { return result_.paths; }

 private:
  static void LeaveOut(std::optional<TreeNode>* node, TreeDiffSide* side) {
    if (!node->has_value() || (*node)->kind() != NodeKind::kEphemeral) return;
    ++side->ephemerals_left_out;
    node->reset();
  }

  static void CountNode(const std::optional<TreeNode>& node, TreeDiffSide* side,
                        TreeDigest* digest) {
    if (!node.has_value()) return;
    ++side->znodes;
    digest->Add(*node);
  }

  // False if it is none.
  bool Count(const TreeDifference& difference) {
    bool differs = false;
    for (const TreeDifferenceWay& way : TreeDifferenceWays()) {
      if (!way.is_so(difference)) continue;
      differs = true;
      ++(result_.*way.count);
      digest_.AddWord(way.word);
    }
    if (!differs) return false;
    ++result_.paths;
    if (difference.nodes.a.has_value()) digest_.Add(*difference.nodes.a);
    if (difference.nodes.b.has_value()) digest_.Add(*difference.nodes.b);
    return true;
  }

  const TreeDiffOptions options_;
  TreeDiffResult result_;
  TreeDigest a_digest_;
  TreeDigest b_digest_;
  TreeDigest digest_{TreeDigest::Ephemerals::kIncluded};
};

}  // namespace

absl::Span<const TreeDifferenceWay> TreeDifferenceWays() {
  using Difference = TreeDifference;
  static constexpr TreeDifferenceWay kWays[] = {
      {"missing", [](const Difference& d) { return d.missing(); }, &TreeDiffResult::missing},
      {"extra", [](const Difference& d) { return d.extra(); }, &TreeDiffResult::extra},
      {"data", [](const Difference& d) { return d.data; }, &TreeDiffResult::data},
      {"acl", [](const Difference& d) { return d.acl; }, &TreeDiffResult::acl},
      {"kind", [](const Difference& d) { return d.kind; }, &TreeDiffResult::kind}};
  return kWays;
}

std::vector<std::string> WordsOf(const TreeDifference& difference) {
  std::vector<std::string> words;
  for (const TreeDifferenceWay& way : TreeDifferenceWays()) {
    if (way.is_so(difference)) words.emplace_back(way.word);
  }
  return words;
}

TreeDifference CompareNodes(TreePair nodes, bool acls, bool kinds) {
  TreeDifference difference;
  difference.nodes = std::move(nodes);
  if (difference.missing() || difference.extra()) return difference;
  const TreeNode& a = *difference.nodes.a;
  const TreeNode& b = *difference.nodes.b;
  difference.data = !SameData(a, b);
  difference.acl = acls && !SameAcl(a.acl, b.acl);
  difference.kind = !SameKind(a, b, kinds);
  return difference;
}

asio::awaitable<absl::StatusOr<TreeDiffResult>> DiffTrees(
    TreeSource* a, TreeSource* b, TreeDiffOptions options,
    std::function<void(TreeDifference)> on_difference,
    std::function<void(int64_t paths, int64_t differences)> on_progress) {
  TreeMerge merge(a, b, options.a_name, options.b_name);
  std::optional<Comparison> comparison;
  int64_t paths = 0;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(std::optional<TreePair> nodes, co_await merge.Next());
    // What a source is, is known only now.
    if (!comparison.has_value()) {
      comparison.emplace(options, a->head(), b->head());
    }
    if (!nodes.has_value()) break;
    if (++paths % kPathsBetweenReports == 0) {
      if (on_progress) on_progress(paths, comparison->differences());
      // Two files would never let anything else run.
      co_await Yield();
      const bool cancelled = co_await IsCancelled();
      if (cancelled) co_return absl::CancelledError("the comparison was cancelled");
    }
    std::optional<TreeDifference> difference = comparison->Compare(*std::move(nodes));
    if (difference.has_value()) on_difference(*std::move(difference));
  }
  co_return comparison->Finish();
}

}  // namespace metarec
