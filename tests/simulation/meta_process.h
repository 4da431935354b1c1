#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/runtime/task_group.h"
#include "process.h"
#include "recovery_service/recovery_contender.h"
#include "recovery_service/recovery_service.h"

namespace metarec::simulation {

// A meta server in recovery mode: everything of metarecd but its sockets.
class MetaProcess final : public Process {
 public:
  // Number from 0; the address is that of MetaAddress.
  MetaProcess(World* world, std::string name, int number);
  ~MetaProcess() override;

  absl::Time MustEndBy() const override { return absl::InfiniteFuture(); }
  bool IsServer() const override { return true; }

 protected:
  asio::awaitable<void> Main() override;
  ModelOptions Flags() const override;
  bool MustLead() const override { return true; }
  void OnKilled() override;

 private:
  asio::awaitable<void> Serve(rpc::Request request, SimulatedNetwork::Reply reply);
  void CheckAnswer(const rpc::Request& request, const rpc::HandlerResult& result,
                   absl::Time asked) const;

  const Ipv4Endpoint address_;
  SimulatedSource beacon_source_;
  std::unique_ptr<RecoveryService> service_;
  std::unique_ptr<RecoveryContender> contender_;
  std::unique_ptr<TaskGroup> serving_;
};

Ipv4Endpoint MetaAddress(int number);
std::string MetaName(int number);
inline constexpr int kMetaServersMax = 3;

// A shell that sends `recover` to the meta servers, follows them to the leader, and tries again.
class ShellProcess final : public Process {
 public:
  ShellProcess(World* world, std::string name, uint32_t ip, int64_t flags, absl::Duration timeout)
      : Process(world, std::move(name), ip), flags_(flags), timeout_(timeout) {}

  absl::Time MustEndBy() const override { return started_ + 10 * timeout_ + absl::Minutes(10); }

 protected:
  asio::awaitable<void> Main() override;
  ModelOptions Flags() const override { return FlagsOf(flags_); }

 private:
  const int64_t flags_;
  const absl::Duration timeout_;
};

// A replica server's beacons to all meta servers, until `until`.
void SendBeacons(World* world, const CaseNode& node, absl::Time until);

}  // namespace metarec::simulation
