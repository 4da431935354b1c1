// The files of a data directory: opened for reading only, decompressed if need be, read in pieces.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "zk_store/tree/data_directory/data_finding.h"

namespace metarec {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

// Opens a regular file for reading; kNotFound, kPermissionDenied, kInvalidArgument for anything
// that is no regular file.
absl::StatusOr<FileDescriptor> OpenDataFile(const std::string& path);

// Files by number, so that a znode can tell in 8 bytes where its data are. At most a few of them
// are open at a time. Not thread-safe.
class DataFiles {
 public:
  DataFiles() = default;
  DataFiles(DataFiles&&) = default;
  DataFiles& operator=(DataFiles&&) = default;

  // Returns its number. A file that was decompressed comes with its descriptor, which stays open.
  uint16_t Add(std::string path, FileDescriptor decompressed = {});
  size_t size() const { return files_.size(); }
  static constexpr size_t kFilesMax = 65535;

  // The descriptor, valid until the next call.
  absl::StatusOr<int> Descriptor(uint16_t number);
  // kDataLoss when the file does not hold these bytes any more.
  absl::Status Read(uint16_t number, uint64_t offset, size_t size, std::string* bytes);

 private:
  struct File {
    std::string path;
    FileDescriptor descriptor;
    bool stays_open = false;
  };
  static constexpr size_t kOpenMax = 64;

  std::vector<File> files_;
  std::vector<uint16_t> open_;  // that may be closed, the oldest first
};

// A file read from its beginning to its end.
class ByteStream {
 public:
  // `descriptor` stays the caller's. With `sums`, Adler() can be asked for.
  ByteStream(int descriptor, bool sums);

  // The next `size` bytes, valid until the next call; nullptr if there are not that many, or if
  // they cannot be read, see damage(). Allocates no more than the file has.
  const char* Take(size_t size);

  int64_t offset() const { return buffer_offset_ + static_cast<int64_t>(position_); }
  int64_t remaining() const { return size_ - offset(); }
  // Of the last Take that returned nullptr.
  DataDamage damage() const { return damage_; }
  // Adler-32 of everything that was taken.
  uint32_t Adler();
  // The first offset from here on with a byte that is not 0; -1: there is none.
  int64_t FindNonZero();

 private:
  bool Fill(size_t size);

  const int descriptor_;
  const bool sums_;
  int64_t size_ = 0;
  std::string buffer_;
  int64_t buffer_offset_ = 0;  // of the buffer in the file
  size_t filled_ = 0;
  size_t position_ = 0;  // in the buffer
  size_t summed_ = 0;    // in the buffer
  uint32_t adler_ = 1;
  DataDamage damage_ = DataDamage::kNone;
};

}  // namespace metarec
