// Everything that is known of a kind of finding, one row a kind.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/finding_groups.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What a finding of a kind names.
enum class FindingAbout : uint8_t {
  kCluster,
  kClusterOrTable,
  kNode,
  kNodeAndMaybeTable,
  kTable,
  kPartition,
  kTableOrPartition,
};

// A set of severities.
class Severities {
 public:
  constexpr Severities(std::initializer_list<Severity> severities) {
    for (const Severity severity : severities) bits_ |= 1u << static_cast<unsigned>(severity);
  }
  constexpr bool Contains(Severity severity) const {
    return (bits_ >> static_cast<unsigned>(severity) & 1) != 0;
  }

 private:
  uint32_t bits_ = 0;
};

// Has no default, so that a row without one does not compile.
class SeveritiesRule {
 public:
  using Function = Severities(const Finding& finding, const RecoveryPlan& plan, bool has_answer);
  constexpr SeveritiesRule(Function* function) : function_(function) {}  // NOLINT: meant to convert
  Severities operator()(const Finding& finding, const RecoveryPlan& plan, bool has_answer) const {
    return function_(finding, plan, has_answer);
  }

 private:
  Function* function_;
};

struct FindingKindRow {
  FindingKind kind = FindingKind::kBadNode;
  // A stable name such as "bad_node", used in JSON and plan files.
  absl::string_view name = "";
  // What the findings of the kind have in common, in the plural: "partitions without any replica".
  absl::string_view title = "";
  // Its place among the kinds of one severity in the report: the lower, the earlier to read.
  int gravity = 0;
  FindingAbout about = FindingAbout::kCluster;
  // Which severities the planner may give a finding. Of the kinds that can keep a plan from being
  // ready that is one severity with given options. Only the plan's options and nodes are looked at.
  // `has_answer`: whether some node answered.
  SeveritiesRule severities;

  // One sentence without full stop, not yet fit for a terminal.
  std::string (*sentence)(const RecoveryPlan& plan, const Finding& finding) = nullptr;
  // The same for several findings, if that says less than each by itself (finding_groups.h); "" if
  // each is to be said by itself.
  std::string (*together)(const RecoveryPlan& plan, FindingSpan findings,
                          size_t named_max) = nullptr;
  // The line that Pegasus's shell shows, if it has one (INTEROP.md, section 5), or one of ours; ""
  // if this finding has none. `listed_as`: what the list calls the node, of a finding about a node.
  std::string (*hint)(const RecoveryPlan& plan, const Finding& finding,
                      absl::string_view listed_as) = nullptr;

  // The line of a table's part of the report that sums up findings about its partitions; none if
  // its label is empty. `accepted` is the text of warnings where theirs is another.
  struct Line {
    absl::string_view label;
    absl::string_view text;
    absl::string_view accepted;
  } line = {};

  // Whether the report has it among the findings, or in a section of its own only.
  bool among_findings = true;
  // Whether a table's part of the report has it, or its heading tells it already.
  bool in_table = true;
};

// In the order of FindingKind.
absl::Span<const FindingKindRow> FindingKindRows();
const FindingKindRow& RowOf(FindingKind kind);

absl::string_view FindingKindName(FindingKind kind);

}  // namespace metarec
