#pragma once

#include <cstddef>
#include <functional>

#include <asio/awaitable.hpp>

namespace metarec {

// Runs `task(0) .. task(count - 1)` as coroutines on the caller's executor, at most `in_flight_max`
// (>= 1) at a time, started in ascending order; completes when all of them have.
//
// Tasks report their own errors (this function has no opinion on them) and must not throw. When
// the caller is cancelled, no further task is started and running ones are cancelled and awaited.
asio::awaitable<void> ForEachBounded(size_t count, size_t in_flight_max,
                                     std::function<asio::awaitable<void>(size_t)> task);

}  // namespace metarec
