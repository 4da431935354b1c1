// Commands of the operator's, which do for the program what only he can: stop a server, say.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

// How long a command that is out of time may take to end before it is killed.
inline constexpr absl::Duration kCommandTimeToEnd = absl::Seconds(5);

struct OperatorCommand {
  std::string command;  // for /bin/sh
  // On top of this process's environment.
  std::vector<std::pair<std::string, std::string>> environment;
  absl::Duration time_max = absl::Minutes(5);  // afterwards it is asked to end, and then killed
};

// Runs it to its end, in this process's folder, with no input; what it prints goes to our stderr.
// kUnknown with how it ended unless its exit code is 0. kDeadlineExceeded when it took too long: it
// was killed, with all that it had started in its process group. timeout(1) does that, also when
// this process has died. After kCancelled it goes on by itself, for no longer than that. `clock`
// must outlive this and the moment after it (AwaitBlockingCall).
asio::awaitable<absl::Status> RunOperatorCommand(OperatorCommand command, Clock* clock);

}  // namespace metarec
