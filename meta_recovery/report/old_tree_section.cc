#include "meta_recovery/report/old_tree_section.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr size_t kProblemsShown = 3;

// What is from one tree.
struct Carried {
  std::map<OldTreeUse, int64_t> tables;
  int64_t other_counts = 0;  // of those that are as it says: tables with another partition count
  int64_t values = 0;
  int64_t znodes = 0;
};

std::vector<Carried> CountCarried(const RecoveryPlan& plan) {
  std::vector<Carried> carried(plan.old_trees.size());
  for (const Finding& finding : plan.findings) {
    if (const auto* count = finding.facts.As<found::CountInOldTree>()) {
      const size_t table = FindTable(plan, finding.app_id);
      const auto tree = static_cast<size_t>(count->tree);
      const bool is_current =
          table != SIZE_MAX && plan.tables[table].old_tree == OldTreeUse::kCurrent;
      if (is_current && tree < carried.size()) ++carried[tree].other_counts;
      continue;
    }
    if (const auto* facts = finding.facts.As<found::TableInOldTree>()) {
      const size_t table = FindTable(plan, finding.app_id);
      const auto tree = static_cast<size_t>(facts->tree);
      if (table == SIZE_MAX || tree >= carried.size()) continue;
      ++carried[tree].tables[plan.tables[table].old_tree];
      carried[tree].values += static_cast<int64_t>(plan.tables[table].carried_fields.size());
    } else if (const auto* znodes = finding.facts.As<found::ZnodesCarried>()) {
      const auto tree = static_cast<size_t>(znodes->tree);
      if (tree >= carried.size() || znodes->fate != CarriedZnodes::kCarried) continue;
      carried[tree].znodes += znodes->znodes;
    }
  }
  return carried;
}

// "8 tables as it says, 2 tables dropped there, and staying so".
std::string UseInWords(Carried carried) {
  static constexpr std::pair<OldTreeUse, const char*> kWords[] = {
      {OldTreeUse::kCurrent, "as it says"},
      {OldTreeUse::kOlder, "older there than what the servers say"},
      {OldTreeUse::kStaysDropped, "dropped there, and staying so"},
      {OldTreeUse::kOnlyThere, "known there only"}};
  if (carried.other_counts > 0) carried.tables[OldTreeUse::kCurrent] -= carried.other_counts;
  std::vector<std::string> parts;
  for (const auto& [use, words] : kWords) {
    if (const int64_t count = carried.tables[use]; count > 0) {
      parts.push_back(absl::StrCat(Counted(count, "table"), " ", words));
    }
  }
  if (carried.other_counts > 0) {
    parts.push_back(absl::StrCat(
        Counted(carried.other_counts, "table"), " with ",
        carried.other_counts == 1 ? "another partition count" : "other partition counts",
        " there"));
  }
  if (carried.values > 0)
    parts.push_back(absl::StrCat(Counted(carried.values, "value"), " carried"));
  if (carried.znodes > 0) {
    parts.push_back(absl::StrCat(Counted(carried.znodes, "other znode"), " carried"));
  }
  return parts.empty() ? "nothing is from it: another old tree is newer"
                       : absl::StrJoin(parts, ", ");
}

std::string CommittedInWords(const OldTreeSource& tree) {
  std::string text;
  if (!tree.confirmed_by.empty()) {
    absl::StrAppend(&text, "read together with ", JoinedItems(tree.confirmed_by), ". ");
  }
  if (tree.committed_zxid == kCommittedUnknown) {
    absl::StrAppend(&text,
                    "Only one directory of its ensemble was given: its last transactions may never "
                    "have been committed. Give those of the other servers, too");
  } else if (tree.committed_zxid < tree.zxid) {
    absl::StrAppend(&text, "what came after zxid 0x", absl::Hex(tree.committed_zxid),
                    " only one server has: it may never have been committed");
  }
  return text;
}

void AddLine(absl::string_view text, std::string* out) {
  if (!text.empty()) absl::StrAppend(out, "    ", Wrapped(Printable(text), 4, 4), "\n");
}

}  // namespace

