#include "tools/cli/offline_arguments.h"

#include <cstdint>
#include <limits>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>

#include "base/text/printable.h"

namespace metarec::tools {

void OfflineArguments::AddTo(Command& verb, const std::string& prefix, const std::string& group) {
  options_ = {
      verb.Add(prefix + "at", &at_,
               "of a data directory, the tree as it was after this transaction (0x1f) or at this "
               "time (2026-11-30T00:10:00Z, or @SECONDS since 1970)")
          .TypeName("ZXID|TIME")
          .Group(group),
      verb.Add(prefix + "log_folder", &log_folder_,
               "where the logs of a data directory are, if not with its snapshots (dataLogDir)")
          .TypeName("FOLDER")
          .Group(group),
      verb.AddFlag(prefix + "accept_inconsistent", &accept_inconsistent_,
                   "accept a data directory whose files do not give the server's last tree: take "
                   "the earlier tree that they give, or a snapshot without its logs")
          .Group(group)};
}

absl::Status OfflineArguments::Check(absl::string_view side, bool is_data_directory) const {
  for (const CommandOption& option : options_) {
    if (!option.is_given() || is_data_directory) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(option.name(), " is for the data directory of a ZooKeeper server, which ",
                     side, " is not; leave the option out"));
  }
  DataDirectoryOptions unused;
  if (options_.empty() || !options_.front().is_given()) return absl::OkStatus();
  const absl::Status at = ParseAt(at_, &unused);
  if (at.ok()) return at;
  return absl::InvalidArgumentError(absl::StrCat(options_.front().name(), ": ", at.message()));
}

DataDirectoryOptions OfflineArguments::ToOptions() const {
  DataDirectoryOptions options;
  if (!at_.empty()) (void)ParseAt(at_, &options);
  options.log_folder = log_folder_;
  options.accept_inconsistent = accept_inconsistent_;
  return options;
}

absl::Status ParseAt(absl::string_view text, DataDirectoryOptions* options) {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  uint64_t number = 0;
  absl::Time time;
  std::string why;
  absl::string_view seconds = text;
  if (absl::StartsWith(text, "0x")) {
    if (absl::SimpleHexAtoi(text, &number) && number <= kMost) {
      options->at_zxid = static_cast<int64_t>(number);
      return absl::OkStatus();
    }
  } else if (absl::ConsumePrefix(&seconds, "@")) {
    if (absl::SimpleAtoi(seconds, &number) && number <= kMost / 1000) {
      options->at_time_ms = static_cast<int64_t>(number) * 1000;
      return absl::OkStatus();
    }
  } else if (absl::ParseTime(absl::RFC3339_full, text, &time, &why) ||
             absl::ParseTime("%Y-%m-%d %H:%M:%E*S UTC", text, &time, &why)) {
    options->at_time_ms = absl::ToUnixMillis(time);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(text), "' is neither a zxid, such as 0x1f, nor a time, such as ",
                   "2026-11-30T00:10:00Z or @1796000000"));
}

}  // namespace metarec::tools
