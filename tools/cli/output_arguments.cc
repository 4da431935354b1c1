#include "tools/cli/output_arguments.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "idl/error_names.h"
#include "pegasus_client/shell_failure.h"
#include "rpc/pegasus_status.h"
#include "tools/cli/interrupts.h"
#include "tools/process/unblocked_stderr.h"

namespace metarec::tools {
namespace {

// Does not depend on what was asked for.
ExitCode ExitCodeOf(const absl::Status& status) {
  const std::string error_name = rpc::PegasusErrorName(status);
  const bool is_refused = error_name == idl::kErrAclDeny || error_name == idl::kErrBusy;
  return is_refused ? ExitCode::kRefused : ExitCode::kFailed;
}

}  // namespace

void OutputArguments::AddTo(Command& verb) {
  constexpr auto kGroup = "OUTPUT";
  verb.Add("--format", &format_, "how results are printed")
      .TypeName("text|json")
      .OneOf({"text", "json"})
      .ShowDefault()
      .Group(kGroup);
  verb.Add("-o,--output", &file_, "print to this file instead of stdout")
      .TypeName("FILE")
      .Group(kGroup);
}

void OutputArguments::AddShortFlagTo(Command& verb) {
  verb.AddFlag("-j,--json", &json_flag_, "the same as --format json");
}

absl::Status OutputArguments::Print(absl::string_view text) const {
  return PrintPieces([text](TextSink sink) { return sink(text); });
}

absl::Status OutputArguments::PrintPieces(
    absl::FunctionRef<absl::Status(TextSink sink)> print) const {
  std::ofstream file;
  std::ostream& out = file_.empty() ? std::cout : file;
  bool is_open = file_.empty();
  const auto check = [&] {
    if (out.good()) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot write to ", file_.empty() ? "stdout" : file_,
                                               ": ", std::strerror(errno)));
  };
  METAREC_RETURN_IF_ERROR(print([&](absl::string_view text) {
    if (InterruptSignals::received()) return absl::CancelledError("printing was interrupted");
    if (!is_open) file.open(file_, std::ios::binary | std::ios::trunc);
    is_open = true;
    if (out.good()) out << text;
    return check();
  }));
  out << std::flush;
  return check();
}

namespace {

std::string Quoted(const std::string& printable) {
  std::string json;
  JsonWriter(&json).String(printable);
  return json;
}

}  // namespace

std::string JsonString(absl::string_view text) { return Quoted(Printable(text)); }

JsonObject& JsonObject::SetJson(absl::string_view name, absl::string_view json) {
  absl::StrAppend(&fields_, fields_.empty() ? "" : ",", JsonString(name), ":", json);
  return *this;
}

JsonObject& JsonObject::Set(absl::string_view name, absl::string_view value) {
  return SetJson(name, JsonString(value));
}

JsonObject& JsonObject::SetLines(absl::string_view name, absl::string_view value) {
  return SetJson(name, Quoted(PrintableLines(value)));
}

JsonObject& JsonObject::Set(absl::string_view name, const char* value) {
  return Set(name, absl::string_view(value));
}

JsonObject& JsonObject::Set(absl::string_view name, int64_t value) {
  return SetJson(name, absl::StrCat(value));
}

JsonObject& JsonObject::Set(absl::string_view name, bool value) {
  return SetJson(name, value ? "true" : "false");
}

std::string JsonObject::ToText() const { return absl::StrCat("{", fields_, "}"); }

ShellOutput::ShellOutput(const OutputArguments& arguments)
    : silent_(arguments.json()),
      to_file_(!silent_ && !arguments.file().empty()),
      name_(to_file_ ? arguments.file() : "stdout") {
  if (to_file_) file_.open(name_);
  Check();
}

void ShellOutput::Print(absl::string_view text) {
  if (silent_) return;
  (to_file_ ? static_cast<std::ostream&>(file_) : std::cout)
      << std::exchange(not_taken_, "") << text << std::flush;
  Check();
}

void ShellOutput::PrintWithoutWaiting(absl::string_view text) {
  if (silent_ || to_file_) return Print(text);
  // Everything that was printed before was flushed.
  absl::StrAppend(&not_taken_, text);
  const ssize_t taken = WriteWithoutWaiting(STDOUT_FILENO, not_taken_);
  if (taken < 0) return Print("");  // finds out what is wrong
  not_taken_.erase(0, static_cast<size_t>(taken));
}

void ShellOutput::Check() {
  if (to_file_ ? file_.good() : std::cout.good()) return;
  status_.Update(
      absl::UnavailableError(absl::StrCat("cannot write to ", name_, ": ", std::strerror(errno))));
}

ExitCode PrintShellFailure(absl::string_view verb, const absl::Status& status, bool json) {
  const std::string text = ShellTextOf(status);
  if (json) {
    std::cout << JsonObject()
                     .Set("error", rpc::PegasusErrorName(status))
                     .Set("message", text.empty() ? std::string(status.message()) : text)
                     .ToLine();
  } else if (!text.empty()) {
    std::cout << text << "\n";
  }
  std::cout << std::flush;
  std::cerr << "metarec " << verb << ": " << status.message() << std::endl;
  return ExitCodeOf(status);
}

}  // namespace metarec::tools
