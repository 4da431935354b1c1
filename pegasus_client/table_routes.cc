#include "pegasus_client/table_routes.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/task_group.h"
#include "base/text/printable.h"
#include "idl/data_path.h"
#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

// More than Pegasus allows; an answer beyond it is not to be believed.
constexpr int32_t kPartitionsMax = 1 << 20;
// Many operations that fail must not make as many look-ups. They back off anyway.
constexpr absl::Duration kLookUpInterval = absl::Milliseconds(50);

}  // namespace

TableRoutes::TableRoutes(asio::any_io_executor executor, Clock* clock, NodeList metas,
                         std::string table, absl::Duration look_up_timeout)
    : executor_(executor),
      clock_(clock),
      table_(std::move(table)),
      metas_(std::move(executor), clock, std::move(metas),
             MetaClientOptions{.timeout = look_up_timeout}) {}

std::optional<Ipv4Endpoint> TableRoutes::PrimaryOf(int32_t partition) const {
  const auto index = static_cast<size_t>(partition);
  return index < primaries_.size() ? primaries_[index] : std::nullopt;
}

bool TableRoutes::IsFinal(const absl::Status& error) {
  const std::string name = rpc::PegasusErrorName(error);
  const char* const final_names[] = {idl::kErrObjectNotFound, idl::kErrAppNotExist,
                                     idl::kErrAppDropped,     idl::kErrAclDeny,
                                     idl::kErrInvalidState,   idl::kErrInvalidData};
  return absl::c_any_of(final_names, [&](const char* one) { return name == one; });
}

asio::awaitable<absl::Status> TableRoutes::Refresh(uint64_t seen_version, absl::Time deadline) {
  if (version_ != seen_version) co_return absl::OkStatus();
  if (running_ == nullptr) {
    if (version_ > 0 && clock_->Now() < looked_up_at_ + kLookUpInterval) co_return absl::OkStatus();
    running_ = std::make_shared<LookUp>(executor_);
    ++look_ups_;
    task_ = CancellableTask();
    task_.Start(executor_, Run(shared_from_this(), running_), [] {});
  }
  // It may have ended within Start.
  const std::shared_ptr<LookUp> look_up = running_;
  if (look_up == nullptr) co_return absl::OkStatus();
  absl::Status waited;
  const absl::Status in_time = co_await metarec::RunUntil(
      deadline, clock_, [&look_up, &waited] { return Await(look_up, &waited); });
  if (absl::IsCancelled(in_time)) co_return in_time;
  if (!look_up->ended.is_set()) {
    co_return rpc::PegasusError(
        idl::kErrTimeout,
        absl::StrCat("table ", Printable(table_), ": the meta servers have not answered in time"));
  }
  if (absl::IsCancelled(look_up->status)) {
    co_return rpc::PegasusError(idl::kErrTimeout, "the look-up was cancelled");
  }
  co_return look_up->status;
}

asio::awaitable<void> TableRoutes::Await(std::shared_ptr<LookUp> look_up, absl::Status* waited) {
  *waited = co_await look_up->ended.Wait();
}

asio::awaitable<void> TableRoutes::Run(std::shared_ptr<TableRoutes> self,
                                       std::shared_ptr<LookUp> look_up) {
  idl::query_cfg_request request;
  request.app_name = self->table_;
  request.__set_partition_indices(std::vector<int32_t>());
  const absl::StatusOr<idl::query_cfg_response> response =
      co_await self->metas_.Ask<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex,
                                                         request);
  look_up->status = response.ok() ? self->Take(*response) : response.status();
  self->running_ = nullptr;
  look_up->ended.Set();
}

absl::Status TableRoutes::Take(const idl::query_cfg_response& response) {
  const std::string about = absl::StrCat("table ", Printable(table_));
  const std::string& error_name = response.err.name;
  if (error_name == idl::kErrObjectNotFound || error_name == idl::kErrAppNotExist ||
      error_name == idl::kErrAppDropped) {
    return rpc::PegasusError(error_name, absl::StrCat(about, " does not exist at the meta servers ",
                                                      metas_.server(), " (", error_name, ")"));
  }
  if (error_name != idl::kErrOk) {
    return rpc::PegasusError(error_name, absl::StrCat(about, ": meta server ", metas_.server(),
                                                      " answers ", Printable(error_name)));
  }
  if (response.app_id <= 0 || response.partition_count <= 0 ||
      response.partition_count > kPartitionsMax) {
    return rpc::PegasusError(
        idl::kErrInvalidData,
        absl::StrCat(about, ": meta server ", metas_.server(), " answers with table id ",
                     response.app_id, " and ", response.partition_count, " partitions"));
  }
  const TableShape shape{.app_id = response.app_id, .partition_count = response.partition_count};
  if (version_ > 0 && shape.app_id != shape_.app_id) {
    return rpc::PegasusError(idl::kErrInvalidState,
                             absl::StrCat(about, " was made anew: its id was ", shape_.app_id,
                                          " and is ", shape.app_id, ". Begin again"));
  }
  if (version_ > 0 && shape != shape_) {
    return rpc::PegasusError(
        idl::kErrInvalidState,
        absl::StrCat(about, " had ", shape_.partition_count, " partitions and has ",
                     shape.partition_count, ": wait until its split has ended, and begin again"));
  }
  shape_ = shape;
  primaries_.assign(static_cast<size_t>(shape.partition_count), std::nullopt);
  for (const idl::partition_configuration& config : response.partitions) {
    const auto index = static_cast<size_t>(config.pid.partition_index);
    const absl::StatusOr<Ipv4Endpoint> primary = EndpointOf(config.primary);
    if (index < primaries_.size() && primary.ok()) primaries_[index] = *primary;
  }
  ++version_;
  looked_up_at_ = clock_->Now();
  return absl::OkStatus();
}

}  // namespace metarec
