// Every captured frame parses, and is built again to the same bytes.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <absl/strings/strip.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "rpc/native_frame.h"
#include "rpc/thrift_frame.h"

namespace metarec::rpc {
namespace {

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
  EXPECT_EQ(native, 387);
  EXPECT_EQ(native_with_crc, 6);
  EXPECT_EQ(thft_requests, 24);
  EXPECT_EQ(thft_responses, 24);
}

}  // namespace
}  // namespace metarec::rpc
