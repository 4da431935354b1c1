#include "base/text/time_text.h"

namespace metarec {
namespace {

std::string InUtc(absl::string_view format, absl::Time time) {
  return absl::FormatTime(format, time, absl::UTCTimeZone());
}

}  // namespace

std::string UtcText(absl::Time time) { return InUtc("%Y-%m-%d %H:%M:%S UTC", time); }

std::string UtcTextWithMs(absl::Time time) { return InUtc("%Y-%m-%d %H:%M:%E3S UTC", time); }

std::string Rfc3339Text(absl::Time time) { return InUtc("%Y-%m-%dT%H:%M:%SZ", time); }

}  // namespace metarec
