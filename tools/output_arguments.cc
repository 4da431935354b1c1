#include "tools/output_arguments.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include <absl/strings/str_cat.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "text/printable.h"

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
  if (file_.empty()) {
    std::cout << text << std::flush;
    if (std::cout.good()) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot write to stdout: ", std::strerror(errno)));
  }
  std::ofstream file(file_, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write to ", file_, ": ", std::strerror(errno)));
}

namespace {

std::string Quoted(const std::string& printable) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(printable.data(), printable.size());
  return std::string(buffer.GetString(), buffer.GetSize());
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
