#include "idl/serialization.h"

#include <string>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/client_types.h"
#include "idl/enum_names.h"
#include "idl/ipv4_endpoint.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"

namespace metarec::idl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }
std::string FromHex(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// The worked examples of INTEROP.md section 2.
TEST(Serialization, PlaceholdersAreRawValuesInsideTheirFields) {
  EXPECT_EQ(Hex(EncodeBody(gpid{2, 7})),
            "0c0000"
            "0000000700000002"
            "00");
  EXPECT_EQ(Hex(EncodeBody(rpc_address(0x0AEB72F0, 34801))),
            "0c0000"
            "0aeb72f087f10001"
            "00");
  EXPECT_EQ(Hex(EncodeBody(rpc_address(0x7F000001, 34601))),
            "0c0000"
            "7f00000187290001"
            "00");
  EXPECT_EQ(Hex(EncodeBody(host_port("127.0.0.1", 34801))),
            "0c0000"
            "000000093132372e302e302e3187f101"
            "00");
  EXPECT_EQ(Hex(EncodeBody(error_code("ERR_OK"))),
            "0c0000"
            "000000064552525f4f4b"
            "00");
  EXPECT_EQ(Hex(EncodeBody(blob{"ab"})),
            "0c0000"
            "000000026162"
            "00");
  EXPECT_EQ(Hex(EncodeBody(rpc_address())),
            "0c0000"
            "0000000000000000"
            "00");
  EXPECT_EQ(Hex(EncodeBody(host_port())),
            "0c0000"
            "00000000000000"
            "00");
}

TEST(Serialization, RequestsMatchTheWorkedExamples) {
  query_app_info_request query;
  query.meta_server = rpc_address(0x7F000001, 34601);
  EXPECT_EQ(Hex(EncodeBody(query)),
            "0c0000"
            "0c00017f00000187290001"
            "00"
            "00");

  configuration_recovery_request recovery;
  recovery.recovery_nodes = {rpc_address(0x7F000001, 34801)};
  EXPECT_EQ(Hex(EncodeBody(recovery)),
            "0c0000"
            "0f00010c000000017f00000187f10001"
            "02000200"
            "02000300"
            "00"
            "00");

  EXPECT_EQ(Hex(EncodeBody(configuration_list_nodes_request())),
            "0c0000"
            "08000100000000"
            "00"
            "00");

  configuration_recovery_response refused;
  refused.err = error_code("ERR_UNDER_RECOVERY");
  EXPECT_EQ(Hex(EncodeBody(refused)),
            "0c0000"
            "0c0001000000124552525f554e4445525f5245434f56455259"
            "0b000200000000"
            "00"
            "00");
}

TEST(Serialization, NegativeGpidsSurvive) {
  gpid decoded;
  ASSERT_TRUE(DecodeBody(EncodeBody(gpid{-1, -2}), &decoded).ok());
  EXPECT_EQ(decoded, (gpid{-1, -2}));
}

TEST(Serialization, TheWrappersFieldIdDoesNotMatterToTheReader) {
  command request;
  request.cmd = "help";
  const std::string body = EncodeBody(request, kThftRequestFieldId);
  EXPECT_EQ(Hex(body.substr(0, 3)), "0c0001");
  command decoded;
  ASSERT_TRUE(DecodeBody(body, &decoded).ok());
  EXPECT_EQ(decoded, request);
}

TEST(Serialization, ABareStringIsABodyToo) {
  EXPECT_EQ(Hex(EncodeBody(std::string("ok"))),
            "0b0000"
            "00000002"
            "6f6b"
            "00");
  std::string decoded;
  ASSERT_TRUE(DecodeBody(EncodeBody(std::string("ok")), &decoded).ok());
  EXPECT_EQ(decoded, "ok");
}

TEST(Serialization, AbsentHostPortsStayAbsent) {
  partition_configuration config;
  config.primary = rpc_address(0x7F000001, 34801);
  partition_configuration decoded;
  ASSERT_TRUE(DecodeBody(EncodeBody(config), &decoded).ok());
  EXPECT_FALSE(decoded.__isset.hp_primary);
  EXPECT_FALSE(decoded.__isset.hp_last_drops);

  config.__set_hp_primary(host_port("localhost", 34801));
  config.__set_hp_last_drops({});
  ASSERT_TRUE(DecodeBody(EncodeBody(config), &decoded).ok());
  EXPECT_EQ(decoded, config);
}

TEST(Serialization, AddressesOfTypes2And3AreRefused) {
  for (const char* type : {"02", "03"}) {
    rpc_address address;
    const absl::Status status =
        DecodeBody(FromHex(absl::StrCat("0c0000", "7f000001872900", type, "00")), &address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("rpc_address of type"));
    host_port name;
    EXPECT_EQ(
        DecodeBody(FromHex(absl::StrCat("0c0000", "00000001", "61", "8729", type, "00")), &name)
            .code(),
        absl::StatusCode::kInvalidArgument);
  }
}

TEST(Serialization, Ipv6NamesAndOverlongNamesAreRefused) {
  host_port decoded;
  EXPECT_THAT(std::string(DecodeBody(EncodeBody(host_port("fe80::1", 1)), &decoded).message()),
              HasSubstr("IPv6"));
  EXPECT_FALSE(DecodeBody(EncodeBody(host_port(std::string(256, 'a'), 1)), &decoded).ok());
  EXPECT_TRUE(DecodeBody(EncodeBody(host_port(std::string(255, 'a'), 1)), &decoded).ok());
  error_code error;
  EXPECT_FALSE(DecodeBody(EncodeBody(error_code(std::string(256, 'E'))), &error).ok());
}

TEST(Serialization, AnEnumValueOfANewerPeerIsKept) {
  replica_info replica;
  replica.status = static_cast<partition_status>(99);
  replica_info decoded;
  ASSERT_TRUE(DecodeBody(EncodeBody(replica), &decoded).ok());
  EXPECT_EQ(static_cast<int>(decoded.status), 99);
}

TEST(Serialization, AnnouncedSizesThatTheBytesCannotHoldAreRefused) {
  query_replica_info_response response;
  // A list of two thousand million replicas, a negative one, a string of two gigabytes.
  for (const char* hex : {"0c0000"
                          "0f00020c7fffffff",
                          "0c0000"
                          "0f00020cffffffff",
                          "0c0000"
                          "0f00020c00000001"
                          "0b00077fffffff"}) {
    const absl::Status status = DecodeBody(FromHex(hex), &response);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << hex;
    std::string err_name;
    EXPECT_EQ(ReadQueryReplicaInfoResponse(FromHex(hex), &err_name, [](const replica_info&) {}),
              status);
  }
  app_info app;  // a map
  EXPECT_FALSE(DecodeBody(FromHex("0c0000"
                                  "0d00060b0b7fffffff"),
                          &app)
                   .ok());
}

TEST(Serialization, OfAnEnvThatAServerNamedTwiceTheLastValueWasTakenWithoutAWord) {
  const auto with_envs = [](absl::string_view envs) {
    return FromHex(absl::StrCat("0c0000", "0d00060b0b00000002", envs, "00", "00"));
  };
  app_info app;
  const std::string k_is_1 = "000000016b0000000131";
  EXPECT_TRUE(DecodeBody(with_envs(k_is_1 + "000000016c0000000131"), &app).ok());
  EXPECT_EQ(app.envs.size(), 2u);
  for (const char* again : {"000000016b0000000131", "000000016b0000000132"}) {
    const absl::Status status = DecodeBody(with_envs(k_is_1 + again), &app);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("a map has the key 'k' twice"));
  }
  // What ends within the map is told as that.
  EXPECT_THAT(
      std::string(DecodeBody(FromHex("0c00000d00060b0b00000001ffffffff00000000"), &app).message()),
      Not(HasSubstr("twice")));
}

