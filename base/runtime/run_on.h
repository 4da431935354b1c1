#pragma once

#include <functional>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

namespace metarec {

// Runs `work` as a coroutine on `executor` (a single thread or a strand), and resumes where this is
// awaited once it has returned. A cancellation of the awaiting coroutine is passed on, and the end
// of `work` awaited nevertheless; `work` must not throw.
//
// The threads of `executor` must have ended (an asio::thread_pool: be joined) before the context of
// the awaiting coroutine is destroyed.
asio::awaitable<void> RunOn(asio::any_io_executor executor,
                            std::function<asio::awaitable<void>()> work);

}  // namespace metarec
