#include "tests/scenarios/dead_server.h"

#include <cstdint>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

namespace metarec::scenarios {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kSession = 0x100000000000001;

}  // namespace

absl::Status DeadServer::Apply(absl::string_view directive) {
  const std::vector<std::string> words = absl::StrSplit(directive, absl::MaxSplits(' ', 2));
  const std::string& verb = words[0];
  if (verb == "snapshot") {
    EndLog();
    files_.emplace_back(absl::StrCat("snapshot.", absl::Hex(server_.zxid())), server_.Snapshot());
    return absl::OkStatus();
  }
  if (verb == "lose") {
    server_.LoseNext();
    return absl::OkStatus();
  }
  if (words.size() < 2 || !absl::StartsWith(words[1], "/")) {
    return absl::InvalidArgumentError(
        "usage: dead create|ephemeral|set|delete /<path> [data], dead snapshot or dead lose");
  }
  const std::string& path = words[1];
  const std::string data = words.size() > 2 ? words[2] : "";
  if (verb == "create") {
    server_.Create(path, data);
  } else if (verb == "ephemeral") {
    server_.Create(path, data, kSession);
  } else if (verb == "set") {
    server_.Set(path, data);
  } else if (verb == "delete") {
    server_.Delete(path);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("a dead server does not know '", verb, "'"));
  }
  server_.time_ms += kMinuteMs - 1;
  return absl::OkStatus();
}

void DeadServer::EndLog() {
  int64_t first_zxid = 0;
  std::string log = server_.TakeLog(&first_zxid);
  if (first_zxid > 0) files_.emplace_back(absl::StrCat("log.", absl::Hex(first_zxid)), log);
}

std::vector<std::pair<std::string, std::string>> DeadServer::TakeFiles() {
  EndLog();
  return std::move(files_);
}

}  // namespace metarec::scenarios
