#include "meta_recovery/plan_file/finding_consistency.h"

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>

#include <absl/hash/hash.h>
#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/due_findings.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/unique_names.h"

namespace metarec {
namespace {

// Which findings there are follows from the rest of the plan, but not all that they say.
bool IsDueInPart(FindingKind kind) {
  return kind == FindingKind::kTableLostState || kind == FindingKind::kTableProbablyDropped ||
         kind == FindingKind::kSplitUnfinished || kind == FindingKind::kReplicasWithoutTable ||
         kind == FindingKind::kServerMissing || kind == FindingKind::kTableInOldTree;
}

// " about node 3", " about table 4", " about partition 3.0", or "".
std::string About(int64_t node, int32_t app_id, int32_t partition_index) {
  const std::string of_node = node < 0 ? "" : absl::StrCat(" about node ", node);
  if (app_id == 0) return of_node;
  if (partition_index >= 0) return absl::StrCat(" about partition ", app_id, ".", partition_index);
  return absl::StrCat(of_node, of_node.empty() ? " about" : " and", " table ", app_id);
}

std::string About(const Finding& finding) {
  return About(finding.node == kNoNode ? -1 : int64_t{finding.node}, finding.app_id,
               finding.partition_index);
}

std::string Missing(FindingKind kind, absl::string_view about) {
  return absl::StrCat("the finding ", FindingKindName(kind), about,
                      " is missing, while the rest of the plan calls for it");
}

// Whether a decision is about an id far above the others.
bool IsOfGap(const Finding& finding) {
  const auto* settled = finding.facts.As<found::Settled>();
  return settled != nullptr && settled->conflict == FindingKind::kAppIdGap;
}

// Of which one subject may have several.
bool MayRepeat(FindingKind kind) {
  return kind == FindingKind::kNodeNameDiffers || kind == FindingKind::kNodeNameAmbiguous ||
         kind == FindingKind::kUnlistedServer || kind == FindingKind::kValueCarried ||
         kind == FindingKind::kZnodesCarried || kind == FindingKind::kRecordsDiffer ||
         kind == FindingKind::kRecordsConflict || kind == FindingKind::kSettled;
}

// What it is about and its kind, without anything else.
Finding Outline(const Finding& finding) {
  return {.facts = FindingFacts::Of(finding.kind()),
          .severity = Severity::kNote,
          .node = finding.node,
          .app_id = finding.app_id,
          .partition_index = finding.partition_index};
}

// Of facts that are numbers, as those of partitions are.
class Fingerprint {
 public:
  explicit Fingerprint(const Finding& finding) : hash_(static_cast<uint64_t>(finding.severity)) {
    finding.facts.Visit([this](const auto& facts) { facts.ForEach(facts, *this); });
  }

  uint64_t value() const { return hash_ & ((uint64_t{1} << 56) - 1); }

  template <typename Field>
  void operator()(absl::string_view, const Field& field) {
    if constexpr (std::is_arithmetic_v<Field> || std::is_enum_v<Field>) {
      hash_ = absl::Hash<std::pair<uint64_t, int64_t>>()({hash_, static_cast<int64_t>(field)});
    }
  }

