#include "zk_store/client/outage_progress.h"

#include <utility>

namespace metarec {

OutageProgress::OutageProgress(ProgressListener* next, Progress first)
    : next_(next), latest_(std::move(first)) {}

void OutageProgress::OnProgress(const Progress& progress) {
  latest_ = progress;
  Tell();
}

void OutageProgress::OnOutage(bool is_outage) {
  is_outage_ = is_outage;
  Tell();
}

void OutageProgress::Tell() {
  if (!is_outage_) {
    next_->OnProgress(latest_);
    return;
  }
  Progress progress = latest_;
  progress.note = "no connection to ZooKeeper, retrying";
  next_->OnProgress(progress);
}

}  // namespace metarec
