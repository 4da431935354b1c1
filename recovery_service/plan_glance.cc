#include "recovery_service/plan_glance.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
namespace {

// They keep what is shown small. What is cut off is the least worth seeing, and is counted.
constexpr size_t kTablesMax = 200;
constexpr size_t kCellsMax = 1000;
constexpr size_t kFindingsMax = 200;
constexpr size_t kLostNamedMax = 5;

// A table by its partitions.
struct TableHealth {
  const TopologyTable* table = nullptr;
  int64_t lost = 0;
  int64_t thin = 0;
};

char HeatOf(const TopologyTable& table, int64_t known) {
  if (known == 0) return '0';
  return known >= table.max_replica_count ? '+' : '-';
}

TableHealth HealthOf(const TopologyTable& table, const KnownReplicas& known) {
  TableHealth health;
  health.table = &table;
  for (size_t p = 0; p < table.partitions_count; ++p) {
    const char heat = HeatOf(table, known(table.partitions_begin + p));
    health.lost += heat == '0' ? 1 : 0;
    health.thin += heat == '-' ? 1 : 0;
  }
  return health;
}

TableRow RowOf(const TableHealth& health, const KnownReplicas& known) {
  const TopologyTable& table = *health.table;
  TableRow row;
  row.app_id = table.app_id;
  row.name = table.app_name;
  row.partitions = table.partitions_count;
  row.lost = health.lost;
  row.thin = health.thin;
  for (size_t p = 0; p < std::min<size_t>(table.partitions_count, kCellsMax); ++p) {
    row.heat += HeatOf(table, known(table.partitions_begin + p));
  }
  return row;
}

// The worst first: losses of tables that live, then of those that were probably dropped.
std::vector<TableHealth> HealthsOf(const std::vector<const TopologyTable*>& tables,
                                   const KnownReplicas& known, const std::set<int32_t>& dropped) {
  std::vector<TableHealth> healths;
  healths.reserve(tables.size());
  for (const TopologyTable* table : tables) healths.push_back(HealthOf(*table, known));
  const auto badness = [&dropped](const TableHealth& health) {
    const bool is_loss = health.lost > 0 && !dropped.contains(health.table->app_id);
    return std::make_tuple(is_loss, health.lost, health.thin);
  };
  std::stable_sort(
      healths.begin(), healths.end(),
      [&badness](const TableHealth& a, const TableHealth& b) { return badness(a) > badness(b); });
  return healths;
}

std::vector<TableRow> FirstRows(const std::vector<TableHealth>& healths,
                                const KnownReplicas& known) {
  std::vector<TableRow> rows;
  for (size_t i = 0; i < std::min(healths.size(), kTablesMax); ++i) {
    rows.push_back(RowOf(healths[i], known));
  }
  return rows;
}

// What is counted of the whole plan is counted once, in `numbers`.
TableRows RowsOfPlan(const RecoveryPlan& plan, const PlanNumbers& numbers) {
  std::vector<const TopologyTable*> tables;
  std::set<int32_t> dropped;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    if (!plan.tables[i].placeholder) tables.push_back(&table);
    if (plan.tables[i].probably_dropped) dropped.insert(table.app_id);
  }
  const KnownReplicas known = [&plan](size_t at) -> int64_t {
    return at < plan.partitions.size() ? plan.partitions[at].replicas_count : 0;
  };
  TableRows rows;
  rows.rows = FirstRows(HealthsOf(tables, known, dropped), known);
  rows.tables = static_cast<size_t>(numbers.tables);
  rows.partitions = numbers.partitions;
  rows.lost = numbers.partitions_lost;
  rows.thin = numbers.partitions_short;
  return rows;
}

// Those of a severity: losses, or all others.
void AddFindings(const RecoveryPlan& plan, Severity severity, bool losses, PlanGlance* glance) {
  for (const Finding& finding : plan.findings) {
    if (glance->findings.size() == kFindingsMax) return;
    const bool is_loss = finding.kind() == FindingKind::kPartitionLost;
    if (finding.severity != severity || is_loss != losses) continue;
    if (IsLossOfDropped(plan, finding)) continue;
    glance->findings.push_back({severity, FindingSentence(plan, finding)});
  }
}

void AddFindings(const RecoveryPlan& plan, PlanGlance* glance) {
  for (const Severity severity : kWorstFirst) {
    AddFindings(plan, severity, /*losses=*/true, glance);
    AddFindings(plan, severity, /*losses=*/false, glance);
  }
  for (const Finding& finding : plan.findings) {
    if (IsLossOfDropped(plan, finding)) continue;
    ++glance->findings_count;
    ++glance->by_severity[finding.severity];
  }
}

