// The processes of a simulation: commands, meta servers in recovery mode, shells.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include "base/runtime/task_group.h"
#include "meta_recovery/job/recovery_job.h"
#include "recovery_service/recovery_service.h"
#include "recovery_service/server/recovery_contender.h"
#include "reference_model.h"
#include "replica_servers.h"
#include "seeded_run.h"
#include "simulated_zookeeper.h"
#include "tree_watch.h"

namespace metarec::simulation {

class World;

// A process that runs the engine, or talks to one that does.
class Process {
 public:
  Process(World* world, std::string name, uint32_t ip);
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start();
  // Takes effect at once: nothing that it does later reaches anybody.
  void Kill();
  // Ctrl-C.
  void Interrupt();

  bool ended() const { return ended_; }
  bool dead() const { return dead_; }
  bool interrupted() const { return interrupted_; }
  const StoreClient& client() const { return client_; }
  const SimulatedSource& source() const { return source_; }
  // To end later than this is a violation.
  virtual absl::Time MustEndBy() const = 0;
  // Whether it runs until it is told to end.
  virtual bool IsServer() const { return false; }
  Mandate GetMandate();

 protected:
  virtual asio::awaitable<void> Main() = 0;
  virtual ModelOptions Flags() const = 0;
  virtual bool MustLead() const { return false; }
  virtual void OnKilled() {}

  // The model's plan from what this process was told.
  std::shared_ptr<const ModelPlan> Model();
  void Say(absl::string_view what) const;
  void Violate(absl::string_view what) const;

  World* const world_;
  StoreClient client_;
  const uint32_t ip_;
  SimulatedSource source_;
  absl::Time started_;

 private:
  static asio::awaitable<void> Run(Process* process);

  asio::cancellation_signal cancel_;
  bool ended_ = false;
  bool dead_ = false;
  bool interrupted_ = false;
  std::shared_ptr<const ModelPlan> model_;
  std::shared_ptr<const std::map<Ipv4Endpoint, ToldNode>> told_;  // what model_ was made from
  int64_t modelled_version_ = -1;
  ModelOptions modelled_flags_;
};

// From the flags of a command or request.
ModelOptions FlagsOf(int64_t flags);

using Told = std::map<Ipv4Endpoint, ToldNode>;
using Settlements = std::map<std::string, std::string>;

// How an operator settles `conflicts` (ModelPlan::conflicts) after what the nodes told. If
// `wrongly`, one decision more settles nothing, or one of them cannot be.
Settlements Decide(const std::set<std::string>& conflicts, const Told& told, bool wrongly,
                   Random* random);

// What an operator decides who leaves out tables that nodes report as dropped, or that have no
// complete replica.
Settlements BelieveDrops(const Told& told, Random* random);

// `metarec recover`, or `plan` and later `apply` of what that found out. With kSettles, the
// operator settles the conflicts that a run names, and runs it again.
class CommandProcess final : public Process {
 public:
  // `apply_after`: between plan and apply; nullopt: recover.
  CommandProcess(World* world, std::string name, uint32_t ip, int64_t flags,
                 std::optional<absl::Duration> apply_after);

  absl::Time MustEndBy() const override;
  // nullopt: it was killed, or ended before there was a plan to apply.
  const std::optional<RecoveryResult>& result() const { return result_; }
  // What the model made of what it was told.
  std::shared_ptr<const ModelPlan> model() { return Model(); }

 protected:
  asio::awaitable<void> Main() override;
  ModelOptions Flags() const override;

 private:
  // The plan that `plan` makes; nullopt if it is refused.
  asio::awaitable<std::optional<RecoveryPlan>> Plan();
  asio::awaitable<std::optional<RecoveryPlan>> PlanAndSettle();
  // Runs the job, again after each round of decisions.
  asio::awaitable<void> Recover(RecoveryRequest request, MetaStore* store);
  // After a run that ended in conflicts, or was refused for a decision: whether the operator
  // decides something and runs it again.
  bool DecideAfter(const std::set<std::string>& conflicts, bool was_wrong);
  void CheckResult();

  const int64_t flags_;
  const std::optional<absl::Duration> apply_after_;
  Settlements settlements_;
  bool may_err_;  // the next decisions may be wrong
  int rounds_ = 0;
  bool was_wrong_ = false;  // the last plan was refused for a decision
  Random random_;           // the operator's
  std::optional<RecoveryResult> result_;
};

// Whether a plan was refused for one of the operator's decisions.
bool IsOfSettlements(const absl::Status& status);

// What is wrong with the end of a recovery that was told what `model` is of, by this process;
// empty: nothing.
std::string ProblemOf(const RecoveryResult& result, const ModelPlan& model,
                      const Settlements& settlements, const TreeWatch& watch, int client_number);

// A meta server in recovery mode: everything of metarecd but its sockets.
class MetaProcess final : public Process {
 public:
  // Number from 0; the address is that of MetaAddress.
  MetaProcess(World* world, std::string name, int number, Settlements settlements);
  ~MetaProcess() override;

  absl::Time MustEndBy() const override { return absl::InfiniteFuture(); }
  bool IsServer() const override { return true; }
  // Whether it answers as the leader, by the session that it has now.
  bool IsLeading() const { return service_->status().leadership.is_us; }
  int64_t session_id() const { return session_id_; }

 protected:
  asio::awaitable<void> Main() override;
  ModelOptions Flags() const override;
  bool MustLead() const override { return true; }
  void OnKilled() override;

 private:
  asio::awaitable<void> Serve(rpc::Request request, SimulatedNetwork::Reply reply);
  void CheckAnswer(const rpc::Request& request, const rpc::HandlerResult& result, absl::Time asked);
  void NoteBeacon(const rpc::Request& request);
  // That it recovered without a server of which it heard is a violation, unless it was accepted.
  void CheckNobodyIsForgotten(const RecoveryServiceStatus& status);
  // So is that it says nothing of a lie that it heard.
  void CheckDoubts(const RecoveryServiceStatus& status);

  const Ipv4Endpoint address_;
  const Settlements settlements_;
  int64_t session_id_ = 0;
  std::map<Ipv4Endpoint, std::vector<absl::Time>> heard_;  // beacons of outsiders, from there
  std::map<Ipv4Endpoint, std::vector<absl::Time>> lies_;   // beacons of nodes with a false name
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

// Who sends beacons: a replica server, or somebody in its name.
struct Beaconer {
  Ipv4Endpoint address;
  Ipv4Endpoint sent_from;
  std::string name;  // host:port
};

// To all meta servers, every few seconds until `until`.
void SendBeacons(World* world, const Beaconer& sender, absl::Time until);

}  // namespace metarec::simulation
