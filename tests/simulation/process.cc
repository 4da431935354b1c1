#include "process.h"

#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "idl/error_names.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/collector.h"
#include "world.h"
#include "zk_store/client/error_mark.h"

namespace metarec::simulation {

ModelOptions FlagsOf(int64_t flags) {
  ModelOptions options;
  options.skip_bad_nodes = (flags & kSkipBadNodes) != 0;
  options.skip_lost_partitions = (flags & kSkipLostPartitions) != 0;
  return options;
}

Process::Process(World* world, std::string name, uint32_t ip)
    : world_(world),
      client_{.name = std::move(name), .number = world->NewNumber(), .is_engine = true},
      ip_(ip),
      source_(ip, &world->servers, &world->network) {}

void Process::Start() {
  started_ = world_->queue.now();
  Say("starts");
  asio::co_spawn(
      world_->context, Run(this),
      asio::bind_cancellation_slot(cancel_.slot(), [this](const std::exception_ptr& thrown) {
        if (thrown != nullptr) Violate("threw an exception");
        ended_ = true;
      }));
}

asio::awaitable<void> Process::Run(Process* process) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await process->Main();
  process->Say("ends");
  if (!process->dead_ && process->world_->queue.now() > process->MustEndBy()) {
    process->Violate("does not end in its time");
  }
}

void Process::Kill() {
  if (ended_ || dead_) return;
  Say("is killed");
  world_->CountFault("kill");
  dead_ = true;
  world_->zookeeper.Kill(client_.number);
  OnKilled();
  world_->queue.After(absl::ZeroDuration(),
                      [this] { cancel_.emit(asio::cancellation_type::terminal); });
}

void Process::Interrupt() {
  if (ended_ || dead_ || interrupted_) return;
  Say("is interrupted");
  interrupted_ = true;
  world_->queue.After(absl::ZeroDuration(),
                      [this] { cancel_.emit(asio::cancellation_type::terminal); });
}

namespace {

// One server that is listed under two of its addresses counts once, at the one that it calls its
// own.
bool IsOfAnother(Ipv4Endpoint address, const std::map<Ipv4Endpoint, ToldNode>& told) {
  const ToldNode& node = told.at(address);
  const auto own = told.find(node.own_address);
  if (own == told.end() || own->first == address) return false;
  const ToldNode& other = own->second;
  const auto key = [](const ReplicaRecord& r) {
    return std::make_tuple(r.app_id, r.partition_index, r.ballot, r.last_committed_decree,
                           r.last_prepared_decree, r.status);
  };
  std::multiset<decltype(key({}))> replicas;
  std::multiset<int32_t> tables;
  std::multiset<decltype(key({}))> other_replicas;
  std::multiset<int32_t> other_tables;
  for (const ReplicaRecord& replica : node.replicas) replicas.insert(key(replica));
  for (const ReplicaRecord& replica : other.replicas) other_replicas.insert(key(replica));
  for (const TableRecord& table : node.tables) tables.insert(table.app_id);
  for (const TableRecord& table : other.tables) other_tables.insert(table.app_id);
  return node.has_tables && node.has_replicas && other.has_tables && other.has_replicas &&
         other.own_address == node.own_address && replicas == other_replicas &&
         tables == other_tables;
}

}  // namespace

namespace {

ModelOptions WithCarried(ModelOptions options, const World& world) {
  options.carry_duplications = world.carries_duplications();
  return options;
}

}  // namespace

std::shared_ptr<const ModelPlan> Process::Model() {
  const ModelOptions flags = Flags();
  if (modelled_version_ == source_.version() && flags == modelled_flags_) return model_;
  told_ = std::make_shared<const std::map<Ipv4Endpoint, ToldNode>>(source_.told());
  std::vector<ModelNode> nodes;
  for (const auto& [address, told] : source_.told()) {
    if (IsOfAnother(address, source_.told())) continue;
    ModelNode& node = nodes.emplace_back();
    node.address = address;
    node.name = told.identity.name;
    node.is_complete = told.has_tables && told.has_replicas;
    node.own_address = told.own_address;
    node.other_addresses = told.other_addresses;
    if (!node.is_complete) continue;
    node.tables = told.tables;
    node.replicas = told.replicas;
  }
  model_ = std::make_shared<const ModelPlan>(
      MakeModelPlan(nodes, WithCarried(flags, *world_), world_->old_trees()));
  modelled_version_ = source_.version();
  modelled_flags_ = flags;
  return model_;
}

Mandate Process::GetMandate() {
  const std::shared_ptr<const ModelPlan> plan = Model();
  return {.plan = plan, .told = told_, .must_lead = MustLead()};
}

void Process::Say(absl::string_view what) const {
  world_->trace.Add(world_->queue.now(), client_.name, what);
}

