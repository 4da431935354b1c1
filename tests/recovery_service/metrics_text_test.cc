#include "recovery_service/status/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery_service/status/status_line.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTextTest, SaysWhatPeersDidToThePort) {
  RecoveryServiceStatus status;
  EXPECT_THAT(MetricsText(status), Not(HasSubstr("metarec_rpc_")));
  PortCounts& ports = status.ports.emplace();
  ports.tcp.open = 3;
  ports.tcp.accepted = 12;
  ports.tcp.refused = 1;
  ports.tcp.stalled = 2;
  ports.tcp.wrong_crc = 4;
  ports.udp.received = 50;
  ports.udp.malformed = 5;
  const std::string text = MetricsText(status);
  EXPECT_THAT(text, HasSubstr("\n# TYPE metarec_rpc_connections_open gauge\n"
                              "metarec_rpc_connections_open 3\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_accepted_total 12\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_refused_total 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_timed_out_total{reason=\"stalled\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_bad_messages_total{reason=\"wrong_crc\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_datagrams_received_total 50\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_datagrams_ignored_total{reason=\"malformed\"} 5\n"));

  EXPECT_EQ(PortLine(ports),
            "port: 3 connections open, 12 accepted, 1 refused, 0 closed as idle, 2 as too slow, 4 "
            "for bad messages; UDP: 50 received, 5 bad, 0 dropped");
  ports.tcp.open = 1;
  EXPECT_THAT(PortLine(ports), HasSubstr("port: 1 connection open, "));
}

}  // namespace
}  // namespace metarec
