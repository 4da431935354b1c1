#include "base/json/json_writer.h"

#include <absl/strings/escaping.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

// The letter behind the backslash; 0: there is none, and \u00NN is needed.
char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

}  // namespace

JsonWriter::JsonWriter(TextSink sink, JsonStyle style)
    : sunk_(new Sunk{sink, "", absl::OkStatus()}), out_(&sunk_->buffer), style_(style) {}

absl::Status JsonWriter::Finish() {
  if (sunk_ != nullptr) Flush(sunk_.get());
  return status();
}

JsonWriter& JsonWriter::StringNotAsIs(absl::string_view text, JsonText how) {
  if (how == JsonText::kHex) {
    if (IsUtf8(text)) return String(text, JsonText::kAsIs);
    return StartObject()
        .Key("hex")
        .String(absl::BytesToHexString(text), JsonText::kAsIs)
        .EndObject();
  }
  return String(how == JsonText::kPrintable ? Printable(text) : PrintableLines(text),
                JsonText::kAsIs);
}

JsonWriter& JsonWriter::Double(double value, int decimals_max) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.SetMaxDecimalPlaces(decimals_max);
  writer.Double(value);
  return Json({buffer.GetString(), buffer.GetSize()});
}

void JsonWriter::QuoteEscaped(absl::string_view text, std::string* out) {
  constexpr char kHexDigits[] = "0123456789ABCDEF";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out->push_back(c);
      continue;
    }
    out->push_back('\\');
    if (const char letter = ShortEscape(c)) {
      out->push_back(letter);
    } else {
      out->append("u00");
      out->push_back(kHexDigits[byte >> 4]);
      out->push_back(kHexDigits[byte & 0xF]);
    }
  }
  out->push_back('"');
}

void JsonWriter::BreakLine(int spaces, std::string* out) {
  out->push_back('\n');
  out->append(static_cast<size_t>(spaces), ' ');
}

void JsonWriter::FlushIfLong(Sunk* sunk) {
  if (sunk->buffer.size() >= kPieceBytes) Flush(sunk);
}

void JsonWriter::Flush(Sunk* sunk) {
  if (sunk->status.ok()) sunk->status = sunk->sink(sunk->buffer);
  sunk->buffer.clear();
}

}  // namespace metarec
