#include "zk_store/topology/finished_tree.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr size_t kDifferencesTold = 5;

}  // namespace

asio::awaitable<absl::StatusOr<int64_t>> CheckFinishedTree(const Topology& topology,
                                                           std::string root, StoreReader* reader,
                                                           TopologyVerifierOptions options,
                                                           ProgressListener* listener) {
  options.contents = TopologyVerifierOptions::Contents::kReadWhereWritten;
  options.apps_state = std::string(kAppsUnlocked);
  options.differences_max = kDifferencesTold;
  TopologyVerifier verifier(std::move(options), reader, listener);
  METAREC_CO_ASSIGN_OR_RETURN(VerifyResult found, co_await verifier.Verify(topology, root));
  int64_t& progress = found.counts[static_cast<size_t>(DifferenceKind::kProgress)];
  const int64_t gone_on = std::exchange(progress, 0);
  std::erase_if(found.differences, [](const Difference& difference) {
    return difference.kind == DifferenceKind::kProgress;
  });
  if (found.clean()) co_return gone_on;
  METAREC_RARE_BRANCH("what was finished before is not there any more as it was written");
  co_return MarkedError(
      ErrorMark::kDiffers,
      absl::StrCat("root ", root,
                   " was recovered before by this very plan, and is not any more as "
                   "it was written then: ",
                   Summarize(found, kDifferencesTold),
                   ". Nothing was written. If a meta server has run on it since, and tables were "
                   "created, dropped or changed there, that is in order, and there is nothing to "
                   "recover. If none has, the tree is damaged: start no meta server on it, and "
                   "recover into another root. metarec verify lists every difference"));
}

}  // namespace metarec
