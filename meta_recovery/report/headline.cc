#include "meta_recovery/report/headline.h"

#include <algorithm>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/finding_registry.h"

namespace metarec {
namespace {

bool IsWritten(HeadlineMoment moment) { return moment == HeadlineMoment::kWritten; }

// Those that are not accepted. Tables with data come first.
std::string LossesInWords(const PlanNumbers& numbers) {
  const int64_t of_tables_with_data = numbers.losses_not_accepted - numbers.losses_of_dropped;
  const std::string of_dropped =
      absl::StrCat(Counted(numbers.losses_of_dropped, "partition"), " of ",
                   Counted(numbers.dropped_tables_with_losses, "table"), " that ",
                   numbers.dropped_tables_with_losses == 1 ? "was" : "were", " probably dropped");
  if (of_tables_with_data == 0 && numbers.losses_of_dropped > 0) {
    return absl::StrCat(of_dropped, numbers.losses_of_dropped == 1 ? " has" : " have",
                        " no replica");
  }
  return absl::StrCat(
      Counted(of_tables_with_data, "partition"), of_tables_with_data == 1 ? " has" : " have",
      " no replica",
      numbers.losses_of_dropped == 0
          ? ""
          : absl::StrCat(", nor ", numbers.losses_of_dropped == 1 ? "has " : "have ", of_dropped));
}

// As many as the lists below the headline have: what tables that were probably dropped have lost is
// told with the table (IsLossOfDropped).
int64_t ErrorsListed(const PlanNumbers& numbers) {
  return std::max<int64_t>(numbers.errors - numbers.losses_of_dropped, 0);
}
int64_t WarningsListed(const PlanNumbers& numbers) {
  return std::max<int64_t>(numbers.warnings - numbers.accepted_losses_of_dropped, 0);
}

std::string NotReady(PlanOutcome outcome, const PlanNumbers& numbers) {
  if (outcome == PlanOutcome::kConflict) {
    const int64_t errors = ErrorsListed(numbers);
    return absl::StrCat("NOT READY: ", Counted(numbers.conflicts, "conflict"),
                        numbers.conflicts == 1 ? " needs" : " need", " your decision",
                        errors > 0 ? absl::StrCat(", and there ", errors == 1 ? "is " : "are ",
                                                  Counted(errors, "error"))
                                   : "");
  }
  if (numbers.bad_node_error) {
    const int64_t bad = numbers.nodes_asked - numbers.nodes_answered;
    return absl::StrCat("NOT READY: ", bad, " of ", Counted(numbers.nodes_asked, "node"),
                        " did not answer completely");
  }
  if (numbers.unlisted_servers > 0) {
    return absl::StrCat(
        "NOT READY: ", Counted(numbers.unlisted_servers, "server"),
        numbers.unlisted_servers == 1 ? " sends beacons but is" : " send beacons but are",
        " not in the node list");
  }
  return absl::StrCat("NOT READY: ", LossesInWords(numbers));
}

std::string StillServed(const PlanNumbers& numbers) {
  return absl::StrCat(Counted(numbers.replicas_served, "replica"), " on ",
                      Counted(numbers.nodes_serving, "node"),
                      numbers.replicas_served == 1 ? " is" : " are", " still served");
}

std::string Beginning(const PlanNumbers& numbers, HeadlineMoment moment) {
  switch (moment) {
    case HeadlineMoment::kPlanned:
      return numbers.replicas_served > 0
                 ? absl::StrCat("READY to apply once no replica is served: ", StillServed(numbers))
                 : "READY to apply";
    case HeadlineMoment::kWritten:
      return "RECOVERED";
    case HeadlineMoment::kDiffers:
      return "DIFFERS from what was recovered. The plan is ready";
    case HeadlineMoment::kStillServed:
      return absl::StrCat("NOT WRITTEN: ", StillServed(numbers), ". The plan is ready");
    case HeadlineMoment::kNotWritten:
      return "NOT WRITTEN. The plan is ready";
    case HeadlineMoment::kNotFinished:
      return "NOT FINISHED. The plan is ready";
  }
  return "";
}

// What is lost, the gravest first.
std::vector<std::string> Losses(const PlanNumbers& numbers, HeadlineMoment moment) {
  std::vector<std::string> losses;
  // An empty tree lets a meta server drop whatever the nodes hold.
  if (numbers.tables == 0) losses.emplace_back("NO TABLE at all");
  if (numbers.partitions_lost > 0) {
    losses.push_back(absl::StrCat(Counted(numbers.partitions_lost, "partition"), " created EMPTY",
                                  IsWritten(moment) ? "" : " as accepted"));
  }
  const int64_t left_out = numbers.nodes_asked - numbers.nodes_answered;
  if (left_out > 0) losses.push_back(absl::StrCat(Counted(left_out, "node"), " left out"));
  return losses;
}

// What the findings of a kind have in common, without the explanation of how to read them.
absl::string_view TitleOf(FindingKind kind) {
  const absl::string_view title = RowOf(kind).title;
  return title.substr(0, title.find(" ("));
}

// What there is to read, with the gravest of it by name. What is lost, if anything is, is graver.
std::string Reservations(const PlanNumbers& numbers, bool is_lost) {
  const int64_t warnings = WarningsListed(numbers);
  std::vector<std::string> counted;
  if (numbers.hazards > 0) counted.push_back(Counted(numbers.hazards, "hazard"));
  if (warnings > 0) counted.push_back(Counted(warnings, "warning"));
  if (counted.empty()) return "";
  std::string text = absl::StrJoin(counted, ", ");
  if (numbers.gravest.has_value() && *numbers.gravest != FindingKind::kPartitionLost) {
    const bool is_only_one = numbers.hazards + warnings == 1;
    absl::StrAppend(&text,
                    is_only_one ? ": "
                    : is_lost   ? ", among them "
                                : ", above all ",
                    TitleOf(*numbers.gravest));
  }
  return text;
}

// Before anything is written, replicas that are served are waited for.
PlanNumbers WhatStillHolds(PlanNumbers numbers, HeadlineMoment moment) {
  if (!IsWritten(moment) || numbers.replicas_served == 0) return numbers;
  --numbers.hazards;
  numbers.gravest = numbers.gravest_once_written;
  return numbers;
}

}  // namespace

absl::string_view HeadlineToneName(HeadlineTone tone) {
  switch (tone) {
    case HeadlineTone::kGood:
      return "good";
    case HeadlineTone::kWarning:
      return "warning";
    case HeadlineTone::kLoss:
      return "loss";
    case HeadlineTone::kBad:
      return "bad";
  }
  return "bad";
}

Headline HeadlineOf(PlanOutcome outcome, const PlanNumbers& numbers, HeadlineMoment moment,
                    bool list_follows) {
  if (outcome != PlanOutcome::kReady) return {NotReady(outcome, numbers), HeadlineTone::kBad};
  std::vector<std::string> but = Losses(numbers, moment);
  const bool has_lost = numbers.tables == 0 || numbers.partitions_lost > 0;
  const std::string reservations = Reservations(WhatStillHolds(numbers, moment), has_lost);
  if (!reservations.empty()) but.push_back(reservations);
  Headline headline;
  headline.tone = has_lost      ? HeadlineTone::kLoss
                  : but.empty() ? HeadlineTone::kGood
                                : HeadlineTone::kWarning;
  headline.text =
      absl::StrCat(Beginning(numbers, moment), but.empty() ? ": no conflicts, no missing replicas"
                                                           : ", with " + absl::StrJoin(but, ", "));
  if (numbers.tables > 0) {
    absl::StrAppend(&headline.text, ". What only ZooKeeper knew is lost",
                    list_follows ? ", see below" : "");
  }
  if (moment != HeadlineMoment::kPlanned && !IsWritten(moment)) headline.tone = HeadlineTone::kBad;
  return headline;
}

Headline HeadlineOfServed(int64_t tables, int64_t partitions, int64_t partitions_lost) {
  const std::string size =
      absl::StrCat(Counted(tables, "table"), ", ", Counted(partitions, "partition"));
  if (tables == 0) return {"SERVING metadata without any table", HeadlineTone::kLoss};
  if (partitions_lost == 0) return {absl::StrCat("SERVING ", size), HeadlineTone::kGood};
  return {absl::StrCat("SERVING ", size, ", with ", Counted(partitions_lost, "partition"),
                       " of which no replica is known"),
          HeadlineTone::kLoss};
}

}  // namespace metarec
