// Points in time as text. All are UTC: what one server says is compared with what another one does.

#pragma once

#include <string>

#include <absl/time/time.h>

namespace metarec {

// For people: "2026-11-21 04:02:38 UTC".
std::string UtcText(absl::Time time);
// The same to the millisecond: "2026-11-21 04:02:38.125 UTC".
std::string UtcTextWithMs(absl::Time time);

// For files and programs, as RFC 3339 has it: "2026-11-21T04:02:38Z".
std::string Rfc3339Text(absl::Time time);

}  // namespace metarec
