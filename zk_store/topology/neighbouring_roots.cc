#include "zk_store/topology/neighbouring_roots.h"

#include <optional>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr size_t kLooksMax = 100;

// "/pegasus" for "/pegasus/onebox"; "/" for what lies directly under it.
std::string ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

// The clusters directly under `parent`, and itself if it is one; nullopt: there is no such znode.
asio::awaitable<absl::StatusOr<std::optional<std::vector<std::string>>>> ClustersUnder(
    StoreReader* reader, std::string parent) {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader->Children(parent));
  if (!children.has_value()) co_return std::nullopt;
  absl::c_sort(children->names);
  std::vector<std::string> clusters;
  if (parent != "/" && absl::c_linear_search(children->names, "apps")) {
    clusters.push_back(Printable(parent));
  }
  for (size_t i = 0; i < children->names.size() && i < kLooksMax; ++i) {
    const std::string path = JoinPaths(parent, absl::StrCat("/", children->names[i]));
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> apps,
                                co_await reader->Exists(ClusterPaths(path).apps()));
    if (apps.has_value()) clusters.push_back(Printable(path));
  }
  co_return clusters;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::string>> NothingAt(StoreReader* reader, std::string root) {
  std::string text = absl::StrCat("there is nothing at all at ", root, ": is it the right one?");
  std::string parent = ParentOf(root);
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::vector<std::string>> clusters,
                                co_await ClustersUnder(reader, parent));
    if (clusters.has_value()) {
      if (clusters->empty()) co_return absl::StrCat(text, " There is no cluster near it");
      co_return absl::StrCat(text, " Near it ",
                             clusters->size() == 1 ? "is the cluster " : "are the clusters ",
                             CutList(*clusters));
    }
    if (parent == "/") co_return text;
    parent = ParentOf(parent);
  }
}

}  // namespace metarec
