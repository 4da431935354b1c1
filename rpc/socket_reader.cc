#include "rpc/socket_reader.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/read.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"

namespace metarec::rpc {
namespace {

absl::Status ReadError(const asio::error_code& error) {
  if (error == asio::error::eof) return absl::OutOfRangeError("the peer closed the connection");
  return absl::UnavailableError(absl::StrCat("the connection broke: ", error.message()));
}

}  // namespace

asio::awaitable<absl::Status> SocketReader::AwaitBytes() {
  if (has_bytes()) co_return absl::OkStatus();
  if (buffer_ == nullptr) buffer_ = std::make_unique<Buffer>();
  const auto [error, size] = co_await socket_->async_read_some(asio::buffer(*buffer_), kAwaitTuple);
  begin_ = 0;
  end_ = size;
  received_bytes_ += size;
  if (!has_bytes()) buffer_.reset();
  if (error) co_return ReadError(error);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> SocketReader::Read(size_t size, std::string* out) {
  size_t missing = size;
  while (missing > 0) {
    missing -= TakeBuffered(missing, out);
    if (missing == 0) break;
    if (missing < sizeof(Buffer)) {
      METAREC_CO_RETURN_IF_ERROR(co_await AwaitBytes());
    } else {
      // About doubles what is there.
      const size_t chunk = std::min(missing, std::max(sizeof(Buffer), out->size()));
      METAREC_CO_RETURN_IF_ERROR(co_await ReadChunk(chunk, out));
      missing -= chunk;
    }
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> SocketReader::ReadSome(std::string* out) {
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitBytes());
  TakeBuffered(end_ - begin_, out);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> SocketReader::Skip(size_t size) {
  size_t missing = size;
  while (missing > 0) {
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitBytes());
    missing -= TakeBuffered(missing, nullptr);
  }
  co_return absl::OkStatus();
}

size_t SocketReader::TakeBuffered(size_t size, std::string* out) {
  if (!has_bytes()) return 0;
  const size_t taken = std::min(size, end_ - begin_);
  if (out != nullptr) out->append(buffer_->data() + begin_, taken);
  begin_ += taken;
  if (!has_bytes()) buffer_.reset();
  return taken;
}

asio::awaitable<absl::Status> SocketReader::ReadChunk(size_t size, std::string* out) {
  const size_t before = out->size();
  out->resize(before + size);
  const auto [error, read] =
      co_await asio::async_read(*socket_, asio::buffer(out->data() + before, size), kAwaitTuple);
  received_bytes_ += read;
  if (error) co_return ReadError(error);
  co_return absl::OkStatus();
}

}  // namespace metarec::rpc
