#include <optional>
#include <string>

#include <glog/logging.h>

#include "rpc/http_message.h"
#include "rpc/native_frame.h"
#include "rpc/protocol_detector.h"
#include "rpc/thrift_frame.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"

namespace metarec::fuzz {
namespace {

using rpc::Checksums;

void CheckNative(absl::string_view bytes) {
  if (bytes.size() < rpc::kNativeHeaderBytes) return;
  const auto header = rpc::ParseNativeHeader(bytes.substr(0, rpc::kNativeHeaderBytes));
  if (!header.ok()) return;
  const absl::string_view body = bytes.substr(rpc::kNativeHeaderBytes);
  (void)rpc::CheckNativeBody(*header, body);

  const std::string plain = rpc::BuildNativeHeader(*header, body, Checksums::kNone);
  const auto again = rpc::ParseNativeHeader(plain);
  CHECK(again.ok()) << again.status();
  CHECK_EQ(again->body_length, body.size());
  CHECK(rpc::BuildNativeHeader(*again, body, Checksums::kNone) == plain);
  CHECK_EQ(again->is_request(), header->is_request());
  CHECK_EQ(again->rpc_name, header->rpc_name);
  CHECK_EQ(again->error_name, header->error_name);

  const std::string with_crc = rpc::BuildNativeHeader(*header, body, Checksums::kComputed);
  const auto checked = rpc::ParseNativeHeader(with_crc);
  CHECK(checked.ok()) << checked.status();
  CHECK(rpc::CheckNativeBody(*checked, body).ok());
  std::string flipped(body);
  if (!flipped.empty() && checked->body_crc32 != 0) {
    flipped[flipped.size() / 2] ^= 1;
    CHECK(rpc::IsWrongCrc(rpc::CheckNativeBody(*checked, flipped)));
  }

  const rpc::NativeHeader answer =
      rpc::ResponseHeaderFor(*header, idl::rpc_address(0x0a000001, 34601), "ERR_OK");
  const auto parsed = rpc::ParseNativeHeader(rpc::BuildNativeHeader(answer, "", Checksums::kNone));
  CHECK(parsed.ok()) << parsed.status();
  CHECK_EQ(parsed->id, header->id);
  CHECK(!parsed->is_request());
}

void CheckThft(absl::string_view bytes) {
  const auto header_bytes = rpc::ThftHeaderBytes(bytes.substr(0, rpc::kThftPrefixBytes));
  if (!header_bytes.ok()) return;
  CHECK_LE(*header_bytes, rpc::kThftPrefixBytes + rpc::kThftMetaBytesMax);
  if (bytes.size() < *header_bytes) return;
  const auto header = rpc::ParseThftHeader(bytes.substr(0, *header_bytes));
  if (!header.ok()) return;
  const auto message = rpc::ParseThftRequestBody(bytes.substr(*header_bytes));
  if (!message.ok()) return;
  const std::string built =
      rpc::BuildThftRequest(*header, message->name, message->sequence_id, message->arguments);
  const auto built_bytes = rpc::ThftHeaderBytes(absl::string_view(built).substr(0, 16));
  CHECK(built_bytes.ok()) << built_bytes.status();
  const auto again = rpc::ParseThftHeader(absl::string_view(built).substr(0, *built_bytes));
  CHECK(again.ok()) << again.status();
  CHECK(again->gpid == header->gpid);
  CHECK_EQ(again->version, header->version);
  CHECK_EQ(again->timeout_ms, header->timeout_ms);
  CHECK_EQ(again->thread_hash, header->thread_hash);
  CHECK_EQ(again->partition_hash, header->partition_hash);
  CHECK_EQ(again->body_length, built.size() - *built_bytes);
  const auto message_again =
      rpc::ParseThftRequestBody(absl::string_view(built).substr(*built_bytes));
  CHECK(message_again.ok()) << message_again.status();
  CHECK_EQ(message_again->name, message->name);
  CHECK_EQ(message_again->sequence_id, message->sequence_id);
  CHECK(message_again->arguments == message->arguments);
}

void CheckThftResponse(absl::string_view bytes) {
  const auto response = rpc::ParseThftResponse(bytes);
  if (!response.ok()) return;
  const std::string& name = response->message.name;
  constexpr size_t kSuffix = 4;  // "_ACK"
  if (name.size() <= kSuffix || name.substr(name.size() - kSuffix) != "_ACK") return;
  const absl::string_view result = response->message.arguments;
  const std::string built =
      rpc::BuildThftResponsePrefix(response->error_name, name.substr(0, name.size() - kSuffix),
                                   response->message.sequence_id, result) +
      std::string(result);
  const auto again = rpc::ParseThftResponse(built);
  CHECK(again.ok()) << again.status();
  CHECK_EQ(again->error_name, response->error_name);
  CHECK_EQ(again->message.name, name);
  CHECK_EQ(again->message.sequence_id, response->message.sequence_id);
  CHECK(again->message.arguments == result);
}

// As ServerConnection does: what was not taken is given again, with more behind it.
std::optional<rpc::HttpRequest> ParseHttp(absl::string_view bytes, uint8_t way) {
  rpc::HttpRequestParser parser(rpc::HttpMethods::kAlsoPost);
  std::string pending;
  bool failed = false;
  ForEachPiece(bytes, way, [&](absl::string_view piece) {
    if (failed || parser.is_done()) return;
    pending.append(piece.data(), piece.size());
    const auto taken = parser.Feed(pending);
    failed = !taken.ok();
    if (failed) return;
    CHECK_LE(*taken, pending.size());
    pending.erase(0, *taken);
  });
  if (failed || !parser.is_done()) return std::nullopt;
  return parser.Request();
}

void CheckHttp(absl::string_view bytes, uint8_t way) {
  const auto whole = ParseHttp(bytes, 0);
  const auto pieces = ParseHttp(bytes, way);
  CHECK_EQ(whole.has_value(), pieces.has_value());
  if (!whole.has_value()) return;
  CHECK_EQ(whole->method, pieces->method);
  CHECK_EQ(whole->path, pieces->path);
  CHECK_EQ(whole->query, pieces->query);
  CHECK_EQ(whole->keep_alive, pieces->keep_alive);
  rpc::HttpResponse response;
  response.body = whole->path;
  rpc::SerializeHttpResponse(response,
                             {.keep_alive = whole->keep_alive, .without_body = whole->is_head});
}

}  // namespace

// One byte that decides how the rest, a message, is cut.
void FuzzFrames(absl::string_view input) {
  ByteSource source(input);
  const uint8_t way = source.Byte();
  const absl::string_view bytes = source.Rest();
  switch (rpc::DetectProtocol(bytes)) {
    case rpc::WireProtocol::kNative:
      return CheckNative(bytes);
    case rpc::WireProtocol::kThft:
      return CheckThft(bytes);
    case rpc::WireProtocol::kHttp:
      return CheckHttp(bytes, way);
    case rpc::WireProtocol::kUnknown:
      return CheckThftResponse(bytes);
  }
}

}  // namespace metarec::fuzz
