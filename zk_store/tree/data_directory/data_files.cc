#include "zk_store/tree/data_directory/data_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kBufferBytes = 1 << 18;
// No znode, string or record is longer; ZooKeeper's own default bound is 1 MiB.
constexpr size_t kItemBytesMax = 256 << 20;

ssize_t ReadAt(int descriptor, char* bytes, size_t size, int64_t offset) {
  ssize_t got = 0;
  do {
    got = pread(descriptor, bytes, size, offset);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<FileDescriptor> OpenDataFile(const std::string& path) {
  // Not to block on a named pipe, which is refused below.
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no regular file"));
  }
  return file;
}

uint16_t DataFiles::Add(std::string path, FileDescriptor decompressed) {
  const bool stays_open = decompressed.is_open();
  files_.push_back({std::move(path), std::move(decompressed), stays_open});
  return static_cast<uint16_t>(files_.size() - 1);
}

absl::StatusOr<int> DataFiles::Descriptor(uint16_t number) {
  File& file = files_[number];
  if (!file.descriptor.is_open()) {
    if (open_.size() == kOpenMax) {
      files_[open_.front()].descriptor = FileDescriptor();
      open_.erase(open_.begin());
    }
    METAREC_ASSIGN_OR_RETURN(file.descriptor, OpenDataFile(file.path));
    open_.push_back(number);
  }
  return file.descriptor.get();
}

absl::Status DataFiles::Read(uint16_t number, uint64_t offset, size_t size, std::string* bytes) {
  METAREC_ASSIGN_OR_RETURN(const int descriptor, Descriptor(number));
  bytes->resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ReadAt(descriptor, bytes->data() + done, size - done, static_cast<int64_t>(offset + done));
    if (got <= 0) {
      return absl::DataLossError(absl::StrCat(
          files_[number].path, " cannot be read at offset ", offset + done, ": ",
          got == 0 ? "it has become shorter; does a server still use it?" : strerror(errno)));
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

ByteStream::ByteStream(int descriptor, bool sums) : descriptor_(descriptor), sums_(sums) {
  struct stat status = {};
  if (fstat(descriptor, &status) == 0) size_ = status.st_size;
}

const char* ByteStream::Take(size_t size) {
  if (size > filled_ - position_ && !Fill(size)) return nullptr;
  const char* bytes = buffer_.data() + position_;
  position_ += size;
  return bytes;
}

bool ByteStream::Fill(size_t size) {
  if (size > static_cast<size_t>(remaining())) {
    damage_ = DataDamage::kTruncated;
    return false;
  }
  if (size > kItemBytesMax) {
    damage_ = DataDamage::kBadLength;
    return false;
  }
  if (sums_) Adler();
  // What is left moves to the front.
  const size_t left = filled_ - position_;
  std::memmove(buffer_.data(), buffer_.data() + position_, left);
  buffer_offset_ += static_cast<int64_t>(position_);
  position_ = summed_ = 0;
  filled_ = left;
  if (buffer_.size() < std::max(size, kBufferBytes)) buffer_.resize(std::max(size, kBufferBytes));
  while (filled_ < size) {
    const ssize_t got = ReadAt(descriptor_, buffer_.data() + filled_, buffer_.size() - filled_,
                               buffer_offset_ + static_cast<int64_t>(filled_));
    if (got <= 0) {
      damage_ = got == 0 ? DataDamage::kTruncated : DataDamage::kReadError;
      return false;
    }
    filled_ += static_cast<size_t>(got);
  }
  return true;
}

uint32_t ByteStream::Adler() {
  adler_ = static_cast<uint32_t>(adler32(adler_,
                                         reinterpret_cast<const Bytef*>(buffer_.data() + summed_),
                                         static_cast<uInt>(position_ - summed_)));
  summed_ = position_;
  return adler_;
}

int64_t ByteStream::FindNonZero() {
  while (remaining() > 0) {
    const size_t size = std::min(kBufferBytes, static_cast<size_t>(remaining()));
    const int64_t begin = offset();
    const char* bytes = Take(size);
    if (bytes == nullptr) return -1;
    // Equal to itself, shifted by one, and beginning with 0: all are 0.
    if (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0) continue;
    return begin + (std::find_if(bytes, bytes + size, [](char c) { return c != 0; }) - bytes);
  }
  return -1;
}

}  // namespace metarec
