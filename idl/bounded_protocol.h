// Private to idl/: Thrift's binary protocol over bytes in memory, with bounds that come from the
// bytes themselves.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <absl/strings/string_view.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TVirtualTransport.h>

namespace metarec::idl::internal {

// Reads; refuses strings and containers that announce more than the remaining bytes can hold, and
// types that do not exist (for Thrift's own reader these are undefined behaviour). Call it through
// TProtocol, as generated code does: the overrides are virtual functions of that class.
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

}  // namespace metarec::idl::internal
