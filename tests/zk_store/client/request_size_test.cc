#include "zk_store/client/request_size.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace metarec {
namespace {

constexpr size_t kAssumed = RequestSize::kAssumedBytes;

// Sends requests as long as possible to a server that takes `server_max`, one at a time. Returns
// how many connections that cost.
int Send(RequestSize* size, size_t server_max, int requests) {
  int lost = 0;
  for (int i = 0; i < requests; ++i) {
    const size_t bytes = size->bytes_max();
    if (bytes <= server_max) {
      size->OnAnswer(bytes);
    } else {
      size->OnLoss(bytes);
      ++lost;
    }
  }
  return lost;
}

TEST(RequestSizeTest, GrowsWhileItIsAnswered) {
  RequestSize size(1 << 20);
  EXPECT_EQ(size.bytes_max(), kAssumed);
  size.OnAnswer(kAssumed / 2);  // nothing known of longer ones by that
  EXPECT_EQ(size.bytes_max(), kAssumed);
  size.OnAnswer(kAssumed / 2 + 1);
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  size.OnAnswer(kAssumed);  // sent before
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  EXPECT_EQ(Send(&size, SIZE_MAX, 10), 0);
  EXPECT_EQ(size.bytes_max(), size_t{1} << 20);
}

TEST(RequestSizeTest, NeverExceedsWhatItWasGiven) {
  RequestSize size(1000);
  EXPECT_EQ(size.bytes_max(), 1000u);
  Send(&size, SIZE_MAX, 10);
  EXPECT_EQ(size.bytes_max(), 1000u);
}

TEST(RequestSizeTest, FindsTheServersLimitAtTheCostOfFewConnections) {
  for (const size_t server_max : {1'000, 4'096, 20'000, 65'536, 100'000, 300'000, 600'000}) {
    RequestSize size(1 << 20);
    EXPECT_LE(Send(&size, server_max, 1'000), 12) << server_max;
    EXPECT_LE(size.bytes_max(), server_max);
    EXPECT_GT(size.bytes_max(), server_max / 2);
    EXPECT_EQ(Send(&size, server_max, 10'000), 0) << server_max;
  }
}

TEST(RequestSizeTest, OneLostConnectionIsForgotten) {
  RequestSize size(1 << 20);
  size.OnLoss(kAssumed);
  EXPECT_EQ(size.bytes_max(), kAssumed / 2);
  size.OnLoss(kAssumed);  // of the same moment
  EXPECT_EQ(size.bytes_max(), kAssumed / 2);
  Send(&size, SIZE_MAX, 100);
  EXPECT_EQ(size.bytes_max(), size_t{1} << 20);
}

TEST(RequestSizeTest, WhatWasAnsweredOnceIsNotToBlame) {
  RequestSize size(1 << 20);
  size.OnAnswer(kAssumed);
  for (int i = 0; i < 5; ++i) size.OnLoss(kAssumed);
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  EXPECT_TRUE(size.IsProven(kAssumed));
  EXPECT_FALSE(size.IsProven(kAssumed + 1));
}

}  // namespace
}  // namespace metarec
