// ACLs as people write them, and what of an ACL makes a difference.

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"

namespace metarec {

// "world:anyone:cdrwa", as ZooKeeper's own shell has it: scheme, id (which may hold colons), and a
// letter for each permission. Permissions that ZooKeeper does not know are a number: "ip:::1:63".
std::string AclText(const AclEntry& entry);
// The entries, separated by ", "; "none" for an ACL without entries.
std::string AclText(const Acl& acl);

// kInvalidArgument with what is wrong.
absl::StatusOr<AclEntry> ParseAclEntry(absl::string_view text);

// Sorted, each entry once: the order of the entries makes no difference to ZooKeeper.
Acl CanonicalAcl(Acl acl);
bool SameAcl(const Acl& a, const Acl& b);

// Whether the server has hidden a password in it: it shows "digest:user:x" to who may read a znode
// and not administer it. Such an ACL must not be taken for the znode's.
bool HidesPassword(const Acl& acl);

}  // namespace metarec
