#include "zk_store/client/request_size.h"

#include <algorithm>

namespace metarec {
namespace {

// Enough that a second loss costs little, few enough that a limit which was but a broken connection
// is overcome soon.
constexpr int kAnswersUntilRetry = 32;

}  // namespace

RequestSize::RequestSize(size_t bytes_max)
    : limit_(bytes_max), bytes_max_(std::min(bytes_max, kAssumedBytes)) {}

void RequestSize::OnAnswer(size_t bytes) {
  proven_ = std::max(proven_, bytes);
  if (proven_ >= suspect_) suspect_ = SIZE_MAX;
  if (answers_until_retry_ > 0) --answers_until_retry_;
  if (bytes <= bytes_max_ / 2) return;  // tells nothing about twice the present length
  const size_t next = std::min(limit_, 2 * bytes_max_);
  if (next >= suspect_ && answers_until_retry_ > 0) return;
  bytes_max_ = std::max(bytes_max_, next);
}

void RequestSize::OnLoss(size_t bytes) {
  // Longer than the present limit: sent before that was lowered, or one that cannot be divided.
  if (IsProven(bytes) || bytes > bytes_max_) return;
  const size_t shorter = std::max({proven_, bytes / 2, size_t{1}});
  if (bytes >= suspect_) limit_ = shorter;
  suspect_ = std::min(suspect_, bytes);
  bytes_max_ = shorter;
  answers_until_retry_ = kAnswersUntilRetry;
}

}  // namespace metarec
