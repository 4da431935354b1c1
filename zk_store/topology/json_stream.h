// Private to zk_store: glue between RapidJSON and our strings.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <rapidjson/writer.h>

namespace metarec {

// RapidJSON's output stream concept over a std::string: appends.
class StringAppender {
 public:
  using Ch = char;
  explicit StringAppender(std::string* out) : out_(out) {}
  void Put(char c) { out_->push_back(c); }
  void Flush() {}

 private:
  std::string* out_;
};

// Writes what rapidjson::Writer would, byte for byte, several times as fast: it appends whole
// strings, and leaves those to RapidJSON that need escapes. Typed key-value pairs, no whitespace.
class JsonObjectWriter {
 public:
  explicit JsonObjectWriter(std::string* out) : out_(out) { out_->push_back('{'); }
  void End() { out_->push_back('}'); }

  void String(absl::string_view key, absl::string_view value) {
    Key(key);
    Text(value);
  }
  void Int(absl::string_view key, int64_t value) {
    Key(key);
    const absl::AlphaNum digits(value);
    out_->append(digits.data(), digits.size());
  }
  // Any range of strings.
  template <typename Strings>
  void Array(absl::string_view key, const Strings& values) {
    Key(key);
    char before = '[';
    for (const auto& value : values) {
      out_->push_back(std::exchange(before, ','));
      Text(value);
    }
    out_->append(before == '[' ? "[]" : "]");
  }
  // Any map from string to string, in its order.
  template <typename StringMap>
  void Object(absl::string_view key, const StringMap& map) {
    Key(key);
    JsonObjectWriter object(out_);
    for (const auto& [name, value] : map) object.String(name, value);
    object.End();
  }

 private:
  void Key(absl::string_view key) {
    if (std::exchange(has_members_, true)) out_->push_back(',');
    Text(key);
    out_->push_back(':');
  }
  void Text(absl::string_view text) {
    const bool needs_escapes = absl::c_any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
    if (needs_escapes) {
      StringAppender stream(out_);
      rapidjson::Writer<StringAppender> writer(stream);
      writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
      return;
    }
    out_->push_back('"');
    out_->append(text.data(), text.size());
    out_->push_back('"');
  }

  std::string* const out_;
  bool has_members_ = false;
};

}  // namespace metarec
