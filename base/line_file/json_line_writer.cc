#include "base/line_file/json_line_writer.h"

#include <absl/strings/escaping.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>

namespace metarec {
namespace {

bool IsUtf8(absl::string_view text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::StringBuffer ignored;
  while (in.Tell() < text.size()) {
    ignored.Clear();
    if (!rapidjson::UTF8<>::Validate(in, ignored)) return false;
  }
  return true;
}

}  // namespace

void JsonLineWriter::String(absl::string_view text) {
  if (IsUtf8(text)) {
    json_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    return;
  }
  json_.StartObject();
  json_.Key("hex");
  json_.String(absl::BytesToHexString(text));
  json_.EndObject();
}

void JsonLineWriter::Open(const char* key) {
  json_.StartObject();
  json_.Key(key);
  json_.StartObject();
}

absl::Status JsonLineWriter::Close() {
  json_.EndObject();
  json_.EndObject();
  return EndLine();
}

absl::Status JsonLineWriter::EndLine() {
  digest_.Add(line());
  const absl::Status status = sink_(line());
  buffer_.Clear();
  json_.Reset(buffer_);
  return status;
}

absl::Status JsonLineWriter::EndFile() {
  Text("digest", digest_.Finish());
  json_.EndObject();
  return sink_(line());
}

}  // namespace metarec
