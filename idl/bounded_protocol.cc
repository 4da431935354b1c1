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
using apache::thrift::protocol::TType;
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

// The fewest bytes that a value takes. The smallest struct is a STOP, but no real element of a
// list is that empty: 4 are what an error_code needs, the smallest placeholder.
uint32_t BytesMin(TType type) {
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
      throw TProtocolException(TProtocolException::INVALID_DATA,
                               absl::StrCat("unknown type ", static_cast<int>(type)));
  }
}

}  // namespace

BoundedReader::BoundedReader(absl::string_view bytes) : TBinaryProtocolT(Observe(bytes)) {
  setStringSizeLimit(static_cast<int32_t>(bytes.empty() ? 1 : bytes.size()));
}

uint32_t BoundedReader::readMapBegin_virt(TType& key_type, TType& value_type, uint32_t& size) {
  const uint32_t read_bytes = TBinaryProtocolT::readMapBegin(key_type, value_type, size);
  if (size > 0) CheckFits(size, BytesMin(key_type) + BytesMin(value_type));
  return read_bytes;
}

uint32_t BoundedReader::readListBegin_virt(TType& element_type, uint32_t& size) {
  const uint32_t read_bytes = TBinaryProtocolT::readListBegin(element_type, size);
  if (size > 0) CheckFits(size, BytesMin(element_type));
  return read_bytes;
}

uint32_t BoundedReader::readSetBegin_virt(TType& element_type, uint32_t& size) {
  const uint32_t read_bytes = TBinaryProtocolT::readSetBegin(element_type, size);
  if (size > 0) CheckFits(size, BytesMin(element_type));
  return read_bytes;
}

void BoundedReader::CheckFits(uint32_t count, uint32_t element_bytes_min) const {
  if (uint64_t{count} * element_bytes_min > remaining_bytes()) {
    throw TProtocolException(TProtocolException::SIZE_LIMIT,
                             absl::StrCat("a container announces ", count, " elements where ",
                                          remaining_bytes(), " bytes are left"));
  }
}

}  // namespace metarec::idl::internal
