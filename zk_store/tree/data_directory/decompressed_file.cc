#include "zk_store/tree/data_directory/decompressed_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <snappy.h>
#include <unistd.h>
#include <zlib.h>

#include "base/runtime/status_macros.h"
#include "zk_store/tree/data_directory/jute_reader.h"

namespace metarec {
namespace {

constexpr size_t kPieceBytes = 1 << 18;
constexpr char kXerialMagic[] = "\x82SNAPPY";  // with its 0: 8 bytes
constexpr size_t kXerialHeaderBytes = 16;
constexpr size_t kSnappyBlockBytesMax = 64 << 20;  // snappy-java writes blocks of 32 KiB
constexpr size_t kSnappyRatioMax = 32;             // a copy of 64 bytes takes 3

class UnnamedFile {
 public:
  explicit UnnamedFile(int64_t bytes_max) : bytes_max_(bytes_max) {}

  absl::Status Open() {
    const char* set = std::getenv("TMPDIR");
    folder_ = set != nullptr && *set != '\0' ? set : "/tmp";
    file_ = FileDescriptor(open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file_.is_open()) {
      std::string name = absl::StrCat(folder_, "/metarec-XXXXXX");
      file_ = FileDescriptor(mkostemp(name.data(), O_CLOEXEC));
      if (file_.is_open()) unlink(name.c_str());
    }
    return file_.is_open() ? absl::OkStatus() : Failed("cannot make a temporary file in");
  }

  absl::Status Append(const char* bytes, size_t size) {
    size_ += static_cast<int64_t>(size);
    if (size_ > bytes_max_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a compressed snapshot holds more than ", bytes_max_, " bytes"));
    }
    while (size > 0) {
      const ssize_t written = write(file_.get(), bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Failed("cannot decompress into");
      bytes += written;
      size -= static_cast<size_t>(written);
    }
    return absl::OkStatus();
  }

  FileDescriptor Release() { return std::move(file_); }

 private:
  absl::Status Failed(absl::string_view what) const {
    return absl::UnavailableError(
        absl::StrCat(what, " ", folder_, ": ", strerror(errno), "; TMPDIR names another folder"));
  }

  const int64_t bytes_max_;
  std::string folder_;
  FileDescriptor file_;
  int64_t size_ = 0;
};

absl::Status Damaged() { return absl::DataLossError("the compressed data are damaged"); }

// All that there is, up to kPieceBytes.
const char* TakePiece(ByteStream* stream, size_t* size) {
  *size = std::min(kPieceBytes, static_cast<size_t>(stream->remaining()));
  return *size == 0 ? nullptr : stream->Take(*size);
}

absl::Status Gunzip(ByteStream* in, UnnamedFile* out) {
  z_stream inflater = {};
  constexpr int kGzipWithLargestWindow = 16 + MAX_WBITS;
  if (inflateInit2(&inflater, kGzipWithLargestWindow) != Z_OK) {
    return absl::ResourceExhaustedError("zlib cannot begin");
  }
  struct Ender {
    z_stream* inflater;
    ~Ender() { inflateEnd(inflater); }
  } ender = {&inflater};
  std::string piece(kPieceBytes, '\0');
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    size_t size = 0;
    const char* bytes = TakePiece(in, &size);
    if (bytes == nullptr) return Damaged();
    inflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes));
    inflater.avail_in = static_cast<uInt>(size);
    do {
      inflater.next_out = reinterpret_cast<Bytef*>(piece.data());
      inflater.avail_out = static_cast<uInt>(piece.size());
      result = inflate(&inflater, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Damaged();
      METAREC_RETURN_IF_ERROR(out->Append(piece.data(), piece.size() - inflater.avail_out));
    } while (inflater.avail_out == 0 && result != Z_STREAM_END);
  }
  return inflater.avail_in == 0 && in->remaining() == 0 ? absl::OkStatus() : Damaged();
}

// As snappy-java frames it: a header, then blocks with their length in front.
absl::Status Unsnap(ByteStream* in, UnnamedFile* out) {
  const char* header = in->Take(kXerialHeaderBytes);
  if (header == nullptr || std::memcmp(header, kXerialMagic, sizeof(kXerialMagic)) != 0) {
    return Damaged();
  }
  std::string piece;
  while (in->remaining() > 0) {
    const char* length = in->Take(4);
    if (length == nullptr || JuteInt(length) < 0) return Damaged();
    const size_t size = static_cast<size_t>(JuteInt(length));
    const char* block = in->Take(size);
    size_t plain_bytes = 0;
    if (block == nullptr || !snappy::GetUncompressedLength(block, size, &plain_bytes) ||
        plain_bytes > kSnappyBlockBytesMax || plain_bytes / kSnappyRatioMax > size) {
      return Damaged();
    }
    piece.resize(plain_bytes);
    if (!snappy::RawUncompress(block, size, piece.data())) return Damaged();
    METAREC_RETURN_IF_ERROR(out->Append(piece.data(), piece.size()));
  }
  return absl::OkStatus();
}

}  // namespace

DataCompression CompressionOfName(absl::string_view name) {
  if (absl::EndsWith(name, ".gz")) return DataCompression::kGzip;
  return absl::EndsWith(name, ".snappy") ? DataCompression::kSnappy : DataCompression::kNone;
}

absl::StatusOr<FileDescriptor> Decompress(int descriptor, DataCompression compression,
                                          int64_t bytes_max) {
  UnnamedFile out(bytes_max);
  METAREC_RETURN_IF_ERROR(out.Open());
  ByteStream in(descriptor, false);
  METAREC_RETURN_IF_ERROR(compression == DataCompression::kGzip ? Gunzip(&in, &out)
                                                                : Unsnap(&in, &out));
  return out.Release();
}

}  // namespace metarec