void AddDecisions(const RecoveryPlan& plan, PlanGlance* glance) {
  FirstChoices first = FirstChoicesOf(plan, kFirstChoicesMax);
  glance->plan_words = OptionWordsWithChoices(plan, first);
  glance->decisions = std::move(first.settlements);
  if (first.max_app_id.has_value()) {
    glance->decisions.insert(glance->decisions.begin(),
                             absl::StrCat("--max_app_id ", *first.max_app_id));
  }
  glance->decisions_have_capitals = first.have_capitals;
}

}  // namespace

TableRows RowsOf(const std::vector<const TopologyTable*>& tables, const KnownReplicas& known,
                 const std::set<int32_t>& dropped) {
  const std::vector<TableHealth> healths = HealthsOf(tables, known, dropped);
  TableRows rows;
  rows.rows = FirstRows(healths, known);
  rows.tables = healths.size();
  for (const TableHealth& health : healths) {
    rows.partitions += health.table->partitions_count;
    rows.lost += health.lost;
    rows.thin += health.thin;
  }
  return rows;
}

std::string LostPartitionsText(const TableRows& tables) {
  std::vector<std::string> of_tables;
  for (const TableRow& row : tables.rows) {
    if (row.lost == 0) break;
    if (of_tables.size() == kLostNamedMax) {
      of_tables.emplace_back("...");
      break;
    }
    std::vector<std::string> lost;
    for (size_t p = 0; p < row.heat.size() && lost.size() < kLostNamedMax; ++p) {
      if (row.heat[p] == '0') lost.push_back(absl::StrCat(row.app_id, ".", p));
    }
    const int64_t more = row.lost - static_cast<int64_t>(lost.size());
    of_tables.push_back(absl::StrCat(Printable(row.name), " (table ", row.app_id, ") ",
                                     absl::StrJoin(lost, ", "),
                                     more > 0 ? absl::StrCat(" and ", more, " more") : ""));
  }
  return absl::StrJoin(of_tables, "; ");
}

PlanGlance GlanceAt(const RecoveryPlan& plan) {
  PlanGlance glance;
  glance.outcome = plan.outcome;
  glance.numbers = CountPlan(plan);
  AddFindings(plan, &glance);
  glance.tables = RowsOfPlan(plan, glance.numbers);
  if (plan.outcome == PlanOutcome::kConflict) AddDecisions(plan, &glance);
  return glance;
}

std::vector<std::string> HowToDecide(const PlanGlance& glance, const DecisionPlace& place) {
  const std::string choices = absl::StrJoin(glance.decisions, " ");
  const char* const example = glance.decisions_have_capitals
                                  ? "for example (fill in the parts in capitals):"
                                  : "for example:";
  std::vector<std::string> lines;
  if (place.program.empty()) {
    lines.push_back(absl::StrCat(
        "Sending recover again does not help before each conflict is decided. Stop this meta "
        "server, and plan with your choices and write from the command line, ",
        example));
  } else {
    lines.push_back(
        absl::StrCat("Sending recover again does not help before each conflict is decided. Start ",
                     place.program, " again with your choices added to its flags, ", example));
    lines.push_back(absl::StrCat("  ", place.program, " ... ", choices));
    lines.push_back(absl::StrCat("and send recover again. Or stop ", place.program,
                                 ", and plan and write from the command line:"));
  }
  lines.push_back(
      absl::StrCat("  metarec plan -f recover_node_list --plan FILE", glance.plan_words));
  lines.push_back(absl::StrCat(
      "  metarec apply --plan FILE --zk ",
      place.zookeeper_hosts.empty() ? "HOST:PORT,..." : ShellWord(place.zookeeper_hosts),
      " --root ", ShellWord(place.root)));
  return lines;
}

std::vector<std::string> DecisionLines(const RecoveryPlan& plan, const DecisionPlace& place) {
  if (plan.outcome != PlanOutcome::kConflict) return {};
  std::vector<std::string> lines;
  int64_t more = 0;
  for (const FindingGroup& group : GroupFindings(plan, Severity::kConflict)) {
    for (const Finding* finding : group.findings) {
      if (lines.size() < kFirstChoicesMax) {
        lines.push_back(FindingSentence(plan, *finding));
      } else {
        ++more;
      }
    }
  }
  if (more > 0) lines.push_back(absl::StrCat("and ", Counted(more, "further conflict")));
  PlanGlance glance;
  AddDecisions(plan, &glance);
  for (std::string& line : HowToDecide(glance, place)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace metarec
