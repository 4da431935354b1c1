#include "simulated_store.h"

#include <utility>

#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"

namespace metarec::simulation {
namespace {

testing::ZnodeCaller CallerOf(const StoreSession& session) {
  return {.session_id = session.id, .identities = {}};
}

}  // namespace

SimulatedStore::~SimulatedStore() {
  session_->is_closed = true;
  for (const auto& call : session_->in_flight) {
    if (call->done.is_set()) continue;
    call->result = MakeStoreError(StoreError::kClosed, call->kind, call->path);
    call->done.Set();
  }
  session_->in_flight.clear();
  for (auto* watches : {&session_->data_watches, &session_->child_watches}) {
    for (auto& [path, watch] : *watches) Watch::Fire(watch, WatchEvent());
    watches->clear();
  }
  session_->tracker.Set(SessionState::kClosed);
  // Who is cut off, or dead, cannot say goodbye.
  if (session_->is_dead || !session_->is_connected) return;
  zookeeper_->with_.queue->After(
      absl::Milliseconds(1),
      [zookeeper = zookeeper_, session = session_] { zookeeper->ExpireAtServer(session); });
}

template <typename Result>
asio::awaitable<Result> SimulatedStore::Call(absl::string_view kind, std::string path,
                                             std::shared_ptr<const std::vector<StoreOp>> ops,
                                             std::function<Result(int64_t index)> execute) {
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled before it was submitted");
  const auto executor = co_await asio::this_coro::executor;
  const auto call = std::make_shared<StoreCall>(executor);
  const auto answer = std::make_shared<Result>(absl::UnknownError("not executed"));
  call->execute = [answer, execute = std::move(execute)](int64_t index) {
    *answer = execute(index);
  };
  const StoreRequest request{.index = 0, .kind = kind, .path = path, .ops = ops.get()};
  zookeeper_->Submit(session_, call, request);
  const absl::Status waited = co_await call->done.Wait();
  if (!waited.ok()) co_return waited;
  if (!call->result.ok()) co_return call->result;
  co_return std::move(*answer);
}

asio::awaitable<absl::StatusOr<NodeData>> SimulatedStore::DoGet(std::string path,
                                                                std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeData>;
  return Call<Result>("get", path, nullptr,
                      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) {
                        Result found = zookeeper->TreeOf(*session).Get(path, CallerOf(*session));
                        if (found.ok() && watch) session->data_watches.emplace(path, watch);
                        return found;
                      });
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> SimulatedStore::DoExists(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<std::optional<NodeStat>>;
  return Call<Result>(
      "exists", path, nullptr,
      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) -> Result {
        if (watch) session->data_watches.emplace(path, watch);
        return zookeeper->TreeOf(*session).Exists(path);
      });
}

asio::awaitable<absl::StatusOr<NodeChildren>> SimulatedStore::DoChildren(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeChildren>;
  return Call<Result>("children", path, nullptr,
                      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) {
                        Result found =
                            zookeeper->TreeOf(*session).Children(path, CallerOf(*session));
                        if (found.ok() && watch) session->child_watches.emplace(path, watch);
                        return found;
                      });
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> SimulatedStore::Write(
    absl::string_view kind, std::vector<StoreOp> ops_in) {
  const auto ops = std::make_shared<const std::vector<StoreOp>>(std::move(ops_in));
  std::string path = OpPath(ops->front());
  return Call<absl::StatusOr<std::vector<StoreOpResult>>>(
      kind, std::move(path), ops,
      [zookeeper = zookeeper_, session = session_.get(), ops,
       is_multi = kind == "multi"](int64_t index) {
        auto results = zookeeper->Apply(session->client, session->id, index, ops, is_multi);
        // A server answers when the transaction has come back to it, and everything before it.
        zookeeper->ensemble_.CatchUp(session->server);
        return results;
      });
}

asio::awaitable<absl::StatusOr<std::string>> SimulatedStore::DoCreate(CreateOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("create", std::move(ops));
  if (!results.ok()) co_return results.status();
  co_return results->front().created_path;
}

asio::awaitable<absl::StatusOr<NodeStat>> SimulatedStore::DoSet(SetOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("set", std::move(ops));
  if (!results.ok()) co_return results.status();
  co_return results->front().stat;
}

asio::awaitable<absl::Status> SimulatedStore::DoDelete(DeleteOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("delete", std::move(ops));
  co_return results.status();
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> SimulatedStore::DoMulti(
    std::vector<StoreOp> ops) {
  return Write("multi", std::move(ops));
}

asio::awaitable<absl::Status> SimulatedStore::DoSync(std::string path) {
  return Call<absl::Status>("sync", std::move(path), nullptr,
                            [zookeeper = zookeeper_, session = session_.get()](int64_t) {
                              zookeeper->ensemble_.CatchUp(session->server);
                              return absl::OkStatus();
                            });
}

}  // namespace metarec::simulation
