#include "recovery_service/recovery_runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/run_on.h"
#include "base/runtime/run_until.h"
#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "zk_store/client/store_error.h"
#include "zk_store/topology/znode_creator.h"

namespace metarec {
namespace {

constexpr absl::Duration kTimeForAnswering = absl::Milliseconds(500);

idl::configuration_recovery_response Response(absl::string_view error_name, std::string hint) {
  idl::configuration_recovery_response response;
  response.err = idl::error_code(error_name);
  response.hint_message = std::move(hint);
  return response;
}

// Whether it ended because we lead no more. Nobody knows yet who does; his answer is the one that
// counts.
bool EndedWithLeadership(const RecoveryResult& result) {
  const StoreError error = StoreErrorOf(result.status);
  return result.outcome == RecoveryOutcome::kCancelled || IsFenced(result.status) ||
         error == StoreError::kSessionExpired || error == StoreError::kClosed;
}

idl::configuration_recovery_response ResponseOf(const RecoveryResult& result) {
  if (EndedWithLeadership(result)) {
    METAREC_RARE_BRANCH("leadership is lost in the middle of a recovery");
    return Response(idl::kErrForwardToOthers,
                    "WARNING: this meta server lost its leadership in the middle of it; send the "
                    "same request to the one that leads now, and it goes on\n");
  }
  std::string hint = result.hints;
  // Hints are about the plan; other reasons have none of their own.
  if (result.outcome != RecoveryOutcome::kRecovered &&
      result.outcome != RecoveryOutcome::kTryAgain) {
    absl::StrAppend(&hint, "ERROR: ", result.status.message(), "\n");
  }
  return Response(result.error_name, std::move(hint));
}

}  // namespace

struct RecoveryRunner::Run {
  Run(const asio::any_io_executor& executor, RecoveryOrder order_in, RecoveryRequest request,
      RecoveryJob::Surroundings surroundings)
      : order(std::move(order_in)),
        job(std::move(request), std::move(surroundings)),
        ended(executor) {}

