// Which paths may be the root of a tree of one's own.

#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

// kInvalidArgument unless `root` is a path that a cluster can have to itself: absolute, without
// trailing slash, empty or dotted components, UTF-8 of characters that ZooKeeper takes and people
// see, not ZooKeeper's own, not "/". Single ordinary blanks are taken within a component. The
// message is fit for a terminal.
absl::Status ValidateRootPath(absl::string_view root);

}  // namespace metarec
