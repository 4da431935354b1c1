#pragma once

#include <cstddef>
#include <cstdint>

namespace metarec {

// How long requests may be, found out from what becomes of them. A ZooKeeper server says nothing
// about its jute.maxbuffer: it drops the connection on a longer request, and with it the answers to
// all that was on its way.
//
// Begins with a length that any usual server takes, and doubles it as long as such requests are
// answered. A length that loses its connection is tried once more later; if it does so again, it is
// not tried any more. What has been answered once is not to blame for a later loss.
class RequestSize {
 public:
  static constexpr size_t kAssumedBytes = 256 << 10;

  // Requests will never be longer than `bytes_max` (at least 1).
  explicit RequestSize(size_t bytes_max);

  // The next request may be that long. (A longer one that cannot be divided is to be tried all the
  // same.)
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

}  // namespace metarec
