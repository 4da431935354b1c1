#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

namespace metarec::rpc {

// Reads from a connection. What it allocates grows with the bytes that have arrived, whatever the
// peer announces, and goes when they are read. One reading coroutine at a time; closing the socket
// ends its wait.
//
// Errors: kOutOfRange when the peer has ended the connection, kUnavailable when it broke.
class SocketReader {
 public:
  // `socket` must outlive the reader.
  explicit SocketReader(asio::ip::tcp::socket* socket) : socket_(socket) {}

  // Waits until there is something to read.
  asio::awaitable<absl::Status> AwaitBytes();

  // Whether there is something that can be read without waiting, as far as is known.
  bool has_bytes() const { return begin_ < end_; }

  // Appends exactly `size` bytes to `*out`.
  asio::awaitable<absl::Status> Read(size_t size, std::string* out);

  // Appends what has arrived, at least one byte.
  asio::awaitable<absl::Status> ReadSome(std::string* out);

  // Reads `size` bytes and forgets them.
  asio::awaitable<absl::Status> Skip(size_t size);

  // All bytes that ever arrived.
  uint64_t received_bytes() const { return received_bytes_; }

 private:
  // Holds most requests, header and body, so that they take one system call.
  using Buffer = std::array<char, 512>;

  // `out` may be null.
  size_t TakeBuffered(size_t size, std::string* out);
  asio::awaitable<absl::Status> ReadChunk(size_t size, std::string* out);

  asio::ip::tcp::socket* const socket_;
  std::unique_ptr<Buffer> buffer_;  // null while there is nothing in it and nobody waits
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t received_bytes_ = 0;
};

}  // namespace metarec::rpc
