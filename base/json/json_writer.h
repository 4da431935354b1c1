#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include "base/text/text_sink.h"

namespace metarec {

// What becomes of text that came from somewhere else. Keys are always written as they are.
enum class JsonText {
  kAsIs,            // whatever bytes there are
  kPrintable,       // \xNN for what a terminal should not get (base/text/printable.h)
  kPrintableLines,  // the same, but line breaks stay
  kHex,             // {"hex": "..."} for bytes that are no UTF-8: nothing is lost
};

struct JsonStyle {
  JsonText text = JsonText::kAsIs;
  int indent = -1;  // spaces for each level; -1: everything in one line, without blanks
};

// Writes JSON, byte for byte as RapidJSON's writers do and several times as fast. The caller is
// responsible for the structure: every object and array that is started is ended, and in an object
// a key comes before each value.
//
// Not thread-safe.
class JsonWriter {
 public:
  // Appends to `out`, which must outlive this.
  explicit JsonWriter(std::string* out, JsonStyle style = {}) : out_(out), style_(style) {}
  // Gives the text to `sink` in pieces of about 64 KiB, the last one in Finish. `sink` must outlive
  // this.
  explicit JsonWriter(TextSink sink, JsonStyle style = {});
  ~JsonWriter() = default;
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& StartObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& StartArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }

  JsonWriter& Key(absl::string_view key) {
    if (style_.indent < 0 && !NeedsEscapes(key)) {
      // Most keys of all: in few steps.
      const bool is_first = std::exchange(next_, Next::kValueOfKey) == Next::kFirstItem;
      out_->append(is_first ? "\"" : ",\"", is_first ? 1 : 2);
      out_->append(key.data(), key.size());
      out_->append("\":", 2);
      return *this;
    }
    BeforeItem();
    Quote(key);
    out_->append(style_.indent < 0 ? ":" : ": ");
    next_ = Next::kValueOfKey;
    return *this;
  }
  JsonWriter& String(absl::string_view text) { return String(text, style_.text); }
  JsonWriter& Int(int64_t value) {
    BeforeItem();
    const absl::AlphaNum digits(value);
    out_->append(digits.data(), digits.size());
    return AfterItem();
  }
  JsonWriter& Bool(bool value) { return Json(value ? "true" : "false"); }
  JsonWriter& Null() { return Json("null"); }
  // With so many digits behind the point at most.
  JsonWriter& Double(double value, int decimals_max);
  // A value that is JSON already.
  JsonWriter& Json(absl::string_view json) {
    BeforeItem();
    out_->append(json.data(), json.size());
    return AfterItem();
  }

  // Fields of the object that is open.
  JsonWriter& StartObject(absl::string_view key) { return Key(key).StartObject(); }
  JsonWriter& StartArray(absl::string_view key) { return Key(key).StartArray(); }
  JsonWriter& String(absl::string_view key, absl::string_view text) {
    return Key(key).String(text, style_.text);
  }
  // For a text that is not to be treated as the style says.
  JsonWriter& String(absl::string_view key, absl::string_view text, JsonText how) {
    return Key(key).String(text, how);
  }
  JsonWriter& Int(absl::string_view key, int64_t value) { return Key(key).Int(value); }
  JsonWriter& Bool(absl::string_view key, bool value) { return Key(key).Bool(value); }
  JsonWriter& Double(absl::string_view key, double value, int decimals_max) {
    return Key(key).Double(value, decimals_max);
  }
  JsonWriter& Json(absl::string_view key, absl::string_view json) { return Key(key).Json(json); }
  // Any range of strings, as an array.
  template <typename Texts>
  JsonWriter& Strings(absl::string_view key, const Texts& texts) {
    if (std::empty(texts)) return Json(key, "[]");
    StartArray(key);
    for (const auto& text : texts) String(text);
    return EndArray();
  }
  // Any range of numbers, as an array.
  template <typename Numbers>
  JsonWriter& Ints(absl::string_view key, const Numbers& numbers) {
    StartArray(key);
    for (const auto number : numbers) Int(number);
    return EndArray();
  }
  // Any range of pairs of strings, as an object.
  template <typename Map>
  JsonWriter& Object(absl::string_view key, const Map& map) {
    StartObject(key);
    for (const auto& [name, text] : map) String(name, text);
    return EndObject();
  }
  // The same as an array of arrays of two, for keys that may repeat or be no valid text.
  template <typename Range>
  JsonWriter& Pairs(absl::string_view key, const Range& pairs) {
    StartArray(key);
    for (const auto& [first, second] : pairs) StartArray().String(first).String(second).EndArray();
    return EndArray();
  }

  // Behind the last value.
  JsonWriter& Newline() {
    out_->push_back('\n');
    return *this;
  }

  // The first error of the sink, after which nothing more is given to it. Long loops ask now and
  // then whether to go on.
  absl::Status status() const { return sunk_ == nullptr ? absl::OkStatus() : sunk_->status; }
  // Gives the rest to the sink.
  absl::Status Finish();

 private:
  // What comes next: the first item of what is open, another one, or the value of a key.
  enum class Next : char { kFirstItem, kFurtherItem, kValueOfKey };

  struct Sunk {
    TextSink sink;
    std::string buffer;
    absl::Status status;
  };

  // Nothing below is told `this` as long as the style is the default one and there is no sink: then
  // the compiler keeps the writer in registers, which millions of znodes are worth.
  void BeforeItem() {
    const Next next = std::exchange(next_, Next::kFurtherItem);
    if (next == Next::kValueOfKey) return;
    if (next == Next::kFurtherItem) out_->push_back(',');
    if (style_.indent >= 0 && depth_ > 0) BreakLine(depth_ * style_.indent, out_);
  }
  JsonWriter& AfterItem() {
    if (sunk_ != nullptr) FlushIfLong(sunk_.get());
    return *this;
  }
  JsonWriter& Open(char bracket) {
    BeforeItem();
    out_->push_back(bracket);
    ++depth_;
    next_ = Next::kFirstItem;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    --depth_;
    if (style_.indent >= 0 && next_ == Next::kFurtherItem) BreakLine(depth_ * style_.indent, out_);
    out_->push_back(bracket);
    next_ = depth_ > 0 ? Next::kFurtherItem : Next::kFirstItem;
    return AfterItem();
  }
  JsonWriter& String(absl::string_view text, JsonText how) {
    if (how != JsonText::kAsIs) return StringNotAsIs(text, how);
    BeforeItem();
    Quote(text);
    return AfterItem();
  }
  JsonWriter& StringNotAsIs(absl::string_view text, JsonText how);

  static bool NeedsEscapes(absl::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') return true;
    }
    return false;
  }
  void Quote(absl::string_view text) {
    if (NeedsEscapes(text)) return QuoteEscaped(text, out_);
    out_->push_back('"');
    out_->append(text.data(), text.size());
    out_->push_back('"');
  }
  static void QuoteEscaped(absl::string_view text, std::string* out);
  static void BreakLine(int spaces, std::string* out);
  static void FlushIfLong(Sunk* sunk);
  static void Flush(Sunk* sunk);

  std::unique_ptr<Sunk> sunk_;  // only with a sink
  std::string* const out_;
  const JsonStyle style_;
  Next next_ = Next::kFirstItem;
  int depth_ = 0;
};

}  // namespace metarec
