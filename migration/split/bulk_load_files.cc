#include "migration/split/bulk_load_files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

struct FreeMd5 {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

absl::Status Failed(absl::string_view what, const std::string& path, int error) {
  const std::string message = absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

class Md5 {
 public:
  Md5() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr); }
  void Add(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string Finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), size});
  }

 private:
  const std::unique_ptr<EVP_MD_CTX, FreeMd5> context_;
};

absl::Status WriteWhole(const std::string& folder, absl::string_view name,
                        absl::string_view bytes) {
  const std::string path = absl::StrCat(folder, "/", name);
  const std::string unfinished = absl::StrCat(folder, "/.", name, ".tmp");
  const Descriptor file(unfinished, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.get() < 0) return Failed("create", unfinished, errno);
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", unfinished, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(file.get()) != 0) return Failed("write", unfinished, errno);
  if (rename(unfinished.c_str(), path.c_str()) != 0) return Failed("rename", unfinished, errno);
  const Descriptor directory(folder, O_RDONLY | O_DIRECTORY);
  if (directory.get() < 0 || fsync(directory.get()) != 0) return Failed("sync", folder, errno);
  return absl::OkStatus();
}

absl::Status WriteWithMeta(const std::string& folder, const std::string& name,
                           const std::string& bytes) {
  Md5 md5;
  md5.Add(bytes);
  METAREC_RETURN_IF_ERROR(WriteFileMeta(
      folder, {.name = name, .size = static_cast<int64_t>(bytes.size()), .md5 = md5.Finish()}));
  return WriteWhole(folder, name, bytes);
}

}  // namespace

absl::StatusOr<std::string> Md5OfFile(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) return Failed("open", path, errno);
  Md5 md5;
  std::string buffer(1 << 18, '\0');
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) return md5.Finish();
    md5.Add(absl::string_view(buffer).substr(0, static_cast<size_t>(got)));
  }
}

absl::Status WriteFileMeta(const std::string& folder, const BulkLoadFile& file) {
  return WriteWhole(folder, absl::StrCat(".", file.name, ".meta"),
                    absl::StrCat("{\"md5\":\"", file.md5, "\",\"size\":", file.size, "}"));
}

absl::Status WriteBulkLoadMetadata(const std::string& folder,
                                   absl::Span<const BulkLoadFile> files) {
  std::string json;
  JsonWriter out(&json);
  int64_t total = 0;
  out.StartObject().Key("files").StartArray();
  for (const BulkLoadFile& file : files) {
    out.StartObject().Key("name").String(file.name).Key("size").Int(file.size);
    out.Key("md5").String(file.md5).EndObject();
    total += file.size;
  }
  out.EndArray().Key("file_total_size").Int(total).EndObject();
  return WriteWithMeta(folder, "bulk_load_metadata", json);
}

absl::Status WriteBulkLoadInfo(const std::string& folder, int32_t app_id,
                               absl::string_view app_name, int32_t partition_count) {
  std::string json;
  JsonWriter out(&json);
  out.StartObject().Key("app_id").Int(app_id).Key("app_name").String(app_name);
  out.Key("partition_count").Int(partition_count).EndObject();
  return WriteWithMeta(folder, "bulk_load_info", json);
}

absl::Status CreateFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? Failed("create the folder", path, error.value()) : absl::OkStatus();
}

}  // namespace metarec
