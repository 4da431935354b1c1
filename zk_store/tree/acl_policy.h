// Which ACL a copied znode gets.

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"

namespace metarec {

// Other identities in the place of those that the source's ACLs name.
class AclMap {
 public:
  static constexpr size_t kTextBytesMax = 1 << 20;

  // One line for each identity: what it is in the source and in the target, as SCHEME:ID, with
  // blanks between them; "-" in the place of the second leaves the entry out. Empty lines and those
  // that begin with '#' mean nothing. kInvalidArgument with the line, or if it is longer than
  // kTextBytesMax.
  static absl::StatusOr<AclMap> Parse(absl::string_view text);

  bool empty() const { return map_.empty(); }
  // kFailedPrecondition if no entry is left.
  absl::StatusOr<Acl> Apply(const Acl& acl) const;
  // The same text for the same map.
  std::string ToText() const;

 private:
  using Identity = std::pair<std::string, std::string>;  // scheme, id
  std::map<Identity, std::optional<Identity>> map_;
};

enum class CopiedAcl {
  kKeep,     // as in the source, after the AclMap
  kOpen,     // OpenAcl
  kCreator,  // CreatorOnlyAcl
};

// "keep", "open" or "creator".
absl::string_view CopiedAclName(CopiedAcl acl);

}  // namespace metarec
