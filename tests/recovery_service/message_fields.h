// Thrift messages as flat maps from fields to values, so that two can be compared field by field.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace metarec
