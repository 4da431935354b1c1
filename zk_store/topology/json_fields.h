// Private to zk_store: reads a JSON object of known fields by the rules of INTEROP.md section 6.2.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

// A known field: its key and where its value goes, whose type says what is accepted. Integers must
// be in range; bools may be 0, 1, true or false.
struct JsonField {
  using Target = std::variant<std::string*, int32_t*, int64_t*, bool*, std::vector<std::string>*,
                              std::map<std::string, std::string>*>;
  absl::string_view key;
  Target target;
  bool found = false;  // set by the reader
};

// Reads `json`, one object, into `fields`. Unknown keys are skipped unless a known one is missing.
// Errors are kInvalidArgument: "<path>: byte <offset>: <what is wrong>".
absl::Status ReadJsonFields(absl::string_view path, absl::string_view json,
                            absl::Span<JsonField> fields);

}  // namespace metarec