std::string OldTreeSection(const RecoveryPlan& plan) {
  if (plan.old_trees.empty()) return "";
  const std::vector<Carried> carried = CountCarried(plan);
  std::string out = absl::StrCat("\nOLD TREES (", plan.old_trees.size(), ")\n");
  for (size_t i = 0; i < plan.old_trees.size(); ++i) {
    const OldTreeSource& tree = plan.old_trees[i];
    absl::StrAppend(&out, "  - ", Wrapped(OldTreeText(tree), 4, 4), "\n");
    AddLine(UseInWords(carried[i]), &out);
    if (!tree.is_of_cluster()) {
      AddLine(absl::StrCat("NOT wholly of this cluster: ", Counted(tree.tables_other, "table"),
                           " of the same ids were created at other times. Only the tables that "
                           "agree are used"),
              &out);
    }
    AddLine(CommittedInWords(tree), &out);
    for (size_t p = 0; p < std::min(tree.problems.size(), kProblemsShown); ++p) {
      AddLine(absl::StrCat("not used: ", tree.problems[p]), &out);
    }
    const auto shown = static_cast<int64_t>(std::min(tree.problems.size(), kProblemsShown));
    if (tree.problems_count > shown) {
      AddLine(absl::StrCat("and ", Counted(tree.problems_count - shown, "more znode"),
                           " that could not be used"),
              &out);
    }
  }
  return out;
}

namespace {

// Of which tables what is lost.
struct Lost {
  bool has_tables = false;  // some table is only as the servers say
  bool has_tree = false;    // an old tree of this cluster was given
  bool has_backups = false;
  std::vector<std::string> duplicated;
  std::vector<std::string> bulk_loading;
};

Lost FindLost(const RecoveryPlan& plan) {
  Lost lost;
  lost.has_tree = std::any_of(plan.old_trees.begin(), plan.old_trees.end(),
                              [](const OldTreeSource& tree) { return tree.is_of_cluster(); });
  for (const Finding& finding : plan.findings) {
    const std::string label = finding.app_id > 0 ? TableLabel(plan, finding.app_id) : "";
    if (const auto* state = finding.facts.As<found::TableLostState>()) {
      lost.has_tables = true;
      if (!state->duplicating_nodes.empty()) lost.duplicated.push_back(label);
      const size_t table = FindTable(plan, finding.app_id);
      if (table != SIZE_MAX && plan.topology.tables[table].is_bulk_loading) {
        lost.bulk_loading.push_back(label);
      }
    } else if (const auto* znodes = finding.facts.As<found::ZnodesCarried>()) {
      const bool is_carried = znodes->fate == CarriedZnodes::kCarried;
      if (finding.app_id == 0) lost.has_backups |= znodes->name == kBackupName;
      if (finding.app_id == 0 || is_carried) continue;
      (znodes->name == kDuplicationName ? lost.duplicated : lost.bulk_loading).push_back(label);
    }
  }
  return lost;
}

std::string Known(std::vector<std::string> tables, const ReportOptions& options) {
  if (tables.empty()) return "";
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return absl::StrCat(": known of ",
                      CutList(tables, 2 * static_cast<size_t>(std::max(1, options.examples_max))));
}

}  // namespace

std::string LostSection(const RecoveryPlan& plan, const ReportOptions& options) {
  const Lost lost = FindLost(plan);
  std::string out = "\nLOST WITH THE OLD ZOOKEEPER, to be set again by hand\n";
  const bool is_any_lost = lost.has_tables || !lost.has_tree;
  if (is_any_lost) {
    absl::StrAppend(
        &out, "  - table envs: TTL, throttling, usage scenario, deny rules, compaction",
        lost.has_tree ? "\n    (of the tables that no old tree has, or only an older one)" : "",
        "\n");
  }
  if (is_any_lost || !lost.duplicated.empty()) {
    absl::StrAppend(&out, "  - duplications and their progress", Known(lost.duplicated, options),
                    "\n");
  }
  if (is_any_lost || !lost.bulk_loading.empty()) {
    absl::StrAppend(&out, "  - bulk loads under way", Known(lost.bulk_loading, options), "\n");
  }
  if (!lost.has_backups) {
    absl::StrAppend(&out, "  - backup policies and the history of backups\n");
  }
  if (!lost.has_tree) {
    absl::StrAppend(&out, "  - which tables were dropped, and when: they come back alive\n");
  }
  absl::StrAppend(&out,
                  "  - the meta servers' function level: keep it at steady or below until\n"
                  "    every node that ever held data is back\n");
  return out;
}

}  // namespace metarec
