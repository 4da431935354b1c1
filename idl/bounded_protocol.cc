#include "idl/bounded_protocol.h"

#include <limits>
#include <memory>

#include <absl/strings/str_cat.h>
#include <thrift/TConfiguration.h>
#include <thrift/protocol/TProtocolException.h>

namespace metarec::idl::internal {
namespace {

using apache::thrift::TConfiguration;
using apache::thrift::protocol::TProtocolException;
using apache::thrift::transport::TMemoryBuffer;

constexpr int kRecursionMax = 32;  // our deepest message has 6 levels

std::shared_ptr<TMemoryBuffer> Observe(absl::string_view bytes) {
  // TMemoryBuffer does not write in this mode.
  auto* data = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
  return std::make_shared<TMemoryBuffer>(
      data, static_cast<uint32_t>(bytes.size()), TMemoryBuffer::OBSERVE,
      std::make_shared<TConfiguration>(std::numeric_limits<int>::max(),
                                       std::numeric_limits<int>::max(), kRecursionMax));
}

// The fewest bytes that a value takes; 0 for a type that does not exist. The smallest struct is a
// STOP, but no real element of a list is that empty: 4 are what an error_code needs, the smallest
// placeholder.
uint32_t BytesMin(int type) {
  using namespace apache::thrift::protocol;
  switch (type) {
    case T_BOOL:
    case T_BYTE:
      return 1;
    case T_I16:
      return 2;
    case T_I32:
    case T_STRING:
    case T_STRUCT:
      return 4;
    case T_I64:
    case T_DOUBLE:
      return 8;
    case T_LIST:
    case T_SET:
      return 5;
    case T_MAP:
      return 6;
    default:
      return 0;
  }
}

}  // namespace

BoundedReader::BoundedReader(absl::string_view bytes) : TBinaryProtocolT(Observe(bytes)) {
  setStringSizeLimit(static_cast<int32_t>(bytes.empty() ? 1 : bytes.size()));
}

uint32_t BoundedReader::readFieldBegin_virt(std::string&, TType& type, int16_t& id) {
  type = ReadType();
  id = 0;
  return type == apache::thrift::protocol::T_STOP ? 1 : 1 + readI16(id);
}

uint32_t BoundedReader::readMapBegin_virt(TType& key_type, TType& value_type, uint32_t& size) {
  key_type = ReadType();
  value_type = ReadType();
  size = ReadCount(BytesMin(key_type) + BytesMin(value_type));
  return 6;
}

uint32_t BoundedReader::readListBegin_virt(TType& element_type, uint32_t& size) {
  element_type = ReadType();
  size = ReadCount(BytesMin(element_type));
  return 5;
}

uint32_t BoundedReader::readSetBegin_virt(TType& element_type, uint32_t& size) {
  return readListBegin_virt(element_type, size);
}

// Thrift's own would not come back to the overrides above.
uint32_t BoundedReader::skip_virt(TType type) {
  return apache::thrift::protocol::skip(static_cast<apache::thrift::protocol::TProtocol&>(*this),
                                        type);
}

BoundedReader::TType BoundedReader::ReadType() {
  int8_t type = 0;
  readByte(type);
  if (type != apache::thrift::protocol::T_STOP && BytesMin(type) == 0) {
    throw TProtocolException(TProtocolException::INVALID_DATA, absl::StrCat("unknown type ", type));
  }
  return static_cast<TType>(type);
}

uint32_t BoundedReader::ReadCount(uint32_t element_bytes_min) {
  int32_t count = 0;
  readI32(count);
  if (count < 0) throw TProtocolException(TProtocolException::NEGATIVE_SIZE);
  // Empty containers may come with types of 0.
  if (count > 0 && element_bytes_min == 0) {
    throw TProtocolException(TProtocolException::INVALID_DATA, "a container without a type");
  }
  if (uint64_t{static_cast<uint32_t>(count)} * element_bytes_min > remaining_bytes()) {
    throw TProtocolException(TProtocolException::SIZE_LIMIT,
                             absl::StrCat("a container announces ", count, " elements where ",
                                          remaining_bytes(), " bytes are left"));
  }
  return static_cast<uint32_t>(count);
}

}  // namespace metarec::idl::internal
