#include "testing/simulated_fault.h"

#include <algorithm>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "idl/error_names.h"

namespace metarec::testing {
namespace {

using Kind = SimulatedFault::Kind;

enum class Argument { kNone, kError, kMilliseconds, kTimes };

struct Known {
  const char* name;
  Kind kind;
  Argument argument;
  const char* default_argument;  // empty: one must be given, if there is any
  const char* form;
  const char* help;
};

constexpr int64_t kMillisecondsMax = 24 * 3600 * 1000;
constexpr int64_t kTimesMax = 1'000'000;
constexpr char kForEver[] = "86400000";

constexpr Known kFaults[] = {
    {"none", Kind::kNone, Argument::kNone, "", "none", "no fault"},
    {"refuse", Kind::kRefuse, Argument::kNone, "", "refuse", "nobody listens on its port"},
    {"hang", Kind::kHang, Argument::kNone, "", "hang", "takes requests and never answers"},
    {"late", Kind::kLate, Argument::kMilliseconds, "", "late:MS", "answers after MS milliseconds"},
    {"error", Kind::kError, Argument::kError, "", "error:ERR_X",
     "its RPC layer answers ERR_X, with an empty body"},
    {"response_error", Kind::kResponseError, Argument::kError, "", "response_error:ERR_X",
     "both its answers say ERR_X"},
    {"close", Kind::kClose, Argument::kNone, "", "close",
     "closes the connection in the middle of an answer"},
    {"garbage", Kind::kGarbage, Argument::kNone, "", "garbage",
     "answers with bytes that are no message"},
    {"wrong_crc", Kind::kWrongCrc, Argument::kNone, "", "wrong_crc",
     "answers with a message whose checksum is wrong"},
    {"two_gigabytes", Kind::kTwoGigabytes, Argument::kNone, "", "two_gigabytes",
     "answers with a message that announces two gigabytes"},
    {"tables_only", Kind::kTablesOnly, Argument::kError, idl::kErrInvalidState,
     "tables_only[:ERR_X]", "answers its tables, but ERR_X when asked for its replicas"},
    {"replicas_only", Kind::kReplicasOnly, Argument::kError, idl::kErrInvalidState,
     "replicas_only[:ERR_X]", "answers its replicas, but ERR_X when asked for its tables"},
    {"loading", Kind::kLoading, Argument::kTimes, "", "loading:N",
     "answers ERR_HANDLER_NOT_FOUND to the first N requests of each kind"},
    {"serving", Kind::kServing, Argument::kMilliseconds, kForEver, "serving[:MS]",
     "its inactive replicas are primaries and secondaries, for MS milliseconds"},
};

absl::Status Misunderstood(absl::string_view text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot understand the fault '", text, "': ", why));
}

absl::StatusOr<int64_t> ParseCount(absl::string_view text, absl::string_view argument,
                                   int64_t max) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(argument, &count) || count < 0 || count > max) {
    return Misunderstood(text, absl::StrCat("'", argument, "' is not a number from 0 to ", max));
  }
  return count;
}

}  // namespace

absl::StatusOr<SimulatedFault> ParseFault(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return SimulatedFault{};
  const size_t separator = text.find_first_of(": ");
  const absl::string_view name = text.substr(0, separator);
  const Known* known = std::find_if(std::begin(kFaults), std::end(kFaults),
                                    [name](const Known& fault) { return fault.name == name; });
  if (known == std::end(kFaults)) {
    return Misunderstood(text, absl::StrCat("there are\n", FaultHelp()));
  }
  absl::string_view argument =
      separator == absl::string_view::npos ? "" : text.substr(separator + 1);
  argument = absl::StripAsciiWhitespace(argument);
  if (known->argument == Argument::kNone) {
    if (!argument.empty()) return Misunderstood(text, absl::StrCat(name, " takes no argument"));
  } else if (argument.empty()) {
    argument = known->default_argument;
    if (argument.empty()) return Misunderstood(text, absl::StrCat("write ", known->form));
  }

  SimulatedFault fault;
  fault.kind = known->kind;
  if (known->argument == Argument::kError) {
    if (!absl::StartsWith(argument, "ERR_")) {
      return Misunderstood(text, "the name of an error begins with ERR_");
    }
    fault.error = std::string(argument);
  } else if (known->argument == Argument::kMilliseconds) {
    const absl::StatusOr<int64_t> delay = ParseCount(text, argument, kMillisecondsMax);
    if (!delay.ok()) return delay.status();
    fault.delay = absl::Milliseconds(*delay);
  } else if (known->argument == Argument::kTimes) {
    const absl::StatusOr<int64_t> times = ParseCount(text, argument, kTimesMax);
    if (!times.ok()) return times.status();
    fault.times = *times;
  }
  return fault;
}

std::string FaultHelp() {
  std::string help;
  for (const Known& fault : kFaults) {
    absl::StrAppend(&help, absl::StrFormat("  %-22s %s\n", fault.form, fault.help));
  }
  return help;
}

}  // namespace metarec::testing
