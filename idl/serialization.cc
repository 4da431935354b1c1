#include "idl/serialization.h"

#include <exception>
#include <limits>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <thrift/Thrift.h>
#include <thrift/protocol/TProtocolException.h>

#include "idl/bounded_protocol.h"

namespace metarec::idl {
namespace internal {
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
