#include "zk_store/tree/copy_root.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

asio::awaitable<absl::Status> CreateUnlessThere(MetaStore* store, RetryBudget* budget,
                                                CreateOp op) {
  const std::function<asio::awaitable<absl::Status>()> create =
      [store, &op]() -> asio::awaitable<absl::Status> {
    const auto created = co_await store->Create(op);
    co_return created.status();
  };
  const absl::Status status = co_await Retry(budget, create);
  co_return StoreErrorOf(status) == StoreError::kNodeExists ? absl::OkStatus() : status;
}

// What is missing above `path`. Returns it.
asio::awaitable<absl::StatusOr<std::vector<std::string>>> CreateWay(MetaStore* store,
                                                                    RetryBudget* budget,
                                                                    std::string path) {
  StoreReader reader(store, budget);
  std::vector<std::string> made;
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    CreateOp op;
    op.path = path.substr(0, end);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                co_await reader.Exists(op.path));
    if (stat.has_value()) continue;
    made.push_back(op.path);
    METAREC_CO_RETURN_IF_ERROR(co_await CreateUnlessThere(store, budget, std::move(op)));
  }
  co_return made;
}

}  // namespace

asio::awaitable<absl::StatusOr<MadeCopyRoot>> CreateCopyRoot(MetaStore* store, RetryBudget* budget,
                                                             CopyRootOptions options) {
  MadeCopyRoot made;
  METAREC_CO_ASSIGN_OR_RETURN(made.paths, co_await CreateWay(store, budget, options.path));
  made.paths.push_back(options.path);
  CreateOp op{options.path, options.source.data};
  op.null_data = options.source.null_data;
  const NodeKind kind = options.plain_kinds ? NodeKind::kPersistent : options.source.kind();
  if (kind == NodeKind::kContainer) op.mode = CreateMode::kContainer;
  if (kind == NodeKind::kTtl) {
    op.mode = CreateMode::kTtl;
    op.ttl_ms = TtlOfOwner(options.source.stat.ephemeral_owner);
  }
  made.acl = CreatorOnlyAcl();
  op.acl = made.acl;
  const absl::Status created = co_await CreateUnlessThere(store, budget, op);
  if (created.ok()) co_return made;
  // A session without credentials can only make what all may write.
  if (StoreErrorOf(created) != StoreError::kInvalidAcl || options.acl == CopiedAcl::kCreator) {
    co_return created;
  }
  made.acl = OpenAcl();
  if (options.acl == CopiedAcl::kKeep) {
    METAREC_CO_ASSIGN_OR_RETURN(made.acl, options.acl_map.Apply(options.source.acl));
  }
  op.acl = made.acl;
  METAREC_CO_RETURN_IF_ERROR(co_await CreateUnlessThere(store, budget, op));
  co_return made;
}

}  // namespace metarec
