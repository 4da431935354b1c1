#include "recovery_service/beacon_watch.h"

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service_world.h"

namespace metarec {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kThere = 0x0A000001;      // 10.0.0.1
constexpr uint32_t kElsewhere = 0x0A0000FF;  // 10.0.0.255

class SettableClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  asio::awaitable<absl::Status> SleepUntil(absl::Time) override { co_return absl::OkStatus(); }

  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
};

class BeaconWatchTest : public ::testing::Test {
 protected:
  static BeaconWatchOptions RoomForTwo() {
    BeaconWatchOptions options;
    options.nodes_max = 2;
    return options;
  }

  bool Send(uint16_t port, const std::string& host, uint32_t peer_ip) {
    idl::beacon_msg beacon;
    beacon.from_node = idl::rpc_address(kThere, port);
    beacon.to_node = idl::rpc_address(kThere, 34601);
    beacon.__set_hp_from_node(idl::host_port(host, port));
    return watch_.Answer(beacon, peer_ip, Leadership()).has_value();
  }

  asio::io_context context_;
  SettableClock clock_;
  WorldSource source_;
  BeaconWatch watch_{context_.get_executor(), &clock_, &source_, RoomForTwo()};
};

TEST_F(BeaconWatchTest, ANameIsBelievedOnlyFromTheAddressThatBearsIt) {
  EXPECT_TRUE(Send(34801, "evil.example", kElsewhere));
  EXPECT_THAT(watch_.NodeNames(), IsEmpty());
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  EXPECT_TRUE(Send(34801, "evil.example", kElsewhere));
  EXPECT_THAT(watch_.NodeNames(),
              UnorderedElementsAre(Pair(Ipv4Endpoint{kThere, 34801}, "rs1.example:34801")));
}

TEST_F(BeaconWatchTest, WhoIsSilentMakesRoom) {
  EXPECT_TRUE(Send(1, "a.example", kThere));
  EXPECT_TRUE(Send(2, "b.example", kThere));
  EXPECT_FALSE(Send(3, "c.example", kThere));
  clock_.now += absl::Seconds(20);
  EXPECT_TRUE(Send(2, "b.example", kThere));
  clock_.now += absl::Seconds(10);
  EXPECT_TRUE(Send(3, "c.example", kThere));
  EXPECT_EQ(watch_.Nodes().size(), 2u);
  EXPECT_TRUE(watch_.IsAlive({kThere, 2}));
  EXPECT_FALSE(watch_.IsAlive({kThere, 1}));
}

TEST_F(BeaconWatchTest, BeaconsForOthersTakeNoRoomFromThoseWhoSendTheirOwn) {
  EXPECT_TRUE(Send(1, "a.example", kElsewhere));
  EXPECT_TRUE(Send(2, "b.example", kElsewhere));
  EXPECT_FALSE(Send(3, "c.example", kElsewhere));
  EXPECT_TRUE(Send(4, "d.example", kThere));
  EXPECT_TRUE(Send(5, "e.example", kThere));
  EXPECT_EQ(watch_.NodeNames().size(), 2u);
  EXPECT_FALSE(Send(6, "f.example", kThere));
}

}  // namespace
}  // namespace metarec
