#include "pegasus_client/pegasus_ini.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kShownBytesMax = 80;

absl::Status Wrong(absl::string_view why) { return absl::InvalidArgumentError(why); }

// A line without its comment; "^#" and "^;" stand for themselves.
std::string WithoutComment(absl::string_view line) {
  std::string kept;
  for (const char c : line) {
    if (c == '#' || c == ';') {
      if (kept.empty() || kept.back() != '^') break;
      kept.pop_back();
    }
    kept.push_back(c);
  }
  return std::string(absl::StripAsciiWhitespace(kept));
}

absl::Status CheckIsText(absl::string_view text) {
  if (text.empty()) return Wrong(": the file is empty");
  if (absl::StartsWith(text, kByteOrderMark)) {
    return Wrong(
        ":1: the file begins with a byte-order mark, with which stock meta servers refuse it, too; "
        "save it without");
  }
  const size_t zero = text.find('\0');
  if (zero == absl::string_view::npos) return absl::OkStatus();
  return Wrong(absl::StrCat(": there is a zero byte at offset ", zero,
                            ", so this is no text file; give the meta server's config.ini"));
}

}  // namespace

absl::StatusOr<PegasusIni> PegasusIni::Parse(absl::string_view text, absl::string_view name) {
  if (const absl::Status status = CheckIsText(text); !status.ok()) {
    return Wrong(absl::StrCat(name, status.message()));
  }
  PegasusIni ini;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::Status status = ini.AddLine(WithoutComment(line), ++number);
    if (!status.ok()) return Wrong(absl::StrCat(name, ":", number, ": ", status.message()));
  }
  return ini;
}

absl::Status PegasusIni::AddLine(absl::string_view line, int number) {
  if (line.empty()) return absl::OkStatus();
  if (line.front() == '[') return AddSection(line, number);
  const std::string shown = Printable(line.substr(0, kShownBytesMax));
  if (current_ == nullptr) {
    return Wrong(absl::StrCat("'", shown, "' stands before the first [section]"));
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits('=', 1));
  const absl::string_view key = absl::StripAsciiWhitespace(parts.first);
  if (key.empty()) return Wrong(absl::StrCat("'", shown, "' has no key in front of the ="));
  const auto [entry, is_new] = current_->entries.try_emplace(std::string(key));
  if (is_new) {
    entry->second.value = std::string(absl::StripAsciiWhitespace(parts.second));
    entry->second.line = number;
  } else if (entry->second.again_line == 0) {
    entry->second.again_line = number;
  }
  return absl::OkStatus();
}

absl::Status PegasusIni::AddSection(absl::string_view line, int number) {
  const std::string shown = Printable(line.substr(0, kShownBytesMax));
  const size_t end = line.find(']');
  if (end == absl::string_view::npos || absl::StrContains(line, '=')) {
    return Wrong(absl::StrCat("'", shown, "' is neither [section] nor key = value"));
  }
  const std::string name(absl::StripAsciiWhitespace(line.substr(1, end - 1)));
  if (name.empty()) return Wrong(absl::StrCat("'", shown, "' names no section"));
  const auto [section, is_new] = sections_.try_emplace(name);
  if (!is_new) {
    return Wrong(absl::StrCat("[", Printable(name), "] is there already, in line ",
                              section->second.line,
                              "; stock meta servers refuse that, too. Make one section of both"));
  }
  section->second.line = number;
  current_ = &section->second;
  return absl::OkStatus();
}

bool PegasusIni::HasSection(absl::string_view section) const {
  return sections_.find(section) != sections_.end();
}

const PegasusIni::Entry* PegasusIni::Find(absl::string_view section, absl::string_view key) const {
  const auto found = sections_.find(section);
  if (found == sections_.end()) return nullptr;
  const auto entry = found->second.entries.find(key);
  return entry == found->second.entries.end() ? nullptr : &entry->second;
}

}  // namespace metarec
