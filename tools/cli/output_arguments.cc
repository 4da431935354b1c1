#include "tools/cli/output_arguments.h"

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
  std::optional<OutputFile> file;
  METAREC_RETURN_IF_ERROR(print([&](absl::string_view text) -> absl::Status {
    if (InterruptSignals::received()) return absl::CancelledError("printing was interrupted");
    if (file_.empty()) {
      return std::cout << text ? absl::OkStatus() : CannotWriteTo("stdout");
    }
    if (!file.has_value()) {
      METAREC_ASSIGN_OR_RETURN(file, OutputFile::Replace(file_));
    }
    return file->Write(text);
  }));
  if (file.has_value()) return file->Finish();
  if (!file_.empty() || std::cout << std::flush) return absl::OkStatus();
  return CannotWriteTo("stdout");
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
    : silent_(arguments.json()), to_file_(!silent_ && !arguments.file().empty()) {
  if (!to_file_) return;
  absl::StatusOr<OutputFile> file = OutputFile::Open(arguments.file());
  status_ = file.status();
  if (file.ok()) file_ = *std::move(file);
}

void ShellOutput::Print(absl::string_view text) {
  if (silent_) return;
  if (to_file_) {
    if (status_.ok()) status_ = file_->Write(text);
    return;
  }
  std::cout << std::exchange(not_taken_, "") << text << std::flush;
  if (!std::cout.good()) status_.Update(CannotWriteTo("stdout"));
}

void ShellOutput::PrintWithoutWaiting(absl::string_view text) {
  if (silent_ || to_file_) return Print(text);
  // Everything that was printed before was flushed.
  absl::StrAppend(&not_taken_, text);
  const ssize_t taken = WriteWithoutWaiting(STDOUT_FILENO, not_taken_);
  if (taken < 0) return Print("");  // finds out what is wrong
  not_taken_.erase(0, static_cast<size_t>(taken));
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
