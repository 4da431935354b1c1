#include "base/line_file/json_line_writer.h"

namespace metarec {

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

}  // namespace metarec