 private:
  uint64_t hash_;
};

}  // namespace

void FindingConsistency::AddPartition(const TopologyPartition& partition,
                                      absl::Span<const RankedReplica> replicas) {
  tally_.AddPartition(partition, replicas);
  if (plan_.tables.back().placeholder) return;
  FindingsList due;
  AddFindingsOfPartition(plan_.options, plan_.topology.tables.back(), plan_.tables.back(),
                         partition, replicas, due);
  for (const Finding& finding : due.TakeSorted()) {
    due_of_partitions_.push_back({.app_id = finding.app_id,
                                  .partition_index = finding.partition_index,
                                  .kind = static_cast<uint64_t>(finding.kind()),
                                  .fingerprint = Fingerprint(finding).value()});
  }
}

std::string FindingConsistency::Begin() {
  if (std::exchange(has_begun_, true)) return "";
  std::string problem = ProblemOfNames();
  if (problem.empty()) ListDue();
  return problem;
}

void FindingConsistency::ListDue() {
  FindingsList due;
  AddFindingsOfNodes(plan_, due);
  AddFindingsOfTables(plan_, due);
  for (size_t i = 0; i < plan_.tables.size(); ++i) {
    const TopologyTable& table = plan_.topology.tables[i];
    const TableDecision& decision = plan_.tables[i];
    const FindingSubject subject = FindingSubject::Table(table.app_id);
    const OldTreeUse use = decision.old_tree;
    if (use != OldTreeUse::kNone) due.Add(Severity::kNote, subject, found::TableInOldTree{});
    if (!decision.placeholder && (use == OldTreeUse::kNone || use == OldTreeUse::kOlder)) {
      due.Add(Severity::kNote, subject, found::TableLostState{});
    }
    if (decision.probably_dropped) {
      due.Add(Severity::kNote, subject, found::TableProbablyDropped{});
    }
    if (IsSplitUnfinished(table, decision)) {
      due.Add(Severity::kNote, subject, found::SplitUnfinished{});
    }
    const bool is_known = !decision.placeholder && !StaysDropped(decision);
    if (decision.described_by.empty() && (is_known || decision.replicas > 0)) {
      due.Add(Severity::kNote, subject, found::ReplicasWithoutTable{});
    }
  }
  if (tally_.ServerMissing().partitions > 0) {
    due.Add(Severity::kNote, FindingSubject::Cluster(), found::ServerMissing{});
  }
  due_ = due.TakeSorted();
}

// Renaming is a rule about all names at once.
std::string FindingConsistency::ProblemOfNames() const {
  std::vector<NamedTable> names;
  std::vector<std::string> expected;
  for (size_t i = 0; i < plan_.tables.size(); ++i) {
    if (plan_.topology.tables[i].status == TableStatus::kDropped) continue;
    names.push_back({plan_.topology.tables[i].app_id, plan_.tables[i].old_name});
    expected.push_back(plan_.tables[i].old_name);
  }
  for (Renaming& renaming : MakeNamesUnique(names, plan_.options.rename_separator)) {
    expected[renaming.table] = std::move(renaming.new_name);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = plan_.topology.tables[names[i].app_id - 1].app_name;
    if (name == expected[i]) continue;
    return absl::StrCat("table ", names[i].app_id, " (", Printable(Shortened(name)),
                        "): 'app_name' is not what its 'old_name' and those of the other tables "
                        "make of it, ",
                        Printable(Shortened(expected[i])));
  }
  return "";
}

std::string FindingConsistency::ProblemOf(const Finding& finding) {
  std::string problem = Begin();
  if (!problem.empty()) return problem;
  const FindingKindRow& row = RowOf(finding.kind());
  if (!row.severities(finding, plan_, HasAnswer(plan_)).Contains(finding.severity)) {
    problem = absl::StrCat(" has 'severity' ", SeverityName(finding.severity),
                           ", which it cannot have with the plan's options");
  } else if (last_.has_value() && !ComesBefore(*last_, finding)) {
    problem = *last_ == finding ? " is there twice" : " is not in the order of findings";
  } else if (last_.has_value() && Outline(*last_) == Outline(finding) &&
             !MayRepeat(finding.kind())) {
    problem = " is there twice";
  } else {
    problem = ProblemOfPlace(finding);
  }
  if (problem.empty()) {
    std::string undue = ProblemOfDue(finding);
    if (!undue.empty()) return undue;
    problem = facts_.ProblemOf(finding);
  }
  if (!problem.empty()) return absl::StrCat("a finding ", row.name, problem);
  gravest_ = std::max(gravest_, finding.severity);
  tally_.AddFinding(finding);
  last_ = finding;
  return "";
}

// Checks that the plan has what the finding is about.
std::string FindingConsistency::ProblemOfPlace(const Finding& finding) const {
  const FindingKind kind = finding.kind();
  const int64_t id = finding.app_id;
  const bool has_table = id > 0 && id <= static_cast<int64_t>(plan_.tables.size());
  if (kind == FindingKind::kAppIdOutOfRange) {
    if (id > plan_.options.max_app_id) return "";
    return absl::StrCat(" is about table ", id, ", which is not above the option max_app_id");
  }
  // Servers may have named any table, and ids that are left out may be settled.
  if (id == 0 || kind == FindingKind::kNodeReportInvalid || kind == FindingKind::kAppIdGap) {
    return "";
  }
  if (kind == FindingKind::kSettled && (id > plan_.options.max_app_id || IsOfGap(finding))) {
    return "";
  }
  if (!has_table) return absl::StrCat(" is about table ", id, ", which is not in the plan");
  if (finding.partition_index < 0) return "";
  const bool is_beyond = kind == FindingKind::kReplicaBeyondCount || kind == FindingKind::kSettled;
  const int32_t count = plan_.topology.tables[id - 1].partition_count;
  if (is_beyond == (finding.partition_index >= count)) return "";
  return absl::StrCat(" is about partition ", id, ".", finding.partition_index,
                      ", which its table ", is_beyond ? "has" : "does not have");
}

std::string FindingConsistency::ProblemOfDue(const Finding& finding) {
  const FindingKind kind = finding.kind();
  const bool is_due = IsDue(kind) || IsDueInPart(kind);
  if (is_due && finding.partition_index >= 0) return ProblemOfDueOfPartition(finding);
  const Finding outline = Outline(finding);
  const Finding* due = next_due_ < due_.size() ? &due_[next_due_] : nullptr;
  if (due != nullptr && ComesBefore(Outline(*due), outline)) {
    return Missing(due->kind(), About(*due));
  }
  if (!is_due) return "";
  if (due == nullptr || Outline(*due) != outline) {
    return absl::StrCat("a finding ", FindingKindName(kind), About(finding),
                        " does not follow from the rest of the plan");
  }
  if (IsDue(kind) && *due != finding) {
    return absl::StrCat("a finding ", FindingKindName(kind), About(finding),
                        " does not say what follows from the rest of the plan");
  }
  ++next_due_;
  return "";
}

std::string FindingConsistency::ProblemOfDueOfPartition(const Finding& finding) {
  const auto place = [](const auto& of, uint64_t kind) {
    return std::make_tuple(of.app_id, of.partition_index, kind);
  };
  const auto kind = static_cast<uint64_t>(finding.kind());
  const bool is_last = next_due_of_partition_ == due_of_partitions_.size();
  const Due due = is_last ? Due{.app_id = INT32_MAX} : due_of_partitions_[next_due_of_partition_];
  if (place(due, due.kind) < place(finding, kind)) {
    return Missing(static_cast<FindingKind>(due.kind), About(-1, due.app_id, due.partition_index));
  }
  if (place(due, due.kind) != place(finding, kind)) {
    return absl::StrCat("a finding ", FindingKindName(finding.kind()), About(finding),
                        " does not follow from the rest of the plan");
  }
  if (due.fingerprint != Fingerprint(finding).value()) {
    return absl::StrCat("a finding ", FindingKindName(finding.kind()), About(finding),
                        " does not say what follows from the replicas of the partition");
  }
  ++next_due_of_partition_;
  return "";
}

std::string FindingConsistency::ProblemOfWhole() {
  std::string problem = Begin();
  if (!problem.empty()) return problem;
  if (next_due_ < due_.size()) {
    return Missing(due_[next_due_].kind(), About(due_[next_due_]));
  }
  if (next_due_of_partition_ < due_of_partitions_.size()) {
    const Due& due = due_of_partitions_[next_due_of_partition_];
    return Missing(static_cast<FindingKind>(due.kind), About(-1, due.app_id, due.partition_index));
  }
  problem = facts_.ProblemOfWhole();
  return problem.empty() ? tally_.Problem() : problem;
}

}  // namespace metarec
