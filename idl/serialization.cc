#include "idl/serialization.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <thrift/TConfiguration.h>
#include <thrift/Thrift.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TProtocolException.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TVirtualTransport.h>

namespace metarec::idl {
namespace internal {
namespace {

// Reads Thrift's binary protocol over bytes in memory; refuses strings and containers that announce
// more than the remaining bytes can hold, types that do not exist (for Thrift's own reader these
// are undefined behaviour), and a map of texts with the same key twice, of which generated code
// keeps the last without a word. Call it through TProtocol, as generated code does: the overrides
// are virtual functions of that class.
class BoundedReader
    : public apache::thrift::protocol::TBinaryProtocolT<apache::thrift::transport::TMemoryBuffer> {
 public:
  using TType = apache::thrift::protocol::TType;

  // `bytes` must outlive the reader and be shorter than 2 GiB.
  explicit BoundedReader(absl::string_view bytes);

  size_t remaining_bytes() const { return trans_->available_read(); }

  uint32_t readFieldBegin_virt(std::string& name, TType& type, int16_t& id) override;
  uint32_t readMapBegin_virt(TType& key_type, TType& value_type, uint32_t& size) override;
  uint32_t readListBegin_virt(TType& element_type, uint32_t& size) override;
  uint32_t readSetBegin_virt(TType& element_type, uint32_t& size) override;
  uint32_t skip_virt(TType type) override;

 private:
  TType ReadType();
  uint32_t ReadCount(uint32_t element_bytes_min);
  // Looks ahead at a map of texts. Where its bytes end early, reading it will say so.
  void CheckKeysDiffer(uint32_t count) const;
};

// Appends what is written to a string.
class StringWriter final : public apache::thrift::transport::TVirtualTransport<StringWriter> {
 public:
  bool isOpen() const override { return true; }
  void write(const uint8_t* bytes, uint32_t size) {
    written_.append(reinterpret_cast<const char*>(bytes), size);
  }
  std::string Take() { return std::move(written_); }

 private:
  std::string written_;
};

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
  using apache::thrift::protocol::T_STRING;
  if (key_type == T_STRING && value_type == T_STRING) CheckKeysDiffer(size);
  return 6;
}

void BoundedReader::CheckKeysDiffer(uint32_t count) const {
  uint32_t size = 0;
  const auto* const begin = reinterpret_cast<const char*>(trans_->borrow(nullptr, &size));
  absl::string_view rest(begin, size);
  const auto next = [&rest]() -> std::optional<absl::string_view> {
    constexpr size_t kLengthBytes = 4;
    if (rest.size() < kLengthBytes) return std::nullopt;
    uint32_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<uint8_t>(rest[i]);
    rest.remove_prefix(kLengthBytes);
    if (rest.size() < length) return std::nullopt;
    const absl::string_view text = rest.substr(0, length);
    rest.remove_prefix(length);
    return text;
  };
  absl::flat_hash_set<absl::string_view> keys;
  for (uint32_t i = 0; i < count; ++i) {
    const std::optional<absl::string_view> key = next();
    if (!key.has_value() || !next().has_value()) return;
    if (keys.insert(*key).second) continue;
    throw TProtocolException(
        TProtocolException::INVALID_DATA,
        absl::StrCat("a map has the key '", absl::CHexEscape(key->substr(0, 60)), "' twice"));
  }
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

}  // namespace
namespace {

using apache::thrift::TException;
using apache::thrift::protocol::T_STOP;
using apache::thrift::protocol::T_STRUCT;
using apache::thrift::protocol::TBinaryProtocolT;
using apache::thrift::protocol::TProtocolException;
using apache::thrift::protocol::TType;

absl::Status Decode(absl::string_view bytes, absl::FunctionRef<void(TProtocol*)> read) {
  if (bytes.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError("the message body is longer than 2 GiB");
  }
  BoundedReader reader(bytes);
  const auto failure = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message body (", bytes.size(), " bytes) is malformed near byte ",
                     bytes.size() - reader.remaining_bytes(), ": ", why));
  };
  try {
    read(&reader);
  } catch (const TException& error) {
    return failure(error.what());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory to decode a message body of ", bytes.size(), " bytes"));
  }
  if (reader.remaining_bytes() != 0) {
    return failure(absl::StrCat(reader.remaining_bytes(), " bytes follow its end"));
  }
  return absl::OkStatus();
}

