// Private to zk_store: glue between RapidJSON and our strings.

#pragma once

#include <string>

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

// A writer without whitespace, with typed key-value pairs.
class JsonObjectWriter {
 public:
  explicit JsonObjectWriter(std::string* out) : stream_(out), writer_(stream_) {
    writer_.StartObject();
  }
  void End() { writer_.EndObject(); }

  void String(absl::string_view key, absl::string_view value) {
    Key(key);
    Text(value);
  }
  void Int(absl::string_view key, int64_t value) {
    Key(key);
    writer_.Int64(value);
  }
  // Any range of strings.
  template <typename Strings>
  void Array(absl::string_view key, const Strings& values) {
    Key(key);
    writer_.StartArray();
    for (const auto& value : values) Text(value);
    writer_.EndArray();
  }
  // Any map from string to string, in its order.
  template <typename StringMap>
  void Object(absl::string_view key, const StringMap& map) {
    Key(key);
    writer_.StartObject();
    for (const auto& [name, value] : map) String(name, value);
    writer_.EndObject();
  }

 private:
  void Key(absl::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }
  void Text(absl::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

  StringAppender stream_;
  rapidjson::Writer<StringAppender> writer_;
};

}  // namespace metarec