void Process::Violate(absl::string_view what) const {
  world_->Violate(client_.name + ": " + std::string(what));
}
namespace {

// Everything before the writing is bounded by the time limit; the writing by a budget of retries.
constexpr absl::Duration kLongest = absl::Minutes(30);
constexpr int kRoundsMax = 5;  // of decisions

}  // namespace

bool IsOfSettlements(const absl::Status& status) {
  return absl::IsInvalidArgument(status) && absl::StrContains(status.message(), "settle");
}

// A plan may fail only for a decision that is wrong, and says which.
std::string ProblemOfRefusal(const absl::Status& status, const ModelPlan& model,
                             const Settlements& settlements) {
  for (const std::string& key : model.wrong_settlements) {
    if (key == kOldTree) {
      if (absl::IsInvalidArgument(status) && absl::StrContains(status.message(), kOldTree))
        return "";
      continue;
    }
    const std::string named = absl::StrCat("'", key, "=", settlements.at(key), "'");
    if (IsOfSettlements(status) && absl::StrContains(status.message(), named)) return "";
  }
  return absl::StrCat("the planner fails: ", status.message());
}

CommandProcess::CommandProcess(World* world, std::string name, uint32_t ip, int64_t flags,
                               std::optional<absl::Duration> apply_after)
    : Process(world, std::move(name), ip),
      flags_(flags),
      apply_after_(apply_after),
      may_err_((flags & kSettlesWrongly) != 0),
      random_(world->the_case.seed ^ static_cast<uint64_t>(client_.number) << 32) {}

ModelOptions CommandProcess::Flags() const {
  ModelOptions options = FlagsOf(flags_);
  options.is_warm = world_->the_case.is_warm;
  options.settlements = settlements_;
  if ((flags_ & kSkipsFirstNode) != 0 && !world_->servers.nodes().empty()) {
    options.bad_nodes_skipped = {world_->servers.nodes().front().name};
  }
  return options;
}

absl::Time CommandProcess::MustEndBy() const {
  const int runs = (flags_ & kSettles) != 0 ? 1 + kRoundsMax : 1;
  return started_ + runs * kLongest + apply_after_.value_or(absl::ZeroDuration());
}

bool CommandProcess::DecideAfter(const std::set<std::string>& conflicts, bool was_wrong) {
  if ((flags_ & kSettles) == 0 || (conflicts.empty() && !was_wrong) || rounds_ >= kRoundsMax) {
    return false;
  }
  ++rounds_;
  // Who erred settles anew, after what the plan without decisions says.
  Settlements decided = Decide(conflicts, source_.told(), std::exchange(may_err_, false), &random_);
  const size_t before = settlements_.size();
  if (was_wrong) {
    settlements_.clear();
  } else {
    settlements_.merge(decided);
    if (settlements_.size() == before) return false;
  }
  Say(absl::StrCat("settles ", absl::StrJoin(settlements_, " ", absl::PairFormatter("="))));
  return true;
}

asio::awaitable<std::optional<RecoveryPlan>> CommandProcess::Plan() {
  RecoveryRequest request = world_->MakeRequest(flags_);
  request.plan.settlements = settlements_;
  SilentProgress silent;
  Collector collector(request.collector, &source_, &world_->clock, &silent,
                      [this] { return world_->random.Fraction(); });
  absl::StatusOr<Evidence> evidence = co_await collector.Collect(request.nodes);
  if (!evidence.ok()) co_return std::nullopt;
  absl::StatusOr<RecoveryPlan> plan = MakePlan(*evidence, request.plan, world_->old_trees());
  if (!plan.ok()) {
    const std::string problem = ProblemOfRefusal(plan.status(), *Model(), settlements_);
    if (!problem.empty()) Violate(problem);
    was_wrong_ = true;
    co_return std::nullopt;
  }
  const std::string difference = Difference(*Model(), ModelOf(*plan));
  if (!difference.empty()) Violate("planner and model differ: " + difference);
  co_return *std::move(plan);
}

asio::awaitable<std::optional<RecoveryPlan>> CommandProcess::PlanAndSettle() {
  for (;;) {
    was_wrong_ = false;
    std::optional<RecoveryPlan> plan = co_await Plan();
    if (plan && plan->outcome == PlanOutcome::kReady) co_return plan;
    if (dead() ||
        !DecideAfter(plan ? ModelOf(*plan).conflicts : std::set<std::string>(), was_wrong_)) {
      co_return std::nullopt;
    }
  }
}

asio::awaitable<void> CommandProcess::Main() {
  RecoveryRequest request = world_->MakeRequest(flags_);
  std::optional<RecoveryPlan> reviewed;
  std::shared_ptr<const ModelPlan> planned;
  if ((flags_ & kBelievesDrops) != 0) {
    co_await Plan();
    settlements_ = BelieveDrops(source_.told(), &random_);
  }
  if (dead()) co_return;
  if (apply_after_) {
    reviewed = co_await PlanAndSettle();
    if (!reviewed) co_return;
    planned = Model();
    rounds_ = kRoundsMax;  // what was reviewed is not decided again
    const absl::Status slept = co_await world_->clock.SleepFor(*apply_after_);
    if (!slept.ok()) co_return;
    request.reviewed = &*reviewed;
  }
  const std::unique_ptr<MetaStore> store =
      world_->zookeeper.Connect(client_, world_->the_case.session_timeout);
  co_await Recover(std::move(request), store.get());
  if (dead()) co_return;
  if (planned && world_->watch.WritesOf(client_.number) > 0 && planned->znodes != Model()->znodes) {
    Violate("writes something else than what was reviewed");
  }
}

