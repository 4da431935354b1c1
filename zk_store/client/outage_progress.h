#pragma once

#include "base/runtime/progress.h"

namespace metarec {

// Passes progress on, and says in it, for as long as it lasts, that ZooKeeper does not answer.
// Used on one executor (a single thread or a strand).
class OutageProgress final : public ProgressListener {
 public:
  // `first` is what an outage is told with before there was any progress.
  OutageProgress(ProgressListener* next, Progress first);

  void OnProgress(const Progress& progress) override;
  // What a RetryBudget tells.
  void OnOutage(bool is_outage);

 private:
  void Tell();

  ProgressListener* const next_;
  Progress latest_;
  bool is_outage_ = false;
};

}  // namespace metarec
