#include "base/line_file/json_lines.h"

#include <absl/strings/str_cat.h>

namespace metarec {

void LineDigest::Add(absl::string_view line) {
  sha256_.Add(line);
  sha256_.Add("\n");
}

absl::Status JsonLineWriter::Close() {
  EndObject().EndObject();
  return EndLine();
}

absl::Status JsonLineWriter::EndLine() {
  digest_.Add(line_);
  const absl::Status status = sink_(line_);
  line_.clear();
  return status;
}

absl::Status JsonLineWriter::EndFile() {
  String("digest", digest_.Finish());
  EndObject();
  return sink_(line_);
}

JsonLineParser::JsonLineParser(absl::string_view name, absl::string_view remedy)
    : name_(name), remedy_(remedy) {}

void JsonLineParser::Parse(absl::string_view line, bool terminated) {
  ++line_number_;
  terminated_ = terminated;
  json_.Parse(line);
}

absl::Status JsonLineParser::CheckDigest(absl::string_view digest) {
  return digest == digest_.Finish() ? absl::OkStatus()
                                    : Damaged("the digest differs from what is in the file");
}

absl::Status JsonLineParser::Damaged(absl::string_view what) const {
  return absl::DataLossError(absl::StrCat(Where(), ": ", what, " (edited or damaged); ", remedy_));
}

absl::Status JsonLineParser::Truncated() const {
  return absl::DataLossError(absl::StrCat(
      Where(), ": the file ends before its last line, which holds the digest: it is truncated; ",
      remedy_));
}

absl::Status JsonLineParser::NotParsed(absl::string_view what) const {
  return terminated_ ? Damaged(what) : Truncated();
}

std::string JsonLineParser::Where() const { return absl::StrCat(name_, ":", line_number_); }

}  // namespace metarec
