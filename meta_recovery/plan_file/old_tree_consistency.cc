#include "meta_recovery/plan_file/old_tree_consistency.h"

#include <algorithm>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/old_tree_carrying.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/settlements.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::string_view kEnvs = "envs.";

std::optional<std::string> ValueOf(const RecoveryPlan& plan, int32_t app_id,
                                   const std::string& field) {
  // A name may have been made unique since.
  if (field == "app_name") return plan.tables[app_id - 1].old_name;
  return TextOfField(plan.topology.tables[app_id - 1], field);
}

}  // namespace

std::string OldTreeConsistency::ProblemOf(const Finding& finding,
                                          const found::TableInOldTree& facts) const {
  if (!HasTree(facts.tree)) return "'tree' is none of the old trees";
  if (facts.name.empty()) return "'name' is empty";
  const TableDecision& decision = plan_.tables[finding.app_id - 1];
  const OldTreeUse use = decision.old_tree;
  if ((facts.ballots_above > 0) != (use == OldTreeUse::kOlder) || facts.ballots_above < 0) {
    return "'ballots_above' does not fit the use of the tree";
  }
  const bool is_decided =
      plan_.options.settlements.contains(SettlementKey(finding.app_id, "status"));
  const bool may_be_dropped = use == OldTreeUse::kOlder || use == OldTreeUse::kStaysDropped ||
                              (use == OldTreeUse::kCurrent && is_decided);
  if (facts.was_dropped ? !may_be_dropped : use == OldTreeUse::kStaysDropped) {
    return "'was_dropped' does not fit the use of the tree";
  }
  const bool is_name_decided =
      plan_.options.settlements.contains(SettlementKey(finding.app_id, "app_name")) ||
      plan_.options.settlements.contains(SettlementKey(finding.app_id));
  if (use == OldTreeUse::kStaysDropped && !is_name_decided && facts.name != decision.old_name) {
    return "'name' is not that of the table, which stays as it was";
  }
  if (decision.described_by.empty() && !plan_.old_trees[facts.tree].is_of_cluster()) {
    return "no server describes the table, and the tree is not known to be of this cluster";
  }
  return "";
}

std::string OldTreeConsistency::ProblemOf(const Finding& finding,
                                          const found::CountInOldTree& facts) const {
  const OldTreeUse use = plan_.tables[finding.app_id - 1].old_tree;
  if (use == OldTreeUse::kNone || use == OldTreeUse::kOnlyThere) {
    return "the table is not of both the servers and an old tree";
  }
  const bool is_count =
      facts.partition_count > 0 && facts.partition_count <= plan_.options.max_partition_count;
  if (!is_count) return "'partition_count' is none that a table may have";
  if (facts.partition_count == plan_.topology.tables[finding.app_id - 1].partition_count) {
    return "'partition_count' is what the table gets";
  }
  return "";
}

std::string OldTreeConsistency::ProblemOf(const Finding& finding,
                                          const found::ValueCarried& facts) {
  if (std::exchange(table_, finding.app_id) != finding.app_id) carried_.clear();
  const TableDecision& decision = plan_.tables[finding.app_id - 1];
  const std::optional<TableFieldRule> rule = RuleOfField(facts.field);
  if (!rule.has_value()) return "'field' is none that a table has";
  if (!CarriesField(decision, facts.field)) return "the table does not say that it is carried";
  const bool is_env = rule == TableFieldRule::kVoteByKey;
  if (!is_env && !facts.was_known) return "servers say something of every field";
  if (!facts.was_known && !facts.instead.empty()) return "'instead' is there, and was not known";
  const std::optional<std::string> value = ValueOf(plan_, finding.app_id, facts.field);
  if (!value.has_value() && !facts.was_known) return "the table does not have it";
  if (value.has_value() && facts.was_known && *value == facts.instead) {
    return "the table has what the servers say";
  }
  if (plan_.options.settlements.contains(SettlementKey(finding.app_id, facts.field))) {
    return "the field was decided, by a settlement";
  }
  if (!fields_told_[finding.app_id].insert(facts.field).second) return "it is there twice";
  carried_[facts.field] = facts;
  return "";
}

std::string OldTreeConsistency::ProblemOf(const Finding& finding,
                                          const found::ZnodesCarried& facts) {
  if (!HasTree(facts.tree)) return "'tree' is none of the old trees";
  if (facts.name.empty() || facts.znodes < 1) return "it is about no znode";
  const bool is_of_table = finding.app_id > 0;
  const bool is_duplication = is_of_table && facts.name == kDuplicationName;
  if (is_of_table && !is_duplication && facts.name != kBulkLoadName) {
    return "'name' is nothing that belongs to a table";
  }
  const bool is_there = is_of_table && !plan_.tables[finding.app_id - 1].placeholder;
  CarriedZnodes fate = CarriedZnodes::kCarried;
  if (is_of_table && !is_there) {
    fate = CarriedZnodes::kTableNotThere;
  } else if (is_duplication && !plan_.options.carry_duplications) {
    fate = CarriedZnodes::kNotAsked;
  } else if (is_there && !is_duplication && facts.fate == CarriedZnodes::kOutdated) {
    fate = facts.fate;
  } else if (is_there && !is_duplication &&
             plan_.tables[finding.app_id - 1].old_tree != OldTreeUse::kCurrent) {
    fate = CarriedZnodes::kOutdated;
  }
  if (facts.fate != fate) return "'fate' is not what follows from the options and the table";
  if (fate != CarriedZnodes::kCarried) return "";
  if (!znodes_.emplace(std::make_pair(finding.app_id, facts.name), facts.znodes).second) {
    return "another one is about these znodes, too";
  }
  return "";
}

std::string OldTreeConsistency::ProblemOfWhole() const {
  for (size_t i = 0; i < plan_.tables.size(); ++i) {
    const std::vector<std::string>& fields = plan_.tables[i].carried_fields;
    const int32_t app_id = plan_.topology.tables[i].app_id;
    const auto told = fields_told_.find(app_id);
    const bool are_told =
        told == fields_told_.end()
            ? fields.empty()
            : std::equal(fields.begin(), fields.end(), told->second.begin(), told->second.end());
    if (!are_told) {
      return absl::StrCat("table ", app_id,
                          ": its 'carried_fields' are not those that findings are about");
    }
  }
  if (const absl::Status status = CheckCarriedZnodes(plan_.topology); !status.ok()) {
    return Printable(Shortened(status.message(), 300));
  }
  std::map<std::pair<int32_t, std::string>, int64_t> counted;
  for (const CarriedZnode& znode : plan_.topology.carried) ++counted[PartOf(znode)];
  if (counted == znodes_) return "";
  return "the carried znodes are not those that the findings znodes_carried are about";
}

std::optional<std::string> OldTreeConsistency::ServersValue(int32_t app_id,
                                                            const std::string& field) const {
  const auto carried = carried_.find(field);
  if (table_ != app_id || carried == carried_.end()) return ValueOf(plan_, app_id, field);
  if (!carried->second.was_known) return std::nullopt;
  return carried->second.instead;
}

std::map<std::string, std::string> OldTreeConsistency::ServersEnvs(int32_t app_id) const {
  std::map<std::string, std::string> envs = plan_.topology.tables[app_id - 1].envs;
  if (table_ != app_id) return envs;
  for (const auto& [field, facts] : carried_) {
    if (!absl::StartsWith(field, kEnvs)) continue;
    const std::string key(absl::StripPrefix(field, kEnvs));
    envs.erase(key);
    if (facts.was_known) envs.emplace(key, facts.instead);
  }
  return envs;
}

}  // namespace metarec
