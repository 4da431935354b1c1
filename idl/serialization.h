// Bodies of messages to bytes and back: Thrift's binary protocol inside a wrapper struct with one
// field (INTEROP.md sections 1.1 and 1.3). The one place where Thrift's exceptions are caught.
//
// Decoding allocates in proportion to the bytes that are there, whatever lengths they announce.
// All functions are pure and thread-safe.

#pragma once

#include <cstdint>
#include <string>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "idl/replica_server_types.h"

namespace apache::thrift::protocol {
class TProtocol;
}

namespace metarec::idl {

// The id of the wrapper's field. Readers accept any.
inline constexpr int16_t kNativeFieldId = 0;       // native messages, and all responses
inline constexpr int16_t kThftRequestFieldId = 1;  // requests of generated clients

namespace internal {
using apache::thrift::protocol::TProtocol;
absl::Status DecodeStruct(absl::string_view bytes, absl::FunctionRef<void(TProtocol*)> read);
std::string EncodeStruct(int16_t field_id, absl::FunctionRef<void(TProtocol*)> write);
absl::Status DecodeBare(absl::string_view bytes, absl::FunctionRef<void(TProtocol*)> read);
std::string EncodeBare(absl::FunctionRef<void(TProtocol*)> write);
}  // namespace internal

// Decodes a body that holds one struct (generated, or a placeholder). kInvalidArgument when the
// bytes are not one, end early, or go on behind it; `*out` is then in an unspecified state.
// Fields that are absent keep the value they have in `*out`, whether optional or not.
template <typename T>
absl::Status DecodeBody(absl::string_view bytes, T* out) {
  return internal::DecodeStruct(
      bytes, [out](apache::thrift::protocol::TProtocol* protocol) { out->read(protocol); });
}
// A bare string, the answer to a remote command.
absl::Status DecodeBody(absl::string_view bytes, std::string* out);

template <typename T>
std::string EncodeBody(const T& value, int16_t field_id = kNativeFieldId) {
  return internal::EncodeStruct(
      field_id, [&value](apache::thrift::protocol::TProtocol* protocol) { value.write(protocol); });
}
std::string EncodeBody(const std::string& value, int16_t field_id = kNativeFieldId);

// A struct without the wrapper, such as thrift_request_meta_v1 in a THFT header. Same errors.
template <typename T>
absl::Status DecodeBareStruct(absl::string_view bytes, T* out) {
  return internal::DecodeBare(
      bytes, [out](apache::thrift::protocol::TProtocol* protocol) { out->read(protocol); });
}
template <typename T>
std::string EncodeBareStruct(const T& value) {
  return internal::EncodeBare(
      [&value](apache::thrift::protocol::TProtocol* protocol) { value.write(protocol); });
}

// Reads a query_replica_info_response without building the list: calls `sink` for each replica, in
// order, with an object that is valid during the call only. After an error, what the sink got
// already is to be thrown away. `*err_name` stays ERR_UNKNOWN when the answer has no error field.
absl::Status ReadQueryReplicaInfoResponse(absl::string_view body, std::string* err_name,
                                          absl::FunctionRef<void(const replica_info&)> sink);

}  // namespace metarec::idl
