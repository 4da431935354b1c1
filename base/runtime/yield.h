#pragma once

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace metarec {

// Lets everything else that is ready on the executor run first: between the pieces of a long
// computation, so that nobody has to wait for all of it. Ask IsCancelled() behind it.
inline asio::awaitable<void> Yield() {
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
}

}  // namespace metarec
