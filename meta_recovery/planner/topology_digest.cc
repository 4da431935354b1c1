#include "meta_recovery/planner/topology_digest.h"

#include "base/line_file/line_digest.h"
#include "base/runtime/status_macros.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

absl::StatusOr<std::string> TopologyDigest(const Topology& topology) {
  METAREC_RETURN_IF_ERROR(CheckTopology(topology));
  // Any root does: what a znode holds says where under the root it belongs.
  const ClusterPaths paths("/any");
  TopologyZnodes znodes(topology, paths);
  LineDigest digest;
  for (size_t ordinal = 0; ordinal < znodes.size(); ++ordinal) digest.Add(znodes.Data(ordinal));
  return digest.Finish();
}

}  // namespace metarec
