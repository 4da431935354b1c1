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
    : out_(&buffer_), style_(style), flushed_at_bytes_(kPieceBytes), sink_(sink) {}

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

void JsonWriter::QuoteEscaped(absl::string_view text) {
  constexpr char kHexDigits[] = "0123456789ABCDEF";
  out_->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out_->push_back(c);
      continue;
    }
    out_->push_back('\\');
    if (const char letter = ShortEscape(c)) {
      out_->push_back(letter);
    } else {
      out_->append("u00");
      out_->push_back(kHexDigits[byte >> 4]);
      out_->push_back(kHexDigits[byte & 0xF]);
    }
  }
  out_->push_back('"');
}

void JsonWriter::BreakLine() {
  out_->push_back('\n');
  out_->append(static_cast<size_t>(depth_) * static_cast<size_t>(style_.indent), ' ');
}

void JsonWriter::Flush() {
  if (!sink_.has_value()) return;
  if (status_.ok()) status_ = (*sink_)(buffer_);
  buffer_.clear();
}

}  // namespace metarec