asio::awaitable<void> CommandProcess::Recover(RecoveryRequest request, MetaStore* store) {
  for (bool again = true; again;) {
    request.plan.settlements = settlements_;
    Surroundings surroundings;
    SilentProgress silent;
    surroundings.source = &source_;
    surroundings.clock = &world_->clock;
    surroundings.random = [this] { return world_->random.Fraction(); };
    RecoveryJob job(request, std::move(surroundings), store, &silent);
    RecoveryResult result = co_await job.Run();
    if (dead()) co_return;
    result_ = std::move(result);
    Say(absl::StrCat(RecoveryOutcomeName(result_->outcome), ": ", result_->status.message()));
    world_->Count(absl::StrCat(RecoveryOutcomeName(result_->outcome),
                               settlements_.empty() ? "" : ", by settlements"));
    CheckResult();
    const bool is_conflict = result_->outcome == RecoveryOutcome::kConflict;
    again = DecideAfter(is_conflict ? ModelOf(*result_->plan).conflicts : std::set<std::string>(),
                        IsOfSettlements(result_->status));
  }
}

void CommandProcess::CheckResult() {
  if (interrupted() && result_->outcome == RecoveryOutcome::kCancelled) return;
  if (result_->outcome == RecoveryOutcome::kCancelled) return Violate("ends cancelled by itself");
  const std::string problem =
      ProblemOf(*result_, *Model(), settlements_, world_->watch, client_.number);
  if (!problem.empty()) Violate(problem);
}

std::string ProblemOf(const RecoveryResult& result, const ModelPlan& model,
                      const Settlements& settlements, const TreeWatch& watch, int client_number) {
  const int64_t writes = watch.WritesOf(client_number);
  const bool is_recovered = result.outcome == RecoveryOutcome::kRecovered;
  if (result.status.ok() != is_recovered) return "status and outcome differ";
  if (!is_recovered && result.status.message().size() < 10) return "ends without a clear error";
  if (!absl::StartsWith(result.error_name, "ERR_")) return "ends without an error's name";
  if (is_recovered != (result.error_name == idl::kErrOk)) return "error name and outcome differ";
  if (result.plan && result.outcome != RecoveryOutcome::kStillServed) {
    const std::string difference = Difference(model, ModelOf(*result.plan));
    if (!difference.empty()) return "planner and model differ: " + difference;
  }
  switch (result.outcome) {
    case RecoveryOutcome::kRecovered: {
      const auto digest = TopologyDigest(result.plan->topology);
      if (!digest.ok() || result.written->journal.plan_digest != *digest) {
        return "says to have recovered what it has not planned";
      }
      if (!watch.IsFinished(*digest) && !watch.IsTouchedByStrangers()) {
        return "says to have recovered what is not there";
      }
      return "";
    }
    case RecoveryOutcome::kTryAgain:
    case RecoveryOutcome::kConflict:
    case RecoveryOutcome::kStillServed:
    case RecoveryOutcome::kRootRefused:
    case RecoveryOutcome::kRootDiffers:
    case RecoveryOutcome::kPlanOutdated:
    case RecoveryOutcome::kTimedOut:
      return writes == 0 ? "" : "has written, and says that it has not";
    case RecoveryOutcome::kCancelled:
    case RecoveryOutcome::kFailed:
      break;
  }
  if (result.error_name == idl::kErrInvalidParameters) {
    if (writes > 0) return "has written, though its decisions were refused";
    return ProblemOfRefusal(result.status, model, settlements);
  }
  if (watch.HasFinished(client_number)) {
    if (!HasMark(result.status, ErrorMark::kMayBeFinished))
      return "says to have failed, and has unlocked the tree";
    if (absl::StrContains(result.status.message(), " is locked")) {
      return "says that the tree is locked, which it has unlocked";
    }
  }
  // Who comes to the root without writing is noticed, too; who cannot look says so.
  const absl::string_view message = result.status.message();
  const bool blames = HasMark(result.status, ErrorMark::kDisturbed) &&
                      !absl::StrContains(message, "has come to") &&
                      !absl::StrContains(message, "had begun there") &&
                      !absl::StrContains(message, "could not be read");
  if (blames && !watch.HasMetStranger()) {
    return "blames somebody who was not there: " + std::string(result.status.message());
  }
  return "";
}

}  // namespace metarec::simulation
