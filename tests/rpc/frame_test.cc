#include <string>

#include <gtest/gtest.h>

#include "idl/error_names.h"
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

}  // namespace
}  // namespace metarec::rpc
