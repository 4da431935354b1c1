#include "zk_store/tree/acl_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <tuple>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/wording.h"

namespace metarec {
namespace {

struct Permission {
  char letter;
  int32_t bit;
};
// In the order in which ZooKeeper's shell shows them.
constexpr Permission kPermissions[] = {{'c', 4}, {'d', 8}, {'r', 1}, {'w', 2}, {'a', 16}};
constexpr int32_t kAllPermissions = 31;

std::string PermissionsText(int32_t permissions) {
  if (permissions <= 0 || permissions > kAllPermissions) return absl::StrCat(permissions);
  std::string letters;
  for (const Permission& permission : kPermissions) {
    if ((permissions & permission.bit) != 0) letters += permission.letter;
  }
  return letters;
}

absl::StatusOr<int32_t> ParsePermissions(absl::string_view text) {
  int32_t permissions = 0;
  if (absl::SimpleAtoi(text, &permissions)) return permissions;
  for (const char letter : text) {
    const auto* const permission =
        std::find_if(std::begin(kPermissions), std::end(kPermissions),
                     [letter](const Permission& known) { return known.letter == letter; });
    if (permission == std::end(kPermissions) || (permissions & permission->bit) != 0) {
      permissions = 0;
      break;
    }
    permissions |= permission->bit;
  }
  if (permissions != 0) return permissions;
  return absl::InvalidArgumentError(
      absl::StrCat("its permissions '", absl::CHexEscape(Shortened(text)),
                   "' must be some of the letters c, d, r, w, a, each once"));
}

}  // namespace

std::string AclText(const AclEntry& entry) {
  return absl::StrCat(entry.scheme, ":", entry.id, ":", PermissionsText(entry.permissions));
}

std::string AclText(const Acl& acl) {
  if (acl.empty()) return "none";
  return absl::StrJoin(acl, ", ", [](std::string* out, const AclEntry& entry) {
    absl::StrAppend(out, AclText(entry));
  });
}

absl::StatusOr<AclEntry> ParseAclEntry(absl::string_view text) {
  const auto wrong = [text](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(Shortened(text)),
                                                   "' is no entry of an ACL: ", why,
                                                   "; write scheme:id:permissions, such as "
                                                   "world:anyone:cdrwa"));
  };
  const size_t first = text.find(':');
  const size_t last = text.rfind(':');
  if (first == absl::string_view::npos || first == last) return wrong("it needs two colons");
  if (first == 0) return wrong("its scheme is empty");
  const absl::StatusOr<int32_t> permissions = ParsePermissions(text.substr(last + 1));
  if (!permissions.ok()) return wrong(permissions.status().message());
  return AclEntry{.scheme = std::string(text.substr(0, first)),
                  .id = std::string(text.substr(first + 1, last - first - 1)),
                  .permissions = *permissions};
}

Acl CanonicalAcl(Acl acl) {
  if (acl.size() < 2) return acl;
  const auto key = [](const AclEntry& entry) {
    return std::tie(entry.scheme, entry.id, entry.permissions);
  };
  std::sort(acl.begin(), acl.end(),
            [key](const AclEntry& a, const AclEntry& b) { return key(a) < key(b); });
  acl.erase(std::unique(acl.begin(), acl.end(),
                        [key](const AclEntry& a, const AclEntry& b) { return key(a) == key(b); }),
            acl.end());
  return acl;
}

bool SameAcl(const Acl& a, const Acl& b) { return a == b || CanonicalAcl(a) == CanonicalAcl(b); }

bool HidesPassword(const Acl& acl) {
  return std::any_of(acl.begin(), acl.end(), [](const AclEntry& entry) {
    const size_t colon = entry.id.find(':');
    return entry.scheme == "digest" && colon != std::string::npos &&
           absl::string_view(entry.id).substr(colon) == ":x";
  });
}

}  // namespace metarec
