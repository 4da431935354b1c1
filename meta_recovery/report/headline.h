// The one line above everything else: how a recovery stands. The report, its JSON, the status page
// and the command line take it from here, so that none of them says more or less than the others.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What became of a plan.
enum class HeadlineMoment : uint8_t {
  kPlanned,      // nothing is written yet
  kWritten,      // by this run or an earlier one; checked
  kDiffers,      // an earlier run wrote it, and it is not there any more as it was written
  kStillServed,  // not written, as replicas were served until the time was over
  kNotWritten,   // not written for another reason
  kNotFinished,  // the writing has begun and not ended, or may have
};

// How good it is, for colours.
enum class HeadlineTone : uint8_t {
  kGood,
  kWarning,  // there is something to read
  kLoss,     // it goes on or is done, and data are lost
  kBad,      // not ready, or not done
};

absl::string_view HeadlineToneName(HeadlineTone tone);  // "good", "warning", "loss", "bad"

struct Headline {
  std::string text;  // one line without full stop, fit for a terminal
  HeadlineTone tone = HeadlineTone::kGood;
};

// Of a plan, by its numbers alone: the gravest first, and never "nothing to worry about".
// `list_follows`: below the headline stands what was lost with the old ZooKeeper.
Headline HeadlineOf(PlanOutcome outcome, const PlanNumbers& numbers, HeadlineMoment moment,
                    bool list_follows = false);

// Of metadata that are served and that no plan of ours is known of.
Headline HeadlineOfServed(int64_t tables, int64_t partitions, int64_t partitions_lost);

}  // namespace metarec
