#include "testing/zookeeper_ensemble.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"

namespace metarec::testing {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<std::unique_ptr<ZooKeeperEnsemble>> ZooKeeperEnsemble::Start(
    ZooKeeperServerOptions options) {
  std::unique_ptr<ZooKeeperEnsemble> ensemble(new ZooKeeperEnsemble);
  for (int id = 1; id <= kServers; ++id) {
    uint16_t ports[2] = {0, 0};  // of the quorum, of the election
    for (uint16_t& port : ports) {
      METAREC_ASSIGN_OR_RETURN(const int reservation, ReserveLoopbackPort(&port));
      ensemble->reservations_.push_back(reservation);
    }
    options.members.push_back(absl::StrCat("127.0.0.1:", ports[0], ":", ports[1]));
  }
  for (int id = 1; id <= kServers; ++id) {
    options.id = id;
    METAREC_ASSIGN_OR_RETURN(auto server, ZooKeeperServer::Prepare(options));
    ensemble->servers_.push_back(std::move(server));
  }
  METAREC_RETURN_IF_ERROR(ensemble->RestartAll());
  return ensemble;
}

ZooKeeperEnsemble::~ZooKeeperEnsemble() {
  servers_.clear();
  for (const int reservation : reservations_) close(reservation);
}

std::string ZooKeeperEnsemble::hosts() const {
  return absl::StrJoin(servers_, ",",
                       [](std::string* out, const auto& server) { *out += server->hosts(); });
}

absl::Status ZooKeeperEnsemble::RestartAll() {
  for (const auto& server : servers_) {
    if (!server->running()) METAREC_RETURN_IF_ERROR(server->Launch());
  }
  for (const auto& server : servers_) METAREC_RETURN_IF_ERROR(server->AwaitServing());
  return absl::OkStatus();
}

absl::StatusOr<int> ZooKeeperEnsemble::AwaitLeader(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    for (int i = 0; i < kServers; ++i) {
      if (!servers_[i]->running()) continue;
      METAREC_ASSIGN_OR_RETURN(const std::string mode, servers_[i]->Mode());
      if (mode == "leader") return i;
    }
    absl::SleepFor(kPollInterval);
  }
  return absl::DeadlineExceededError("no server of the ensemble leads");
}

}  // namespace metarec::testing