  const RecoveryOrder order;
  RecoveryJob job;
  std::optional<RecoveryResult> result;
  Event ended;
};

bool RecoveryOrder::SameAs(const RecoveryOrder& other) const {
  if (skip_bad_nodes != other.skip_bad_nodes ||
      skip_lost_partitions != other.skip_lost_partitions) {
    return false;
  }
  return std::equal(nodes.entries.begin(), nodes.entries.end(), other.nodes.entries.begin(),
                    other.nodes.entries.end(), [](const NodeListEntry& a, const NodeListEntry& b) {
                      return a.host == b.host && a.port == b.port;
                    });
}

absl::StatusOr<RecoveryOrder> OrderOf(const idl::configuration_recovery_request& request,
                                      size_t nodes_max) {
  RecoveryOrder order;
  order.skip_bad_nodes = request.skip_bad_nodes;
  order.skip_lost_partitions = request.skip_lost_partitions;
  std::string list;
  // Where the names are given, the addresses do not count.
  if (request.__isset.hp_recovery_nodes) {
    for (const idl::host_port& node : request.hp_recovery_nodes) {
      absl::StrAppend(&list, list.empty() ? "" : ",", node.ToString());
    }
  } else {
    for (const idl::rpc_address& node : request.recovery_nodes) {
      absl::StrAppend(&list, list.empty() ? "" : ",", node.ToString());
    }
  }
  if (list.empty()) return absl::InvalidArgumentError("the request names no replica server");
  NodeListOptions options;
  options.nodes_max = nodes_max;
  METAREC_ASSIGN_OR_RETURN(order.nodes, ParseNodeListString(list, options));
  return order;
}

RecoveryRunner::RecoveryRunner(asio::any_io_executor executor, RecoveryRunnerOptions options,
                               Surroundings surroundings)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      tasks_(std::make_unique<TaskGroup>(executor_)) {}

RecoveryRunner::~RecoveryRunner() = default;

void RecoveryRunner::UseStore(MetaStore* store, std::vector<StoreOp> fence) {
  store_ = store;
  fence_ = std::move(fence);
}

asio::awaitable<idl::configuration_recovery_response> RecoveryRunner::Start(RecoveryOrder order,
                                                                            absl::Time deadline) {
  const bool is_same = latest_ && latest_->order.SameAs(order);
  if (state_ == RecoveryState::kRecovering && !is_same) {
    co_return Response(
        idl::kErrBusy,
        absl::StrCat("ERROR: another recovery is running, of ", latest_->order.nodes.entries.size(),
                     " nodes or with other flags; wait for it to end\n"));
  }
  if (state_ == RecoveryState::kRecovered && !is_same) {
    co_return Response(idl::kErrServiceAlreadyRunning, "");
  }
  if (state_ == RecoveryState::kWaiting || state_ == RecoveryState::kFailed) {
    Begin(std::move(order), deadline);
  }
  if (is_same) METAREC_RARE_BRANCH("a request attaches to a recovery that runs or ran");
  const std::shared_ptr<Run> run = latest_;
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  const std::function<asio::awaitable<void>()> until_ended = [run]() -> asio::awaitable<void> {
    const absl::Status ignored = co_await run->ended.Wait();
    static_cast<void>(ignored);
  };
  const absl::Status ignored = co_await RunUntil(deadline, surroundings_.clock, until_ended);
  static_cast<void>(ignored);
  if (run->result) co_return ResponseOf(*run->result);
  METAREC_RARE_BRANCH("a recovery takes longer than who waits for it");
  co_return Response(idl::kErrTimeout,
                     "WARNING: the recovery goes on; send the same request again for its result\n");
}

void RecoveryRunner::Begin(RecoveryOrder order, absl::Time deadline) {
  // What it can end with in time is told in time.
  const absl::Duration time = deadline - surroundings_.clock->Now();
  RecoveryRequest request = RequestOf(order, time - std::min(kTimeForAnswering, time / 20));
  latest_ = std::make_shared<Run>(executor_, std::move(order), std::move(request),
                                  RecoveryJob::Surroundings{.source = surroundings_.source,
                                                            .store = store_,
                                                            .clock = surroundings_.clock,
                                                            .listener = surroundings_.listener,
                                                            .random = surroundings_.random});
  state_ = RecoveryState::kRecovering;
  tasks_->Spawn(Execute(latest_));
  if (surroundings_.on_begun) surroundings_.on_begun();
}

RecoveryRequest RecoveryRunner::RequestOf(const RecoveryOrder& order,
                                          absl::Duration time_limit) const {
  RecoveryRequest request;
  request.nodes = order.nodes;
  request.root = options_.root;
  request.plan = options_.plan;
  request.plan.skip_bad_nodes = order.skip_bad_nodes;
  request.plan.skip_lost_partitions = order.skip_lost_partitions;
  request.collector = options_.collector;
  if (surroundings_.beacon_names) request.collector.beacon_names = surroundings_.beacon_names();
  request.collector.node_timeout = std::min(request.collector.node_timeout, time_limit);
  request.writer = options_.writer;
  request.writer.fence = fence_;
  request.ask_again_after = options_.ask_again_after;
  request.time_limit = time_limit;
  return request;
}

asio::awaitable<void> RecoveryRunner::Execute(std::shared_ptr<Run> run) {
  RecoveryResult result;
  const std::function<asio::awaitable<void>()> recover = [&]() -> asio::awaitable<void> {
    result = co_await run->job.Run();
  };
  if (surroundings_.recovery_executor) {
    co_await RunOn(surroundings_.recovery_executor, recover);
  } else {
    co_await recover();
  }
  run->result = std::move(result);
  state_ = run->result->outcome == RecoveryOutcome::kRecovered ? RecoveryState::kRecovered
                                                               : RecoveryState::kFailed;
  if (surroundings_.on_ended) surroundings_.on_ended(*run->result);
  run->ended.Set();
}

asio::awaitable<void> RecoveryRunner::Abandon() {
  tasks_->Cancel();
  co_await tasks_->Join();
  tasks_ = std::make_unique<TaskGroup>(executor_);
  latest_.reset();
  state_ = RecoveryState::kWaiting;
}

const RecoveryOrder* RecoveryRunner::order() const { return latest_ ? &latest_->order : nullptr; }

const RecoveryResult* RecoveryRunner::result() const {
  return latest_ && latest_->result ? &*latest_->result : nullptr;
}

Progress RecoveryRunner::progress() const { return latest_ ? latest_->job.progress() : Progress(); }

}  // namespace metarec
