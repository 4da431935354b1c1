// What a plan file says of old trees, against the rest of it.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Not thread-safe.
class OldTreeConsistency {
 public:
  // All nodes and old trees have been read, and all tables once it is called.
  explicit OldTreeConsistency(const RecoveryPlan& plan) : plan_(plan) {}

  // These answer what cannot be, or "". Call them in the order of the findings.
  std::string ProblemOf(const Finding& finding, const found::TableInOldTree& facts) const;
  std::string ProblemOf(const Finding& finding, const found::CountInOldTree& facts) const;
  std::string ProblemOf(const Finding& finding, const found::ValueCarried& facts);
  std::string ProblemOf(const Finding& finding, const found::ZnodesCarried& facts);
  std::string ProblemOfWhole() const;

  // What the servers lead to; nullopt: not to this env. Of the table that the last finding was
  // about, once the findings about what is carried have come.
  std::optional<std::string> ServersValue(int32_t app_id, const std::string& field) const;
  std::map<std::string, std::string> ServersEnvs(int32_t app_id) const;

 private:
  bool HasTree(int32_t tree) const {
    return tree >= 0 && static_cast<size_t>(tree) < plan_.old_trees.size();
  }

  const RecoveryPlan& plan_;
  int32_t table_ = 0;                                          // the last one with a carried value
  std::map<std::string, found::ValueCarried> carried_;         // of it, by field
  std::map<int32_t, std::set<std::string>> fields_told_;       // by table
  std::map<std::pair<int32_t, std::string>, int64_t> znodes_;  // that are said to be carried
};

}  // namespace metarec
