#include "command_process.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "idl/error_names.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/collector.h"
#include "world.h"
#include "zk_store/topology/refusal.h"

namespace metarec::simulation {
namespace {

// Everything before the writing is bounded by the time limit; the writing by a budget of retries.
constexpr absl::Duration kLongest = absl::Minutes(30);

}  // namespace

CommandProcess::CommandProcess(World* world, std::string name, uint32_t ip, int64_t flags,
                               std::optional<absl::Duration> apply_after)
    : Process(world, std::move(name), ip), flags_(flags), apply_after_(apply_after) {}

absl::Time CommandProcess::MustEndBy() const {
  return started_ + kLongest + apply_after_.value_or(absl::ZeroDuration());
}

asio::awaitable<std::optional<RecoveryPlan>> CommandProcess::Plan() {
  const RecoveryRequest request = world_->MakeRequest(flags_);
  SilentProgress silent;
  Collector collector(request.collector, &source_, &world_->clock, &silent,
                      [this] { return world_->random.Fraction(); });
  absl::StatusOr<Evidence> evidence = co_await collector.Collect(request.nodes);
  if (!evidence.ok()) co_return std::nullopt;
  absl::StatusOr<RecoveryPlan> plan = MakePlan(*evidence, request.plan);
  if (!plan.ok()) {
    Violate(absl::StrCat("the planner fails: ", plan.status().message()));
    co_return std::nullopt;
  }
  const std::string difference = Difference(*Model(), ModelOf(*plan));
  if (!difference.empty()) Violate("planner and model differ: " + difference);
  if (plan->outcome != PlanOutcome::kReady) co_return std::nullopt;
  co_return *std::move(plan);
}

asio::awaitable<void> CommandProcess::Main() {
  RecoveryRequest request = world_->MakeRequest(flags_);
  std::optional<RecoveryPlan> reviewed;
  std::shared_ptr<const ModelPlan> planned;
  if (apply_after_) {
    reviewed = co_await Plan();
    if (!reviewed) co_return;
    planned = Model();
    const absl::Status slept = co_await world_->clock.SleepFor(*apply_after_);
    if (!slept.ok()) co_return;
    request.reviewed = &*reviewed;
  }
  const std::unique_ptr<MetaStore> store =
      world_->zookeeper.Connect(client_, world_->the_case.session_timeout);
  RecoveryJob::Surroundings surroundings;
  SilentProgress silent;
  surroundings.source = &source_;
  surroundings.store = store.get();
  surroundings.clock = &world_->clock;
  surroundings.listener = &silent;
  surroundings.random = [this] { return world_->random.Fraction(); };
  RecoveryJob job(std::move(request), std::move(surroundings));
  RecoveryResult result = co_await job.Run();
  if (dead()) co_return;
  result_ = std::move(result);
  Say(absl::StrCat(RecoveryOutcomeName(result_->outcome), ": ", result_->status.message()));
  world_->Count(std::string(RecoveryOutcomeName(result_->outcome)));
  CheckResult();
  if (planned && world_->watch.WritesOf(client_.number) > 0 && planned->znodes != Model()->znodes) {
    Violate("writes something else than what was reviewed");
  }
}

void CommandProcess::CheckResult() {
  if (interrupted() && result_->outcome == RecoveryOutcome::kCancelled) return;
  if (result_->outcome == RecoveryOutcome::kCancelled) return Violate("ends cancelled by itself");
  const std::string problem = ProblemOf(*result_, *Model(), world_->watch, client_.number);
  if (!problem.empty()) Violate(problem);
}

std::string ProblemOf(const RecoveryResult& result, const ModelPlan& model, const TreeWatch& watch,
                      int client_number) {
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
    case RecoveryOutcome::kPlanOutdated:
    case RecoveryOutcome::kTimedOut:
      return writes == 0 ? "" : "has written, and says that it has not";
    case RecoveryOutcome::kCancelled:
    case RecoveryOutcome::kFailed:
      break;
  }
  if (watch.HasFinished(client_number)) {
    if (!MayBeFinished(result.status)) return "says to have failed, and has unlocked the tree";
    if (absl::StrContains(result.status.message(), " is locked")) {
      return "says that the tree is locked, which it has unlocked";
    }
  }
  // Who comes to the root without writing is noticed, too; who cannot look says so.
  const absl::string_view message = result.status.message();
  const bool blames = IsDisturbed(result.status) && !absl::StrContains(message, "has come to") &&
                      !absl::StrContains(message, "had begun there") &&
                      !absl::StrContains(message, "could not be read");
  if (blames && !watch.HasMetStranger()) {
    return "blames somebody who was not there: " + std::string(result.status.message());
  }
  return "";
}

}  // namespace metarec::simulation
