#pragma once

#include <memory>
#include <optional>
#include <string>

#include "meta_recovery/job/recovery_job.h"
#include "process.h"

namespace metarec::simulation {

// `metarec recover`, or `plan` and later `apply` of what that found out.
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
  ModelOptions Flags() const override { return FlagsOf(flags_); }

 private:
  // What `plan` makes; nullopt if that cannot be applied.
  asio::awaitable<std::optional<RecoveryPlan>> Plan();
  void CheckResult();

  const int64_t flags_;
  const std::optional<absl::Duration> apply_after_;
  std::optional<RecoveryResult> result_;
};

// What is wrong with the end of a recovery that was told what `model` is of, by this process;
// empty: nothing.
std::string ProblemOf(const RecoveryResult& result, const ModelPlan& model, const TreeWatch& watch,
                      int client_number);

}  // namespace metarec::simulation
