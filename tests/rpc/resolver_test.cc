#include "rpc/resolver.h"

#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/virtual_clock.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

TEST(Resolver, AnAddressIsItsOwnAnswer) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "10.1.2.3", 34801, clock.Now() + absl::Seconds(5)));
  ASSERT_TRUE(endpoint && endpoint->ok());
  EXPECT_EQ((*endpoint)->ToString(), "10.1.2.3:34801");
}

TEST(Resolver, LocalhostIsLoopbackAndBack) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "localhost", 80, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(endpoint && endpoint->ok()) << endpoint->status();
  EXPECT_EQ((*endpoint)->ToString(), "127.0.0.1:80");
  const auto name =
      RunToEnd(&io, ReverseResolve(&clock, kLoopback, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(name && name->ok()) << name->status();
  EXPECT_EQ(**name, "localhost");
}

TEST(Resolver, AHostThatCannotExistIsNotFound) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "no such host", 80, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->status().code(), absl::StatusCode::kNotFound) << endpoint->status();
}

TEST(Resolver, ADeadlineInThePastEndsTheWait) {
  asio::io_context io;
  testing::ManualClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "localhost", 80, clock.Now() - absl::Seconds(1)));
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->status().code(), absl::StatusCode::kDeadlineExceeded) << endpoint->status();
}

}  // namespace
}  // namespace metarec::rpc
