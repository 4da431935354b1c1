// The protocol's placeholder types (INTEROP.md section 2): values whose `read` and `write` move a
// raw value in Thrift's binary protocol, without struct framing. Generated code includes this file
// for idl/placeholders.thrift and calls read, write, ==, < and << on them.
//
// read throws apache::thrift::TException on what the protocol forbids (address groups, IPv6, names
// beyond any sensible length); idl/serialization.h turns that into absl::Status.

#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>

namespace apache::thrift::protocol {
class TProtocol;
}

namespace metarec::idl {

// One partition of one table; printed "2.7".
struct gpid {
  int32_t app_id = 0;
  int32_t partition_index = 0;

  std::string ToString() const;
  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const gpid&, const gpid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const gpid& id) {
    return H::combine(std::move(h), id.app_id, id.partition_index);
  }
};

// An IPv4 address and a port, or nothing (all zero).
class rpc_address {
 public:
  rpc_address() = default;
  // `ip` as a number: a.b.c.d is a << 24 | b << 16 | c << 8 | d.
  rpc_address(uint32_t ip, uint16_t port);
  // The form in frame headers and bodies: ip << 32 | port << 16 | type.
  static rpc_address FromRaw(uint64_t raw);

  bool is_valid() const;
  uint32_t ip() const { return static_cast<uint32_t>(raw_ >> 32); }
  uint16_t port() const { return static_cast<uint16_t>(raw_ >> 16); }
  uint64_t raw() const { return raw_; }

  // "10.0.0.1:34801", or "invalid address".
  std::string ToString() const;
  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const rpc_address&, const rpc_address&) = default;

 private:
  uint64_t raw_ = 0;
};

// How a node calls itself: a host name, or IPv4 text, and a port; or nothing (all empty).
class host_port {
 public:
  host_port() = default;
  host_port(std::string host, uint16_t port);

  bool is_valid() const { return type_ == 1; }
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }

  // "localhost:34801", or "invalid host_port".
  std::string ToString() const;
  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const host_port&, const host_port&) = default;

 private:
  std::string host_;
  uint16_t port_ = 0;
  int8_t type_ = 0;
};

// An error by its name; the names are in idl/error_names.h.
struct error_code {
  error_code() = default;
  error_code(absl::string_view name_) : name(name_) {}  // NOLINT: reads as the name it is

  // An answer that says nothing about its success is no success.
  std::string name = "ERR_UNKNOWN";

  bool ok() const { return name == "ERR_OK"; }
  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const error_code&, const error_code&) = default;
};

struct task_code {
  std::string name;

  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const task_code&, const task_code&) = default;
};

struct blob {
  std::string bytes;

  uint32_t read(apache::thrift::protocol::TProtocol* protocol);
  uint32_t write(apache::thrift::protocol::TProtocol* protocol) const;
  friend auto operator<=>(const blob&, const blob&) = default;
};

std::ostream& operator<<(std::ostream& out, const gpid& value);
std::ostream& operator<<(std::ostream& out, const rpc_address& value);
std::ostream& operator<<(std::ostream& out, const host_port& value);
std::ostream& operator<<(std::ostream& out, const error_code& value);
std::ostream& operator<<(std::ostream& out, const task_code& value);
std::ostream& operator<<(std::ostream& out, const blob& value);

}  // namespace metarec::idl
