#include "process.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
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

// What a record says in the words of a decision; empty: it is no field that is decided by value.
std::string FieldText(const TableRecord& record, absl::string_view field) {
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  if (field == "app_name") return record.app_name;
  if (field == "app_type") return record.app_type;
  if (field == "max_replica_count") return absl::StrCat(record.max_replica_count);
  if (field == "partition_count") return absl::StrCat(record.partition_count);
  if (field == "create_second") return absl::StrCat(record.create_second);
  if (field == "is_stateful") return word(record.is_stateful);
  if (field == "atomic_idempotent") return word(record.atomic_idempotent);
  return "";
}

// Decides one conflict after the other, with nothing but what the conflict names and the nodes say.
class Operator {
 public:
  Operator(const Told& told, Random* random) : told_(told), random_(random) {}

  Settlements Settle(const std::set<std::string>& conflicts) {
    for (const std::string& conflict : conflicts) {
      const std::vector<std::string> keys = absl::StrSplit(conflict, ',');
      const std::vector<std::string> parts = absl::StrSplit(keys.back(), '.');
      int32_t app_id = 0;
      if (!absl::SimpleAtoi(parts[0], &app_id)) continue;
      if (keys.size() == 2) {
        SettleBeyond(app_id, keys[0], keys[1]);
      } else if (parts.size() == 2) {
        decisions_[keys[0]] = AnyValue(app_id, parts[1]);
      } else {
        decisions_[keys[0]] = DescribeTable(app_id);
      }
    }
    return decisions_;
  }

  void Err() {
    static constexpr std::pair<absl::string_view, absl::string_view> kNothing[] = {
        {"1.app_name", "t"},       {"1.nosuch", "1"},
        {"01", "ignore"},          {"999", "ignore"},
        {"2.7", "ignore"},         {"x", "ignore"},
        {"3.app_type", "none"},    {"1.partition_count", "4"},
        {"2.create_second", "0"},  {"1", "ignore"},
        {"2", "ignore"},           {"1.envs.k0", "ignore"},
        {"2.envs.k1", "1"},        {"1.drop_second", "2"},
        {"2.duplicating", "false"}};
    static constexpr absl::string_view kNoValues[] = {
        "", "0", "ignored", "t:1", "::1", "t:0:3", "t:2:0", "t:1:1", "-1", "t:2:5000"};
    if (decisions_.empty() || random_->OneIn(2)) {
      const auto& [key, value] = kNothing[random_->Pick(0, std::size(kNothing) - 1)];
      decisions_.emplace(key, value);
      return;
    }
    auto victim = decisions_.begin();
    std::advance(victim, random_->Pick(0, static_cast<int64_t>(decisions_.size()) - 1));
    if (absl::EndsWith(victim->first, ".partition_count")) {
      victim->second = absl::StrCat(random_->Pick(0, 6));
      return;
    }
    victim->second = std::string(kNoValues[random_->Pick(0, std::size(kNoValues) - 1)]);
  }

  const Settlements& decisions() const { return decisions_; }

 private:
  std::string AnyValue(int32_t app_id, absl::string_view field) {
    std::set<std::string> values;
    for (const auto& [address, node] : told_) {
      for (const TableRecord& record : node.tables) {
        if (record.app_id == app_id) values.insert(FieldText(record, field));
      }
    }
    if (values.empty()) return "";
    auto value = values.begin();
    std::advance(value, random_->Pick(0, static_cast<int64_t>(values.size()) - 1));
    return *value;
  }

  int32_t HighestIndex(int32_t app_id) const {
    int32_t highest = 0;
    for (const auto& [address, node] : told_) {
      for (const ReplicaRecord& replica : node.replicas) {
        if (replica.app_id == app_id) highest = std::max(highest, replica.partition_index);
      }
    }
    return std::min(highest, 999);
  }

  // All replicas beyond the count of one table: to be left out, or the table has more partitions.
  void SettleBeyond(int32_t app_id, const std::string& count_key, const std::string& key) {
    const auto [raised, is_first] = is_raised_.emplace(app_id, false);
    if (is_first) raised->second = random_->OneIn(2);
    if (!raised->second) {
      decisions_[key] = "ignore";
      return;
    }
    const int32_t least = HighestIndex(app_id) + 1;
    int32_t reported = 0;
    const bool is_number = absl::SimpleAtoi(AnyValue(app_id, "partition_count"), &reported);
    const int32_t doubled = is_number && reported < 500 ? 2 * reported : 0;
    const bool twice = doubled >= least && random_->OneIn(2);
    decisions_[count_key] = absl::StrCat(twice ? doubled : least + random_->Pick(0, 2));
  }

  std::string DescribeTable(int32_t app_id) {
    if (app_id > ModelOptions().max_app_id || random_->OneIn(2)) return "ignore";
    for (const auto& [address, node] : told_) {
      for (const TableRecord& record : node.tables) {
        if (record.app_id == app_id) return "keep";
      }
    }
    static constexpr absl::string_view kNames[] = {"t", "settled", "a:b", "u-1"};
    return absl::StrCat(kNames[random_->Pick(0, std::size(kNames) - 1)], ":",
                        HighestIndex(app_id) + random_->Pick(1, 3), ":", random_->Pick(1, 3));
  }

  const Told& told_;
  Random* const random_;
  Settlements decisions_;
  std::map<int32_t, bool> is_raised_;  // by table
};

}  // namespace

Settlements Decide(const std::set<std::string>& conflicts, const Told& told, bool wrongly,
                   Random* random) {
  Operator decides(told, random);
  decides.Settle(conflicts);
  if (wrongly) decides.Err();
  return decides.decisions();
}

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
