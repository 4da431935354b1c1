#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/zookeeper_options.h"

namespace metarec {

struct ZkAuthFile {
  StoreAuth auth;
  std::string warning;  // empty, or why the file itself is a risk
};

// Reads ZooKeeper credentials from a file, so that they appear in no command line. The file has one
// line, "user:password" or "digest:user:password"; the password may contain colons, so that a user
// who is called "digest" must be written with the scheme. A line end after it is ignored.
//
// Errors name the file and what is wrong with it, never its content. Reads the file synchronously.
absl::StatusOr<ZkAuthFile> ReadZkAuthFile(const std::string& path);

// The line itself; errors do not repeat it.
absl::StatusOr<StoreAuth> ParseZkAuth(absl::string_view line);

}  // namespace metarec