TEST(Serialization, UnknownFieldsAreSkippedWithinTheRecursionLimit) {
  // Field 99 holds structs inside structs.
  const auto nested = [](int depth) {
    std::string hex = "0c0000";
    for (int i = 0; i < depth; ++i) absl::StrAppend(&hex, "0c0063");
    hex.append(2 * (static_cast<size_t>(depth) + 2), '0');
    return FromHex(hex);
  };
  command decoded;
  EXPECT_TRUE(DecodeBody(nested(3), &decoded).ok());
  EXPECT_EQ(DecodeBody(nested(100000), &decoded).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Serialization, BytesBehindTheEndAndASecondValueAreRefused) {
  command decoded;
  EXPECT_THAT(std::string(DecodeBody(EncodeBody(command()) + "x", &decoded).message()),
              HasSubstr("follow its end"));
  EXPECT_FALSE(DecodeBody(FromHex("0c0000"
                                  "00"
                                  "0c0001"
                                  "00"
                                  "00"),
                          &decoded)
                   .ok());
  EXPECT_FALSE(DecodeBody(FromHex("00"), &decoded).ok());
  EXPECT_FALSE(DecodeBody("", &decoded).ok());
}

TEST(Serialization, AnAnswerWithoutAnErrorFieldIsNoSuccess) {
  std::string err_name;
  ASSERT_TRUE(ReadQueryReplicaInfoResponse(FromHex("0c0000"
                                                   "00"
                                                   "00"),
                                           &err_name, [](const auto&) {})
                  .ok());
  EXPECT_EQ(err_name, "ERR_UNKNOWN");
}

TEST(Serialization, TheStreamingReaderDoesNotCarryFieldsOverFromTheReplicaBefore) {
  // Two replicas: the first with app_type and manual_compact_status, the second with neither.
  const std::string body = FromHex(
      "0c0000"
      "0f00020c00000002"
      "0b000700000007706567617375730800090000000200"
      "0a000200000000000000050000"
      "00");
  std::vector<replica_info> replicas;
  std::string err_name;
  const absl::Status status = ReadQueryReplicaInfoResponse(
      body, &err_name, [&](const replica_info& replica) { replicas.push_back(replica); });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(replicas.size(), 2u);
  EXPECT_EQ(replicas[0].app_type, "pegasus");
  EXPECT_EQ(replicas[1].app_type, "");
  EXPECT_EQ(replicas[1].ballot, 5);
  EXPECT_FALSE(replicas[1].__isset.manual_compact_status);
}

// The generated reader keeps the second list only.
TEST(Serialization, TheStreamingReaderRefusesASecondList) {
  std::string err_name;
  const absl::Status status = ReadQueryReplicaInfoResponse(FromHex("0c0000"
                                                                   "0f00020c0000000100"
                                                                   "0f00020c0000000100"
                                                                   "0000"),
                                                           &err_name, [](const auto&) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("two lists of replicas"));
}

TEST(Serialization, TheThftMetaIsABareStructOfOptionalFields) {
  thrift_request_meta_v1 meta;
  meta.__set_app_id(-1);
  EXPECT_EQ(Hex(EncodeBareStruct(meta)),
            "080001ffffffff"
            "00");
  thrift_request_meta_v1 decoded;
  ASSERT_TRUE(DecodeBareStruct(EncodeBareStruct(meta), &decoded).ok());
  EXPECT_EQ(decoded, meta);
  EXPECT_FALSE(DecodeBareStruct("", &decoded).ok());
}

// What stands for values in texts.

TEST(EnumNames, AreTheNamesOfTheProtocol) {
  EXPECT_EQ(ToName(app_status::AS_DROPPED), "AS_DROPPED");
  EXPECT_EQ(ToName(partition_status::PS_POTENTIAL_SECONDARY), "PS_POTENTIAL_SECONDARY");
  EXPECT_EQ(ToName(meta_function_level::fl_invalid), "fl_invalid");
}

TEST(EnumNames, AValueWithoutANameIsShownAsItsNumber) {
  EXPECT_EQ(ToName(static_cast<partition_status>(99)), "99");
  EXPECT_EQ(ToName(static_cast<partition_status>(-1)), "-1");
}

TEST(EnumNames, EveryNameParsesBackToItsValue) {
  ASSERT_EQ(EnumNames(partition_status{}).size(), 7u);
  for (const auto& known : EnumNames(partition_status{})) {
    partition_status parsed = static_cast<partition_status>(99);
    EXPECT_TRUE(FromName(known.name, &parsed));
    EXPECT_EQ(parsed, known.value);
  }
}

TEST(EnumNames, AnUnknownNameLeavesTheValueAlone) {
  app_status status = app_status::AS_CREATING;
  EXPECT_FALSE(FromName("AS_NOTHING", &status));
  EXPECT_EQ(status, app_status::AS_CREATING);
}

TEST(Ipv4Endpoint, ParsesWhatItPrints) {
  const auto endpoint = ParseIpv4Endpoint("10.235.114.240:34801");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->ip, 0x0AEB72F0u);
  EXPECT_EQ(endpoint->port, 34801);
  EXPECT_EQ(endpoint->ToString(), "10.235.114.240:34801");
}

