#include "transfer_world.h"

#include <algorithm>
#include <variant>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

namespace metarec::simulation {
namespace {

// So that no transaction of one ZooKeeper could be one of the other's.
constexpr int64_t kFirstZxidOfTo = 0x100000;

size_t BytesOf(const std::vector<StoreOp>& ops) {
  constexpr size_t kPerOp = 24;
  size_t bytes = 0;
  for (const StoreOp& op : ops) {
    bytes += OpPath(op).size() + kPerOp;
    if (const auto* create = std::get_if<CreateOp>(&op)) bytes += create->data.size();
    if (const auto* set = std::get_if<SetOp>(&op)) bytes += set->data.size();
  }
  return bytes;
}

}  // namespace

TransferWorld::TransferWorld(const TransferCase& the_case, std::FILE* trace_out)
    : WorldLoop(the_case.seed ^ 0x7A45FE4, trace_out),
      case_(the_case),
      from_(Around(Side::kFrom)),
      to_(Around(Side::kTo)) {}

TransferWorld::~TransferWorld() = default;

SimulatedZooKeeper::Surroundings TransferWorld::Around(Side side) {
  SimulatedZooKeeper::Surroundings around;
  around.queue = &queue;
  around.random = &random;
  around.trace = &trace;
  around.first_zxid = side == Side::kTo ? kFirstZxidOfTo : 0;
  around.on_request = [this, side](const StoreClient& client, const StoreRequest& request) {
    return OnRequest(side, client, request);
  };
  around.on_applied = [this, side](const StoreClient& client, int64_t, int64_t,
                                   const std::vector<StoreOp>& ops,
                                   const std::vector<StoreOpResult>& results) {
    OnApplied(side, client, ops, results);
  };
  around.on_expired = [this, side](int64_t) { OnExpired(side); };
  return around;
}

StoreFault TransferWorld::OnRequest(Side side, const StoreClient& client,
                                    const StoreRequest& request) {
  StoreFault fault;
  if (request.ops != nullptr && BytesOf(*request.ops) > case_.request_bytes_max) {
    CountFault("too_long_a_request");
    return {StoreFaultKind::kLostBefore, absl::Milliseconds(100)};
  }
  if (is_calm_) return fault;
  for (size_t i = 0; i < case_.items.size(); ++i) {
    const TransferItem& item = case_.items[i];
    if (item.a != request.index || item.side != side || !case_.Has(i)) continue;
    switch (item.kind) {
      case TransferItemKind::kStoreFault:
        fault = {.kind = static_cast<StoreFaultKind>(item.b), .lasts = item.lasts};
        if (fault.kind == StoreFaultKind::kTooLarge &&
            (request.ops == nullptr || request.ops->size() < 2)) {
          fault = {};
          break;
        }
        CountFault(StoreFaultName(fault.kind));
        break;
      case TransferItemKind::kKill:
      case TransferItemKind::kInterrupt:
      case TransferItemKind::kStranger:
        OnDue(item, client);
        break;
      default:
        break;
    }
  }
  return fault;
}

void TransferWorld::StartItems() {
  for (size_t i = 0; i < case_.items.size(); ++i) {
    const TransferItem& item = case_.items[i];
    if (!IsTimed(item.kind) || !case_.Has(i)) continue;
    ++items_left_;
    queue.After(item.at, [this, &item] {
      --items_left_;
      if (is_calm_) return;
      switch (item.kind) {
        case TransferItemKind::kDisconnect:
          CountFault("disconnect");
          for (const int client : clients_) zookeeper(item.side).Disconnect(client, item.lasts);
          return;
        case TransferItemKind::kLag:
          CountFault("lag");
          return zookeeper(item.side).Lag(static_cast<int>(item.a), item.lasts,
                                          absl::Milliseconds(item.b));
        default:
          return OnTime(item);
      }
    });
  }
}

std::unique_ptr<MetaStore> TransferWorld::Connect(Side side, const StoreClient& client) {
  if (std::find(clients_.begin(), clients_.end(), client.number) == clients_.end()) {
    clients_.push_back(client.number);
  }
  return zookeeper(side).Connect(client, case_.session_timeout);
}

absl::StatusOr<std::vector<StoreOpResult>> TransferWorld::Write(Side side,
                                                                const StoreClient& client,
                                                                int64_t session_id,
                                                                std::vector<StoreOp> ops) {
  const std::string what = absl::StrCat(OpName(ops.front()), " ", SideName(side), ":",
                                        OpPath(ops.front()), ops.size() > 1 ? " ..." : "");
  auto results = zookeeper(side).Write(client, session_id, ops);
  Say(client.name, absl::StrCat(what, results.ok() ? "" : "  fails"));
  return results;
}

void TransferWorld::FillOutcome() {
  outcome_.hash = trace.hash();
  outcome_.requests = from_.requests() + to_.requests();
  outcome_.steps = queue.events_run() + outcome_.requests;
  outcome_.lasted = queue.now() - start();
  const int64_t stale = from_.stale_reads() + to_.stale_reads();
  if (stale > 0) outcome_.faults["stale_read"] += stale;
}

TransferProcess::TransferProcess(TransferWorld* world, std::string name,
                                 std::vector<std::pair<std::string, std::string>> identities)
    : world_(world),
      client_{.name = std::move(name),
              .number = world->NewNumber(),
              .is_engine = true,
              .identities = std::move(identities)} {}

void TransferProcess::Start(asio::awaitable<void> main, std::function<void()> on_end) {
  asio::co_spawn(
      world_->context, Run(std::move(main)),
      asio::bind_cancellation_slot(
          cancel_.slot(), [this, on_end = std::move(on_end)](const std::exception_ptr& thrown) {
            if (thrown != nullptr) world_->Violate(client_.name + ": threw an exception");
            ended_ = true;
            on_end();
          }));
}

asio::awaitable<void> TransferProcess::Run(asio::awaitable<void> main) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(main);
}

void TransferProcess::Kill() {
  if (ended_ || dead_) return;
  world_->Say(client_.name, "is killed");
  world_->CountFault("kill");
  dead_ = true;
  for (const Side side : {Side::kFrom, Side::kTo}) world_->zookeeper(side).Kill(client_.number);
  world_->queue.After(absl::ZeroDuration(), [this] {
    if (!ended_) cancel_.emit(asio::cancellation_type::terminal);
  });
}

void TransferProcess::Interrupt() {
  if (ended_ || dead_ || interrupted_) return;
  world_->Say(client_.name, "is interrupted");
  world_->CountFault("interrupt");
  interrupted_ = true;
  world_->queue.After(absl::ZeroDuration(), [this] {
    if (!ended_) cancel_.emit(asio::cancellation_type::terminal);
  });
}

}  // namespace metarec::simulation
