// Private to idl/: Thrift's binary protocol over bytes in memory, with bounds that come from the
// bytes themselves.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TVirtualTransport.h>

namespace metarec::idl::internal {

// Reads; refuses strings and containers that announce more than the remaining bytes can hold.
class BoundedReader
    : public apache::thrift::protocol::TBinaryProtocolT<apache::thrift::transport::TMemoryBuffer> {
 public:
  // `bytes` must outlive the reader and be shorter than 2 GiB.
  explicit BoundedReader(absl::string_view bytes);

  size_t remaining_bytes() const { return trans_->available_read(); }

  uint32_t readMapBegin_virt(apache::thrift::protocol::TType& key_type,
                             apache::thrift::protocol::TType& value_type, uint32_t& size) override;
  uint32_t readListBegin_virt(apache::thrift::protocol::TType& element_type,
                              uint32_t& size) override;
  uint32_t readSetBegin_virt(apache::thrift::protocol::TType& element_type,
                             uint32_t& size) override;

 private:
  void CheckFits(uint32_t count, uint32_t element_bytes_min) const;
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
