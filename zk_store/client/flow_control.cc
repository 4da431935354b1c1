#include "zk_store/client/flow_control.h"

#include <algorithm>

#include <asio/this_coro.hpp>

namespace metarec {
namespace {

// Enough that a second loss costs little. Few enough that the limit does not stay for long if the
// connection broke for another reason.
constexpr int kAnswersUntilRetry = 32;

constexpr double kFaster = 1.02;
constexpr double kSlower = 0.9;
// A tenth of the usual session timeout: the client's pings wait behind what is under way.
constexpr absl::Duration kSlowAnswer = absl::Seconds(3);

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

SendWindow::SendWindow(Clock* clock, size_t max)
    : clock_(clock), max_(max), size_(std::min(max, kAssumed)) {}

bool SendWindow::HasRoom(bool alone) const {
  if (alone) return in_flight_ == 0;
  return !is_alone_ && alone_waiting_ == 0 && in_flight_ < size_;
}

asio::awaitable<absl::StatusOr<SendWindow::Pass>> SendWindow::Enter(bool alone) {
  while (!HasRoom(alone)) {
    const auto turn = std::make_shared<Event>(co_await asio::this_coro::executor);
    waiting_.push_back(turn);
    if (alone) ++alone_waiting_;
    const absl::Status waited = co_await turn->Wait();
    if (alone) --alone_waiting_;
    if (waited.ok()) continue;
    std::erase(waiting_, turn);
    Wake();
    co_return waited;
  }
  ++in_flight_;
  is_alone_ = alone;
  co_return Pass{clock_->Now(), alone};
}

void SendWindow::Leave(const Pass& pass, Outcome outcome, size_t bytes) {
  --in_flight_;
  if (pass.alone) is_alone_ = false;
  if (outcome == Outcome::kAnswered) OnAnswer(pass, bytes);
  if (outcome == Outcome::kLost) Halve(pass);
  Wake();
}

void SendWindow::Halve(const Pass& pass) {
  if (pass.entered < halved_) return;
  halved_ = clock_->Now();
  size_ = std::max<size_t>(1, size_ / 2);
  round_began_ = absl::InfinitePast();
}

void SendWindow::OnAnswer(const Pass& pass, size_t bytes) {
  const absl::Time now = clock_->Now();
  if (now - pass.entered > kSlowAnswer) return Halve(pass);
  if (round_began_ == absl::InfinitePast()) {
    round_began_ = pass.entered;
    round_answers_ = 0;
    round_bytes_ = 0;
  }
  round_bytes_ += bytes;
  if (++round_answers_ < size_) return;
  OnRound(static_cast<double>(round_bytes_) / absl::ToDoubleSeconds(now - round_began_));
  round_began_ = now;
  round_answers_ = 0;
  round_bytes_ = 0;
}

// If no time passes the rate is infinite, and the window only grows.
void SendWindow::OnRound(double rate) {
  if (size_ < kAssumed || rate >= kFaster * rate_) {
    size_ = std::min(max_, size_ + 1);
  } else if (rate < kSlower * rate_ && size_ > kAssumed) {
    --size_;
  }
  rate_ = rate_ == 0 ? rate : (rate_ + rate) / 2;
}

// Whoever is woken looks for itself whether there is room.
void SendWindow::Wake() {
  std::deque<std::shared_ptr<Event>> woken;
  woken.swap(waiting_);
  for (const auto& turn : woken) turn->Set();
}

}  // namespace metarec
