#include "message_fields.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/types/span.h>

namespace metarec {

std::string FieldRecorder::PathInside() {
  if (levels_.empty()) return "";
  Level& top = levels_.back();
  return top.is_container ? absl::StrCat(top.path, ".", top.structs++) : top.path;
}

uint32_t FieldRecorder::writeStructBegin(const char* /*name*/) {
  Level level;
  level.path = PathInside();
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::writeFieldBegin(const char* name, TType /*type*/, int16_t /*id*/) {
  const std::string& around = levels_.back().path;
  Level level;
  level.path = around.empty() ? name : absl::StrCat(around, ".", name);
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::writeFieldEnd() {
  const Level& field = levels_.back();
  if (!field.plain.empty()) fields_[field.path] = absl::StrJoin(field.plain, "|");
  return Pop();
}

uint32_t FieldRecorder::BeginContainer(uint32_t size) {
  Level level;
  level.path = PathInside();
  level.is_container = true;
  level.size = size;
  fields_[absl::StrCat(level.path, ".size")] = absl::StrCat(size);
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::EndList() {
  const Level& list = levels_.back();
  // A placeholder is as many plain values as its kind has.
  const size_t each = list.size == 0 ? 0 : list.plain.size() / list.size;
  for (uint32_t i = 0; each > 0 && i < list.size; ++i) {
    fields_[absl::StrCat(list.path, ".", i)] =
        absl::StrJoin(absl::MakeConstSpan(list.plain).subspan(i * each, each), "|");
  }
  return Pop();
}

uint32_t FieldRecorder::writeMapEnd() {
  const Level& map = levels_.back();
  if (map.plain.size() == 2 * map.size) {
    for (uint32_t i = 0; i < map.size; ++i) {
      fields_[absl::StrCat(map.path, ".", map.plain[2 * i])] = map.plain[2 * i + 1];
    }
    return Pop();
  }
  // From plain keys to structs.
  for (size_t i = 0; i < map.plain.size(); ++i) {
    fields_[absl::StrCat(map.path, ".", i, ".key")] = map.plain[i];
  }
  return Pop();
}

uint32_t FieldRecorder::Note(std::string value) {
  levels_.back().plain.push_back(std::move(value));
  return 0;
}

uint32_t FieldRecorder::Pop() {
  levels_.pop_back();
  return 0;
}

}  // namespace metarec
