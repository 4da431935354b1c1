// How long requests may be, and how many of them may be under way at once: both are found out from
// the server's answers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"

namespace metarec {

// How long requests may be. A ZooKeeper server does not tell its jute.maxbuffer: it drops the
// connection on a longer request, and with it the answers to all that was on its way.
//
// Begins with a length that any usual server takes, and doubles it while such requests are
// answered. A length that loses its connection is tried once more later. If it loses that one too,
// it is not tried again. A length that was answered once is not to blame for a later loss.
class RequestSize {
 public:
  static constexpr size_t kAssumedBytes = 256 << 10;

  // Requests will never be longer than `bytes_max` (at least 1).
  explicit RequestSize(size_t bytes_max);

  // The next request may be that long. (Try a longer one nevertheless if it cannot be divided.)
  size_t bytes_max() const { return bytes_max_; }
  // Whether a request of this length, or a longer one, was answered.
  bool IsProven(size_t bytes) const { return bytes <= proven_; }

  // A request of `bytes` was answered, whatever the answer.
  void OnAnswer(size_t bytes);
  // A request of `bytes` has lost its connection.
  void OnLoss(size_t bytes);

 private:
  size_t limit_;
  size_t bytes_max_;
  size_t proven_ = 0;
  size_t suspect_ = SIZE_MAX;  // the shortest that was lost since it was last proven otherwise
  int answers_until_retry_ = 0;
};

// How many transactions are under way at once: one more while that brings more bytes per second,
// one less when it brings less, half as many after a lost connection, or when answers take so long
// that the server must be overloaded (or holds us back by its globalOutstandingLimit).
//
// Used on one executor (a single thread or a strand). The clock must outlive it.
class SendWindow {
 public:
  static constexpr size_t kAssumed = 4;

  // Never more than `max` (at least 1).
  SendWindow(Clock* clock, size_t max);

  // One that is under way. Every Enter that succeeds is followed by Leave.
  struct Pass {
    absl::Time entered;
    bool alone = false;
  };
  // Waits for room, for an `alone` one until nothing else is under way; nothing else enters until
  // that has left. kCancelled.
  asio::awaitable<absl::StatusOr<Pass>> Enter(bool alone = false);

  enum class Outcome {
    kAnswered,
    kLost,  // the connection
    kNotSent,
  };
  void Leave(const Pass& pass, Outcome outcome, size_t bytes = 0);

  size_t size() const { return size_; }
  size_t in_flight() const { return in_flight_; }

 private:
  bool HasRoom(bool alone) const;
  void OnAnswer(const Pass& pass, size_t bytes);
  void OnRound(double rate);
  // Once for all that was under way at the time: they are lost, or slow, together.
  void Halve(const Pass& pass);
  void Wake();

  Clock* const clock_;
  const size_t max_;
  size_t size_;
  size_t in_flight_ = 0;
  bool is_alone_ = false;     // what is under way
  size_t alone_waiting_ = 0;  // of those that want to be
  std::deque<std::shared_ptr<Event>> waiting_;

  // The present round: as many answers as there are under way.
  absl::Time halved_ = absl::InfinitePast();
  absl::Time round_began_ = absl::InfinitePast();  // not yet
  size_t round_answers_ = 0;
  size_t round_bytes_ = 0;
  double rate_ = 0;  // bytes per second, of the rounds before; 0: none yet
};

}  // namespace metarec
