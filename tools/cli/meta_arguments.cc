#include "tools/cli/meta_arguments.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "replica_collector/node_list.h"

namespace metarec::tools {
namespace {

constexpr size_t kServersMax = 100;

}  // namespace

void MetaArguments::AddTo(Command& verb, Need need, Timeout timeout) {
  constexpr auto kGroup = "META";
  CommandOption meta = verb.Add("--meta", &servers_, "the cluster's meta servers, or metarecd")
                           .TypeName("HOST:PORT,...")
                           .Group(kGroup);
  if (need == Need::kAlways) meta.Needed();
  if (timeout == Timeout::kNone) return;
  verb.Add("--meta_timeout", &timeout_seconds_, "how long the meta servers have for one answer")
      .TypeName("SECONDS")
      .Between(0.01, 3600.0)
      .ShowDefault()
      .Needs(meta)
      .Group(kGroup);
}

absl::Status MetaArguments::CheckGiven() const {
  return given() ? absl::OkStatus() : absl::InvalidArgumentError("--meta HOST:PORT,... is missing");
}

absl::Status MetaArguments::CheckInsteadOf(const StoreArguments& store) const {
  const std::string store_option = store.given_option();
  if (given() && !store_option.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--meta and ", store_option,
                     " exclude each other: --meta asks the meta servers, --zk and --root go "
                     "straight to ZooKeeper; give one of both"));
  }
  if (!given() && store_option.empty()) {
    return absl::InvalidArgumentError(
        "give --meta HOST:PORT,... to ask the meta servers, or --zk HOST:PORT,... and --root PATH "
        "to go straight to ZooKeeper");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MetaClient>> MetaArguments::Open(asio::any_io_executor executor,
                                                                Clock* clock) const {
  NodeListOptions bounds;
  bounds.nodes_max = kServersMax;
  absl::StatusOr<NodeList> servers = ParseNodeListString(servers_, bounds);
  if (!servers.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--meta: ", servers.status().message()));
  }
  MetaClientOptions options;
  options.timeout = absl::Seconds(timeout_seconds_);
  return std::make_unique<MetaClient>(std::move(executor), clock, *std::move(servers), options);
}

}  // namespace metarec::tools
