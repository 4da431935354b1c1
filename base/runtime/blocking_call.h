// System calls that may block for as long as they like, look-ups of names first of all.

#pragma once

#include <functional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/error_code.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/clock.h"

namespace metarec {

// Runs `call` on a thread of its own. OK when it has returned; kDeadlineExceeded, kCancelled, or
// kResourceExhausted if there is no thread to be had.
//
// After an early end `call` goes on by itself, or never begins if it was still waiting for a
// thread: it must own what it uses, must not touch what it would have answered to (share that with
// it through a std::shared_ptr), and must not throw. Nothing waits for it any more, neither the
// executor nor the end of the process. asio's own resolver is not used because it does: it runs all
// look-ups of an io_context on one thread, which the destructor of the io_context joins.
//
// `clock` must outlive this and the moment after it in which its sleep is unwound
// (deadline_timer.h). At most 64 calls in a process run and are waited for at once, and at most
// 1024 in all run; further ones wait for their turn.
asio::awaitable<absl::Status> AwaitBlockingCall(Clock* clock, absl::Time deadline,
                                                std::function<void()> call);

using ResolverResults = asio::ip::tcp::resolver::results_type;
// Owns what it uses.
using ResolverQuestion =
    std::function<ResolverResults(asio::ip::tcp::resolver& resolver, asio::error_code& error)>;

// The answer of the system's resolver (hosts file, DNS), asked in such a call: look-ups do not wait
// for each other. `what` is for messages. kNotFound for an error of the resolver,
// kDeadlineExceeded, kCancelled.
asio::awaitable<absl::StatusOr<ResolverResults>> AskResolver(Clock* clock, absl::Time deadline,
                                                             std::string what,
                                                             ResolverQuestion question);

}  // namespace metarec
