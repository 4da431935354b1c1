#include "zk_store/client/zk_auth_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <sys/stat.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kFileBytesMax = 4096;
constexpr absl::string_view kFormat = "one line 'user:password' or 'digest:user:password'";

}  // namespace

absl::StatusOr<StoreAuth> ParseZkAuth(absl::string_view line) {
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  const auto expected = [](absl::string_view found) {
    return absl::InvalidArgumentError(absl::StrCat("expected ", kFormat, ", found ", found));
  };
  if (line.empty()) return expected("nothing");
  for (const unsigned char c : line) {
    if (c == '\n' || c == '\r') return expected("more than one line");
    if (c < 0x20) return expected("a control character");
  }
  absl::string_view credentials = line;
  if (absl::StartsWith(line, "digest:") && absl::StrContains(line.substr(7), ':')) {
    credentials.remove_prefix(7);
  }
  const size_t colon = credentials.find(':');
  if (colon == absl::string_view::npos) return expected("no colon");
  if (colon == 0) return expected("an empty user name");
  if (colon + 1 == credentials.size()) return expected("an empty password");
  return StoreAuth{"digest", std::string(credentials)};
}

absl::StatusOr<ZkAuthFile> ReadZkAuthFile(const std::string& path) {
  const auto fail = [&](absl::StatusCode code, absl::string_view why) {
    return absl::Status(code, absl::StrCat("ZooKeeper credentials file ", path, ": ", why));
  };
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return fail(errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied,
                std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return fail(absl::StatusCode::kInvalidArgument, "not a regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(absl::StatusCode::kPermissionDenied, std::strerror(errno));
  std::string content(kFileBytesMax + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad()) return fail(absl::StatusCode::kUnavailable, "it cannot be read");
  content.resize(static_cast<size_t>(file.gcount()));
  if (content.size() > kFileBytesMax) {
    return fail(absl::StatusCode::kInvalidArgument,
                absl::StrCat("larger than ", kFileBytesMax, " bytes; expected ", kFormat));
  }
  absl::StatusOr<StoreAuth> auth = ParseZkAuth(content);
  if (!auth.ok()) return fail(auth.status().code(), auth.status().message());
  ZkAuthFile result{*std::move(auth), ""};
  if ((info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    result.warning = absl::StrCat("ZooKeeper credentials file ", path,
                                  " can be read by other users; run: chmod 600 ", path);
  }
  return result;
}

}  // namespace metarec
