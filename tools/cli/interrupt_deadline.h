#pragma once

#include <functional>
#include <string>
#include <thread>

#include <absl/time/time.h>

namespace metarec::tools {

// Ends the process when a command has been asked to end and does not, because it computes, or waits
// for something that nobody can interrupt: after `patience`, with exit code kFailed and some last
// words on stderr. That is as safe as any other death (docs/architecture.md), and whoever presses
// Ctrl-C has his answer within a second.
class InterruptDeadline {
 public:
  // `asked_to_end` is a descriptor that is readable from then on; it must live as long as this does
  // and is not read from. `last_words` is called on a thread of this class.
  InterruptDeadline(int asked_to_end, absl::Duration patience,
                    std::function<std::string()> last_words);
  // The command has ended.
  ~InterruptDeadline();
  InterruptDeadline(const InterruptDeadline&) = delete;
  InterruptDeadline& operator=(const InterruptDeadline&) = delete;

 private:
  void Watch() const;
  // False: the command has ended before.
  bool AwaitRequest() const;
  bool AwaitEnd() const;  // false: not in time

  const int asked_to_end_;
  const absl::Duration patience_;
  const std::function<std::string()> last_words_;
  int ended_[2] = {-1, -1};  // a pipe, which is closed
  std::thread thread_;
};

}  // namespace metarec::tools
