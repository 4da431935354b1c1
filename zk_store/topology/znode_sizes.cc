#include "zk_store/topology/znode_sizes.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/yield.h"
#include "base/text/printable.h"
#include "base/text/shortened.h"

namespace metarec {
namespace {

// Takes a quarter of a millisecond.
constexpr size_t kEncodedInOneGo = 250;

}  // namespace

std::string LabelOfZnode(const TopologyZnodes& znodes, size_t ordinal) {
  const std::string path = znodes.Path(ordinal);
  const size_t root_bytes = std::min(path.rfind("/apps/"), path.size());
  return absl::StrCat(Printable(Shortened(path.substr(0, root_bytes))), path.substr(root_bytes),
                      " (table \"", Printable(Shortened(znodes.TableOf(ordinal).app_name)), "\")");
}

asio::awaitable<absl::Status> CheckZnodeSizes(TopologyZnodes* znodes, const MetaStore& store,
                                              const std::vector<StoreOp>& fence) {
  size_t fixed = MetaStore::kMultiOverheadBytes;
  for (const StoreOp& op : fence) fixed += store.OpBytes(op);
  const size_t overhead = fixed + store.OpBytes(CreateOp{});
  size_t encoded = 0;
  for (size_t ordinal = 0; ordinal < znodes->size(); ++ordinal) {
    // Only tables with their envs, and partitions of absurdly many replicas, can be large.
    if (ordinal >= znodes->table_count() &&
        overhead + znodes->PathBytesMax() + znodes->PartitionBytesMax(ordinal) <=
            store.request_bytes_max()) {
      continue;
    }
    if (++encoded % kEncodedInOneGo == 0) {
      co_await Yield();
      const bool cancelled = co_await IsCancelled();
      if (cancelled) co_return absl::CancelledError("cancelled before anything was written");
    }
    const StoreOp op = CreateOp{znodes->Path(ordinal), znodes->Data(ordinal)};
    const size_t bytes = fixed + store.OpBytes(op);
    if (bytes <= store.request_bytes_max()) continue;
    co_return absl::ResourceExhaustedError(absl::StrCat(
        LabelOfZnode(*znodes, ordinal), " needs a request of ", bytes,
        " bytes, while ZooKeeper takes at most ", store.request_bytes_max(),
        ": shorten the table's envs or raise jute.maxbuffer on servers and here. Nothing was "
        "written"));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
