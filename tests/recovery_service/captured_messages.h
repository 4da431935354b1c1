// The requests and answers of tests/golden, and Thrift messages as flat maps from fields to values,
// so that two can be compared field by field.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <thrift/protocol/TVirtualProtocol.h>
#include <thrift/transport/TBufferTransports.h>

namespace metarec {

// "infos.3.app_name" to "temp", "infos.size" to "12", "infos.3.envs.default_ttl" to "86400".
// Numbers, enums among them, are decimal; what the protocol's placeholder types consist of stands
// side by side: a host_port is "localhost|34801|1". Optional fields that are absent are not there.
using MessageFields = std::map<std::string, std::string>;

// Writes nothing to anywhere, but notes what generated code writes. Names come with the fields.
class FieldRecorder final : public apache::thrift::protocol::TVirtualProtocol<FieldRecorder> {
 public:
  using TType = apache::thrift::protocol::TType;

  // Thrift wants a transport even where nothing goes anywhere.
  FieldRecorder()
      : TVirtualProtocol(std::make_shared<apache::thrift::transport::TMemoryBuffer>()) {}

  MessageFields Take() { return std::move(fields_); }

  uint32_t writeStructBegin(const char* name);
  uint32_t writeStructEnd() { return Pop(); }
  uint32_t writeFieldBegin(const char* name, TType type, int16_t id);
  uint32_t writeFieldEnd();
  uint32_t writeFieldStop() { return 0; }
  uint32_t writeListBegin(TType /*element*/, uint32_t size) { return BeginContainer(size); }
  uint32_t writeListEnd() { return EndList(); }
  uint32_t writeSetBegin(TType /*element*/, uint32_t size) { return BeginContainer(size); }
  uint32_t writeSetEnd() { return EndList(); }
  uint32_t writeMapBegin(TType /*key*/, TType /*value*/, uint32_t size) {
    return BeginContainer(size);
  }
  uint32_t writeMapEnd();
  uint32_t writeBool(bool value) { return Note(value ? "true" : "false"); }
  uint32_t writeByte(int8_t value) { return Note(std::to_string(value)); }
  // Ports, nothing else.
  uint32_t writeI16(int16_t value) { return Note(std::to_string(static_cast<uint16_t>(value))); }
  uint32_t writeI32(int32_t value) { return Note(std::to_string(value)); }
  uint32_t writeI64(int64_t value) { return Note(std::to_string(value)); }
  uint32_t writeString(const std::string& value) { return Note(value); }
  uint32_t writeBinary(const std::string& value) { return Note(value); }

 private:
  // A struct, a field or a container that is being written.
  struct Level {
    std::string path;
    bool is_container = false;
    uint32_t size = 0;               // announced
    uint32_t structs = 0;            // elements that were structs, so far
    std::vector<std::string> plain;  // values that were written without a struct around them
  };

  // Of what begins inside the present level.
  std::string PathInside();
  uint32_t BeginContainer(uint32_t size);
  uint32_t EndList();
  uint32_t Note(std::string value);
  uint32_t Pop();

  std::vector<Level> levels_;
  MessageFields fields_;
};

template <typename Message>
MessageFields FieldsOf(const Message& message) {
  FieldRecorder recorder;
  message.write(&recorder);
  return recorder.Take();
}

struct CapturedRequest {
  std::string name;       // "rpc/RPC_CM_LIST_APPS.1", "variants/k_.../rpc/RPC_CM_LIST_APPS.1"
  std::string task_code;  // as the frame has it
  std::string request;    // the whole frame
  std::string response;   // of a stock server, whatever state it was in; empty: none was captured

  bool is_native() const { return request.compare(0, 4, "RDSN") == 0; }
};

// All of them, by name; also those that were sent to replica servers.
const std::vector<CapturedRequest>& CapturedRequests();
// By its name; the test ends if there is none.
const CapturedRequest& CapturedRequestOf(absl::string_view name);

// The text of a file below tests/golden.
std::string GoldenText(const std::string& path);

// A frame of either kind that answers a request.
struct Answer {
  std::string error_name;  // of the RPC layer
  MessageFields header;    // all that the frame says beside lengths and checksums' values
  std::string body;        // a wrapper struct
};
absl::StatusOr<Answer> ParseAnswer(absl::string_view frame);

// What the header of a right answer says, by INTEROP.md 1.1 and 1.3 (without numbers of codes).
MessageFields HeaderOfAnswerTo(const CapturedRequest& request, absl::string_view error_name);

// The fields of a response's body, decoded as the RPC's own response type. The values of
// cluster_info have their keys as names, tables of list_apps their ids, and the JSON of a remote
// command's answer its members.
absl::StatusOr<MessageFields> BodyFields(absl::string_view task_code, absl::string_view body);

}  // namespace metarec
