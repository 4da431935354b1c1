#include "zk_store/tree/acl_policy.h"

#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/tree/acl_text.h"

namespace metarec {
namespace {

constexpr absl::string_view kLeftOut = "-";

absl::Status WrongLine(size_t line, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
}

}  // namespace

absl::StatusOr<AclMap> AclMap::Parse(absl::string_view text) {
  if (text.size() > kTextBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than ", kTextBytesMax, " bytes, which no ACL map is"));
  }
  AclMap map;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped.front() == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(stripped, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 2) {
      return WrongLine(number,
                       "expected an identity of the source and one of the target, as in "
                       "\"digest:old:hash digest:new:hash\"");
    }
    std::vector<std::optional<Identity>> identities;
    for (const absl::string_view word : words) {
      if (identities.size() == 1 && word == kLeftOut) {
        identities.emplace_back();
        continue;
      }
      const size_t colon = word.find(':');
      if (colon == absl::string_view::npos || colon == 0) {
        return WrongLine(number, absl::StrCat("'", Printable(Shortened(word)),
                                              "' is no identity; write SCHEME:ID"));
      }
      identities.emplace_back(
          Identity(std::string(word.substr(0, colon)), std::string(word.substr(colon + 1))));
    }
    if (!map.map_.emplace(*identities[0], identities[1]).second) {
      return WrongLine(number, absl::StrCat(Printable(Shortened(words[0])), " is there twice"));
    }
  }
  return map;
}

absl::StatusOr<Acl> AclMap::Apply(const Acl& acl) const {
  if (map_.empty()) return acl;
  Acl mapped;
  for (const AclEntry& entry : acl) {
    const auto found = map_.find(Identity(entry.scheme, entry.id));
    if (found == map_.end()) {
      mapped.push_back(entry);
    } else if (found->second.has_value()) {
      mapped.push_back(AclEntry{found->second->first, found->second->second, entry.permissions});
    }
  }
  if (!mapped.empty()) return mapped;
  return absl::FailedPreconditionError(
      absl::StrCat("the ACL map leaves nothing of its ACL: ", Printable(AclText(acl))));
}

std::string AclMap::ToText() const {
  std::string text;
  for (const auto& [from, to] : map_) {
    absl::StrAppend(
        &text, from.first, ":", from.second, " ",
        to.has_value() ? absl::StrCat(to->first, ":", to->second) : std::string(kLeftOut), "\n");
  }
  return text;
}

absl::string_view CopiedAclName(CopiedAcl acl) {
  switch (acl) {
    case CopiedAcl::kKeep:
      return "keep";
    case CopiedAcl::kOpen:
      return "open";
    case CopiedAcl::kCreator:
      return "creator";
  }
  return "unknown";
}

}  // namespace metarec
