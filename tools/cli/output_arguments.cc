#include "tools/cli/output_arguments.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include <absl/strings/str_cat.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "tools/cli/interrupt_signals.h"

namespace metarec::tools {

void OutputArguments::AddTo(CLI::App& verb) {
  constexpr auto kGroup = "OUTPUT";
  verb.add_option("--format", format_, "how results are printed")
      ->type_name("text|json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("-o,--output", file_, "print to this file instead of stdout")
      ->type_name("FILE")
      ->group(kGroup);
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

}  // namespace metarec::tools