TEST(Ipv4Endpoint, IsOrderedByAddressAsANumberThenPort) {
  EXPECT_LT(*ParseIpv4Endpoint("9.0.0.1:5"), *ParseIpv4Endpoint("10.0.0.1:1"));
  EXPECT_LT(*ParseIpv4Endpoint("10.0.0.1:9"), *ParseIpv4Endpoint("10.0.0.1:10"));
  EXPECT_LT(*ParseIpv4Endpoint("127.0.0.1:1"), *ParseIpv4Endpoint("192.0.0.1:1"));
}

TEST(Ipv4Endpoint, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:+1",
        "10.0.0.1: 1", "10.0.0:1", "10.0.0.0.1:1", "10.0.0.256:1", "10.0.0.01:1", "10.0.0.-1:1",
        "localhost:1", "[::1]:1", "::1:1", "10.0.0.1:1 ", "10.0.0.1:99999999999999999999"}) {
    const auto endpoint = ParseIpv4Endpoint(text);
    EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Ipv4Endpoint, ConvertsToTheWiresAddressAndBack) {
  const Ipv4Endpoint endpoint{0x7F000001, 34601};
  EXPECT_EQ(endpoint.ToRpcAddress().raw(), 0x7F00000187290001u);
  EXPECT_EQ(*EndpointOf(endpoint.ToRpcAddress()), endpoint);
  EXPECT_FALSE(EndpointOf(rpc_address()).ok());
}

}  // namespace
}  // namespace metarec::idl
