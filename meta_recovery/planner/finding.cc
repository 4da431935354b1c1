#include "meta_recovery/planner/finding.h"

#include <algorithm>
#include <array>

namespace metarec {
namespace {

static_assert(sizeof(Finding) <= 48, "a plan may have a million findings");

enum class SubjectGroup { kNodes, kTables, kPartitions };

SubjectGroup GroupOf(const Finding& finding) {
  if (finding.node != kNoNode || finding.app_id == 0) return SubjectGroup::kNodes;
  return finding.partition_index < 0 ? SubjectGroup::kTables : SubjectGroup::kPartitions;
}

}  // namespace

absl::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kHazard:
      return "hazard";
    case Severity::kError:
      return "error";
    case Severity::kConflict:
      return "conflict";
  }
  return "unknown";
}

absl::string_view RecordRuleName(RecordRule rule) {
  switch (rule) {
    case RecordRule::kVote:
      return "vote";
    case RecordRule::kHighest:
      return "highest";
    case RecordRule::kAvailable:
      return "available";
    case RecordRule::kOutdated:
      return "outdated";
    case RecordRule::kOperation:
      return "operation";
  }
  return "unknown";
}

absl::string_view CarriedZnodesName(CarriedZnodes fate) {
  switch (fate) {
    case CarriedZnodes::kCarried:
      return "carried";
    case CarriedZnodes::kNotAsked:
      return "not_asked";
    case CarriedZnodes::kOutdated:
      return "outdated";
    case CarriedZnodes::kTableNotThere:
      return "table_not_there";
  }
  return "unknown";
}

std::vector<IndexRange> RangesOf(absl::Span<const int32_t> ascending) {
  std::vector<IndexRange> ranges;
  for (const int32_t index : ascending) {
    if (!ranges.empty() && ranges.back().last + 1 == index) {
      ranges.back().last = index;
    } else {
      ranges.push_back({.first = index, .last = index});
    }
  }
  return ranges;
}

bool ComesBefore(const Finding& a, const Finding& b) {
  const SubjectGroup group = GroupOf(a);
  if (group != GroupOf(b)) return group < GroupOf(b);
  if (a.node != b.node) return a.node < b.node;
  if (a.app_id != b.app_id) {
    return group == SubjectGroup::kTables ? a.app_id > b.app_id : a.app_id < b.app_id;
  }
  if (a.partition_index != b.partition_index) return a.partition_index < b.partition_index;
  if (a.kind() != b.kind()) return a.kind() < b.kind();
  return a.severity != b.severity ? a.severity < b.severity : a.facts < b.facts;
}

void FindingsList::Add(Severity severity, FindingSubject subject, FindingFacts facts) {
  findings_.push_back(Finding{.facts = std::move(facts),
                              .severity = severity,
                              .node = subject.node,
                              .app_id = subject.app_id,
                              .partition_index = subject.partition_index});
}

void FindingsList::RemoveIf(absl::FunctionRef<bool(const Finding&)> is_wrong) {
  std::erase_if(findings_, is_wrong);
}

std::vector<Finding> FindingsList::TakeSorted() {
  std::sort(findings_.begin(), findings_.end(), ComesBefore);
  return std::exchange(findings_, {});
}

FindingFacts FindingFacts::Of(FindingKind kind) {
  static constexpr auto kMakers = []<size_t... indexes>(std::index_sequence<indexes...>) {
    return std::array{&FindingFacts::OfIndex<indexes>...};
  }
  (std::make_index_sequence<kKinds>());
  return kMakers[static_cast<size_t>(kind)]();
}

}  // namespace metarec
