// The operator's decisions (--settle KEY=VALUE). The grammar is in docs/recovery-rules.md.

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/plan_options.h"

namespace metarec {

// Adds a decision as --settle takes it: "10.app_type=pegasus". kInvalidArgument, with the option's
// name: it has another form, or the key was decided otherwise before.
absl::Status AddDecision(absl::string_view text, std::map<std::string, std::string>* decisions);

class Settlements {
 public:
  // Checks the keys' form; kInvalidArgument names the first that has none.
  static absl::StatusOr<Settlements> Parse(const std::map<std::string, std::string>& decisions);

  // The value decided for a key, or null. Looking does not use it up.
  const std::string* Find(absl::string_view key) const;

  // Notes that the decision settled a conflict of this kind (kSettled). There must be a decision
  // for the key. `values`: what the nodes had reported, if the decision was between such values.
  void Use(absl::string_view key, FindingKind conflict, FindingSubject subject,
           FindingsList& findings, std::vector<WeighedValue> values = {});

  // kInvalidArgument naming the first decision that settled nothing.
  absl::Status CheckAllUsed() const;

 private:
  std::map<std::string, std::string, std::less<>> decisions_;
  std::set<std::string, std::less<>> used_;
};

// "10", "10.app_type", "10.7".
std::string SettlementKey(int32_t app_id);
std::string SettlementKey(int32_t app_id, absl::string_view field);
std::string SettlementKey(int32_t app_id, int32_t partition_index);

// The keys that settle this finding; any one of them is enough. Empty for a finding of a kind that
// nobody settles.
std::vector<std::string> SettlementKeysOf(const Finding& finding);

// The field of a table that nodes report differently, if a finding says so: by a rule, as a
// conflict, or as a decision between their values. "envs.<key>" for an env; "" for any other
// finding.
std::string DifferingFieldOf(const Finding& finding);

// What was decided; "" if nothing was.
absl::string_view DecisionOf(const PlanOptions& options, const std::string& key);

inline constexpr absl::string_view kSettleIgnore = "ignore";
inline constexpr absl::string_view kSettleKeep = "keep";

}  // namespace metarec
