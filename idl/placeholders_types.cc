#include "idl/placeholders_types.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <thrift/protocol/TProtocol.h>
#include <thrift/protocol/TProtocolException.h>

#include "idl/ipv4_endpoint.h"

namespace metarec::idl {
namespace {

using apache::thrift::protocol::TProtocol;
using apache::thrift::protocol::TProtocolException;

constexpr int kTypeIpv4 = 1;
constexpr uint64_t kTypeMask = 3;
// DNS allows 253 characters; error and task code names have at most 47 in a frame header.
constexpr size_t kHostBytesMax = 255;
constexpr size_t kCodeNameBytesMax = 255;

[[noreturn]] void Refuse(const std::string& why) {
  throw TProtocolException(TProtocolException::INVALID_DATA, why);
}

uint32_t ReadCodeName(TProtocol* protocol, std::string* name) {
  const uint32_t read_bytes = protocol->readString(*name);
  if (name->size() > kCodeNameBytesMax) {
    Refuse(absl::StrCat("an error or task code name of ", name->size(), " bytes"));
  }
  return read_bytes;
}

}  // namespace

std::string gpid::ToString() const { return absl::StrCat(app_id, ".", partition_index); }

uint32_t gpid::read(TProtocol* protocol) {
  int64_t raw = 0;
  const uint32_t read_bytes = protocol->readI64(raw);
  app_id = static_cast<int32_t>(raw & 0xFFFFFFFF);
  partition_index = static_cast<int32_t>(static_cast<uint64_t>(raw) >> 32);
  return read_bytes;
}

uint32_t gpid::write(TProtocol* protocol) const {
  const uint64_t raw =
      uint64_t{static_cast<uint32_t>(partition_index)} << 32 | static_cast<uint32_t>(app_id);
  return protocol->writeI64(static_cast<int64_t>(raw));
}

rpc_address::rpc_address(uint32_t ip, uint16_t port)
    : raw_(uint64_t{ip} << 32 | uint64_t{port} << 16 | kTypeIpv4) {}

rpc_address rpc_address::FromRaw(uint64_t raw) {
  rpc_address address;
  address.raw_ = raw;
  return address;
}

bool rpc_address::is_valid() const { return (raw_ & kTypeMask) == kTypeIpv4; }

std::string rpc_address::ToString() const {
  return is_valid() ? Ipv4Endpoint{ip(), port()}.ToString() : "invalid address";
}

uint32_t rpc_address::read(TProtocol* protocol) {
  int64_t raw = 0;
  const uint32_t read_bytes = protocol->readI64(raw);
  raw_ = static_cast<uint64_t>(raw);
  if ((raw_ & kTypeMask) > kTypeIpv4) {
    Refuse(absl::StrCat("an rpc_address of type ", raw_ & kTypeMask, ", only 0 and 1 are known"));
  }
  return read_bytes;
}

uint32_t rpc_address::write(TProtocol* protocol) const {
  return protocol->writeI64(static_cast<int64_t>(raw_));
}

host_port::host_port(std::string host, uint16_t port)
    : host_(std::move(host)), port_(port), type_(kTypeIpv4) {}

std::string host_port::ToString() const {
  return is_valid() ? absl::StrCat(host_, ":", port_) : "invalid host_port";
}

uint32_t host_port::read(TProtocol* protocol) {
  uint32_t read_bytes = protocol->readString(host_);
  int16_t port = 0;
  read_bytes += protocol->readI16(port);
  port_ = static_cast<uint16_t>(port);
  read_bytes += protocol->readByte(type_);
  if (type_ < 0 || type_ > kTypeIpv4) {
    Refuse(absl::StrCat("a host_port of type ", type_, ", only 0 and 1 are known"));
  }
  if (host_.size() > kHostBytesMax) {
    Refuse(absl::StrCat("a host name of ", host_.size(), " bytes"));
  }
  if (host_.find_first_of(":\0", 0, 2) != std::string::npos) {
    Refuse(absl::StrCat("a host name that cannot be one (IPv6 is not supported): ",
                        absl::CHexEscape(host_)));
  }
  return read_bytes;
}

uint32_t host_port::write(TProtocol* protocol) const {
  return protocol->writeString(host_) + protocol->writeI16(static_cast<int16_t>(port_)) +
         protocol->writeByte(type_);
}

uint32_t error_code::read(TProtocol* protocol) { return ReadCodeName(protocol, &name); }
uint32_t error_code::write(TProtocol* protocol) const { return protocol->writeString(name); }

uint32_t task_code::read(TProtocol* protocol) { return ReadCodeName(protocol, &name); }
uint32_t task_code::write(TProtocol* protocol) const { return protocol->writeString(name); }

uint32_t blob::read(TProtocol* protocol) { return protocol->readBinary(bytes); }
uint32_t blob::write(TProtocol* protocol) const { return protocol->writeBinary(bytes); }

std::ostream& operator<<(std::ostream& out, const gpid& value) { return out << value.ToString(); }
std::ostream& operator<<(std::ostream& out, const rpc_address& value) {
  return out << value.ToString();
}
std::ostream& operator<<(std::ostream& out, const host_port& value) {
  return out << value.ToString();
}
std::ostream& operator<<(std::ostream& out, const error_code& value) { return out << value.name; }
std::ostream& operator<<(std::ostream& out, const task_code& value) { return out << value.name; }
std::ostream& operator<<(std::ostream& out, const blob& value) {
  return out << absl::CHexEscape(value.bytes);
}

}  // namespace metarec::idl
