#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <absl/strings/strip.h>
#include <gtest/gtest.h>

#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "rpc/native_frame.h"
#include "rpc/pegasus_status.h"
#include "rpc/protocol_detector.h"
#include "rpc/thrift_frame.h"

namespace metarec::rpc {
namespace {

TEST(Crc32c, HasTheCheckValueOfCastagnoli) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(ProtocolDetector, KnowsTheFourBeginnings) {
  EXPECT_EQ(DetectProtocol("RDSN\0\0"), WireProtocol::kNative);
  EXPECT_EQ(DetectProtocol("THFT"), WireProtocol::kThft);
  EXPECT_EQ(DetectProtocol("GET /"), WireProtocol::kHttp);
  EXPECT_EQ(DetectProtocol("POST /"), WireProtocol::kHttp);
  EXPECT_EQ(DetectProtocol("HEAD"), WireProtocol::kHttp);
  EXPECT_EQ(DetectProtocol("OPTIONS *"), WireProtocol::kHttp);
  EXPECT_EQ(DetectProtocol("_RAW"), WireProtocol::kUnknown);
  EXPECT_EQ(DetectProtocol("RDS"), WireProtocol::kUnknown);
}

// The worked examples of INTEROP.md section 2.
TEST(NativeFrame, FieldsAreAtTheirOffsets) {
  NativeHeader header;
  header.gpid = {2, 7};
  header.from_address = idl::rpc_address(0x0AEB72F0, 34801);
  const std::string bytes = BuildNativeHeader(header, "", Checksums::kNone);
  ASSERT_EQ(bytes.size(), 192u);
  EXPECT_EQ(bytes.substr(0, 4), "RDSN");
  EXPECT_EQ(bytes.substr(96, 8), std::string("\x02\0\0\0\x07\0\0\0", 8));
  EXPECT_EQ(bytes.substr(112, 8), std::string("\x01\x00\xF1\x87\xF0\x72\xEB\x0A", 8));
}

TEST(NativeFrame, ANameThatIsTooLongIsCut) {
  NativeHeader header;
  header.rpc_name = std::string(60, 'N');
  const auto parsed = ParseNativeHeader(BuildNativeHeader(header, "", Checksums::kNone));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->rpc_name, std::string(47, 'N'));
}

TEST(NativeFrame, AnAddressOfTypeGroupIsRefused) {
  NativeHeader header;
  header.from_address = idl::rpc_address::FromRaw(2);
  EXPECT_FALSE(ParseNativeHeader(BuildNativeHeader(header, "", Checksums::kNone)).ok());
}

TEST(NativeFrame, EveryFlippedBitOfAProtectedHeaderIsNoticed) {
  const std::string good = BuildNativeHeader(NativeHeader(), "body", Checksums::kComputed);
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(ParseNativeHeader(bad).ok()) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(ThftFrame, MetaLengthsBeyondTheBoundAreRefused) {
  std::string bytes = "THFT" + std::string("\0\0\0\x01\xFF\xFF\xFF\xFF\0\0\0\0", 12);
  EXPECT_FALSE(ThftHeaderBytes(bytes).ok());
}

TEST(ThftFrame, NamesThatDoNotFitAreRefused) {
  EXPECT_FALSE(ParseThftRequestBody("").ok());
  EXPECT_FALSE(
      ParseThftRequestBody(std::string("\x80\x01\0\x01\x7F\xFF\xFF\xFF\0\0\0\0", 12)).ok());
  EXPECT_FALSE(
      ParseThftRequestBody(std::string("\x80\x01\0\x01\xFF\xFF\xFF\xFF\0\0\0\0", 12)).ok());
}

TEST(PegasusStatus, CarriesTheErrorsName) {
  const absl::Status status = PegasusError(idl::kErrTryAgain, "two nodes are bad");
  EXPECT_EQ(PegasusErrorName(status), "ERR_TRY_AGAIN");
  EXPECT_EQ(status.message(), "two nodes are bad");
  EXPECT_TRUE(PegasusError(idl::kErrOk, "").ok());
  EXPECT_EQ(PegasusErrorName(absl::OkStatus()), "ERR_OK");
  EXPECT_EQ(PegasusErrorName(absl::InternalError("")), "ERR_UNKNOWN");
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void ExpectNativeRoundTrip(const std::string& message) {
  const auto header = ParseNativeHeader(message.substr(0, kNativeHeaderBytes));
  ASSERT_TRUE(header.ok()) << header.status();
  const std::string body = message.substr(kNativeHeaderBytes);
  ASSERT_EQ(header->body_length, body.size());
  EXPECT_TRUE(CheckNativeBody(*header, body).ok());
  const Checksums checksums = header->header_crc32 != 0 ? Checksums::kComputed : Checksums::kNone;
  EXPECT_EQ(BuildNativeHeader(*header, body, checksums) + body, message);
}

void ExpectThftRequestRoundTrip(const std::string& message) {
  const auto header_bytes = ThftHeaderBytes(message.substr(0, kThftPrefixBytes));
  ASSERT_TRUE(header_bytes.ok()) << header_bytes.status();
  const auto header = ParseThftHeader(message.substr(0, *header_bytes));
  ASSERT_TRUE(header.ok()) << header.status();
  const std::string body = message.substr(*header_bytes);
  ASSERT_EQ(header->body_length, body.size());
  const auto call = ParseThftRequestBody(body);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(BuildThftRequest(*header, call->name, call->sequence_id, call->arguments), message);
}

void ExpectThftResponseRoundTrip(const std::string& message) {
  const auto response = ParseThftResponse(message);
  ASSERT_TRUE(response.ok()) << response.status();
  const ThftMessage& reply = response->message;
  EXPECT_EQ(
      BuildThftResponsePrefix(response->error_name, absl::StripSuffix(reply.name, idl::kAckSuffix),
                              reply.sequence_id, reply.arguments) +
          std::string(reply.arguments),
      message);
}

TEST(GoldenFrames, EveryCapturedFrameIsBuiltAgainToTheSameBytes) {
  int native = 0;
  int native_with_crc = 0;
  int thft_requests = 0;
  int thft_responses = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(METAREC_GOLDEN_DIR)) {
    if (entry.path().extension() != ".bin") continue;
    SCOPED_TRACE(entry.path());
    const std::string message = ReadFile(entry.path());
    if (message.substr(0, 4) == "RDSN") {
      ExpectNativeRoundTrip(message);
      ++native;
      native_with_crc += message.substr(12, 4) != std::string(4, '\0');
    } else if (message.substr(0, 4) == "THFT") {
      ExpectThftRequestRoundTrip(message);
      ++thft_requests;
    } else {
      ExpectThftResponseRoundTrip(message);
      ++thft_responses;
    }
  }
  EXPECT_EQ(native, 539);
  EXPECT_EQ(native_with_crc, 6);
  EXPECT_EQ(thft_requests, 24);
  EXPECT_EQ(thft_responses, 24);
}

}  // namespace
}  // namespace metarec::rpc
