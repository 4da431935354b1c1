// The znode by which a run recognises its own work: `<root>/metarec_journal`. Created in one
// transaction with /apps, finished in one transaction with the unlocking of /apps.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec {

struct Journal {
  bool finished = false;
  std::string plan_digest;
  int64_t tables = 0;
  int64_t partitions = 0;
  std::string started_at;   // RFC 3339, UTC
  std::string finished_at;  // empty while unfinished
  std::string tool_version;

  friend bool operator==(const Journal&, const Journal&) = default;
};

// A moment as the journal has it.
std::string JournalTime(absl::Time time);

std::string EncodeJournal(const Journal& journal);

// kInvalidArgument, naming `path`, for what is not a journal or of a version that is not known.
absl::StatusOr<Journal> DecodeJournal(absl::string_view path, absl::string_view json);

}  // namespace metarec
