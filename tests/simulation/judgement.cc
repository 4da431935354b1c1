// What a case must end in, once nothing goes wrong any more.

#include <algorithm>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "command_process.h"
#include "world.h"

namespace metarec::simulation {

// After everything, on a calm day, one more run ends in the right tree or says why not.
void World::Judge() {
  is_calm_ = true;
  servers.Calm();
  for (const auto& process : processes_) process->Interrupt();
  Pass(
      [this] {
        return std::all_of(processes_.begin(), processes_.end(),
                           [](const auto& process) { return process->ended(); });
      },
      queue.now() + absl::Minutes(5));
  const absl::Time calm_at = queue.now() + absl::Minutes(10);
  bool is_calm = false;
  queue.At(calm_at, [&is_calm] { is_calm = true; });
  Pass([&is_calm] { return is_calm; }, calm_at + absl::Minutes(1));
  if (!outcome_.violations.empty()) return;
  const std::string digest = watch.JournalDigest();
  const std::shared_ptr<const ModelPlan> unfinished = watch.PlanOf(digest);
  const int64_t flags = kSkipBadNodes | kSkipLostPartitions;
  auto judge =
      std::make_unique<CommandProcess>(this, "judge", kCommandIp + 200, flags, std::nullopt);
  CommandProcess* const command = judge.get();
  Add(std::move(judge));
  Pass([command] { return command->ended(); }, command->MustEndBy());
  if (!outcome_.violations.empty() || watch.IsTouchedByStrangers()) return;
  const RecoveryOutcome outcome = command->result()->outcome;
  const std::shared_ptr<const ModelPlan> model = command->model();
  RecoveryOutcome expected = RecoveryOutcome::kRecovered;
  if (model->outcome == PlanOutcome::kConflict) {
    expected = RecoveryOutcome::kConflict;
  } else if (model->outcome == PlanOutcome::kTryAgain) {
    expected = RecoveryOutcome::kTryAgain;
  } else if (unfinished != nullptr && unfinished->znodes != model->znodes) {
    expected = RecoveryOutcome::kRootRefused;
  }
  const auto serves = [](const auto& told) {
    return std::any_of(told.second.replicas.begin(), told.second.replicas.end(),
                       [](const ReplicaRecord& replica) {
                         return replica.status == ReplicaStatus::kPrimary ||
                                replica.status == ReplicaStatus::kSecondary;
                       });
  };
  const auto& told = command->source().told();
  if (expected == RecoveryOutcome::kRecovered || expected == RecoveryOutcome::kRootRefused) {
    // Who lies about that is believed.
    if (std::any_of(told.begin(), told.end(), serves)) expected = RecoveryOutcome::kStillServed;
  }
  if (outcome != expected) {
    Violate(absl::StrCat("on a calm day the outcome should be ", RecoveryOutcomeName(expected),
                         ", is ", RecoveryOutcomeName(outcome), ": ",
                         command->result()->status.message()));
  }
  trace.Add(queue.now(), "tree",
            absl::StrJoin(zookeeper.tree().Dump("/"), "\n", [](std::string* out, const auto& node) {
              absl::StrAppend(out, node.path, " ", node.data);
            }));
}

}  // namespace metarec::simulation