// The wrapper: one field of `type` whatever its id, then STOP.
absl::Status DecodeWrapped(absl::string_view bytes, TType expected,
                           absl::FunctionRef<void(TProtocol*)> read) {
  return Decode(bytes, [&](TProtocol* reader) {
    std::string name;
    TType type = T_STOP;
    int16_t id = 0;
    reader->readFieldBegin(name, type, id);
    if (type != expected) {
      throw TProtocolException(TProtocolException::INVALID_DATA,
                               absl::StrCat("it holds a value of type ", static_cast<int>(type),
                                            " instead of ", static_cast<int>(expected)));
    }
    read(reader);
    reader->readFieldBegin(name, type, id);
    if (type != T_STOP) {
      throw TProtocolException(TProtocolException::INVALID_DATA, "it holds a second value");
    }
  });
}

std::string Encode(absl::FunctionRef<void(TBinaryProtocolT<StringWriter>*)> write) {
  auto writer = std::make_shared<StringWriter>();
  TBinaryProtocolT<StringWriter> protocol(writer);
  write(&protocol);
  return writer->Take();
}

std::string EncodeWrapped(int16_t field_id, TType type,
                          absl::FunctionRef<void(TBinaryProtocolT<StringWriter>*)> write) {
  return Encode([&](TBinaryProtocolT<StringWriter>* protocol) {
    protocol->writeFieldBegin("", type, field_id);
    write(protocol);
    protocol->writeFieldStop();
  });
}

}  // namespace

absl::Status DecodeStruct(absl::string_view bytes, absl::FunctionRef<void(TProtocol*)> read) {
  return DecodeWrapped(bytes, T_STRUCT, read);
}

absl::Status DecodeBare(absl::string_view bytes, absl::FunctionRef<void(TProtocol*)> read) {
  return Decode(bytes, read);
}

std::string EncodeStruct(int16_t field_id, absl::FunctionRef<void(TProtocol*)> write) {
  return EncodeWrapped(field_id, T_STRUCT, [&](TProtocol* protocol) { write(protocol); });
}

std::string EncodeBare(absl::FunctionRef<void(TProtocol*)> write) {
  return Encode([&](TProtocol* protocol) { write(protocol); });
}

}  // namespace internal

absl::Status DecodeBody(absl::string_view bytes, std::string* out) {
  return internal::DecodeWrapped(bytes, apache::thrift::protocol::T_STRING,
                                 [out](internal::TProtocol* reader) { reader->readString(*out); });
}

std::string EncodeBody(const std::string& value, int16_t field_id) {
  return internal::EncodeWrapped(
      field_id, apache::thrift::protocol::T_STRING,
      [&value](internal::TProtocol* protocol) { protocol->writeString(value); });
}

absl::Status ReadQueryReplicaInfoResponse(absl::string_view body, std::string* err_name,
                                          absl::FunctionRef<void(const replica_info&)> sink) {
  using namespace apache::thrift::protocol;
  error_code err;
  const auto read_replicas = [&](TProtocol* protocol) {
    TType element_type = T_STOP;
    uint32_t count = 0;
    protocol->readListBegin(element_type, count);
    if (count > 0 && element_type != T_STRUCT) {
      throw TProtocolException(TProtocolException::INVALID_DATA, "replicas that are not structs");
    }
    replica_info replica;
    const replica_info empty;
    for (uint32_t i = 0; i < count; ++i) {
      replica = empty;  // keeps the strings' memory, forgets what this element may not set
      replica.read(protocol);
      sink(replica);
    }
  };
  const auto read_response = [&](TProtocol* protocol) {
    std::string name;
    TType type = T_STOP;
    int16_t id = 0;
    bool has_replicas = false;
    for (;;) {
      protocol->readFieldBegin(name, type, id);
      if (type == T_STOP) return;
      if (id == 1 && type == T_STRUCT) {
        err.read(protocol);
      } else if (id == 2 && type == T_LIST) {
        // A reader that keeps the list would forget the first one.
        if (std::exchange(has_replicas, true)) {
          throw TProtocolException(TProtocolException::INVALID_DATA, "two lists of replicas");
        }
        read_replicas(protocol);
      } else {
        protocol->skip(type);
      }
    }
  };
  const absl::Status status = internal::DecodeStruct(body, read_response);
  *err_name = std::move(err.name);
  return status;
}

}  // namespace metarec::idl
