// Where Pegasus meta servers contend for leadership, and how the candidates are named
// (INTEROP.md section 6.1).

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// A candidate's znode is named this plus the ten digits that ZooKeeper appends.
inline constexpr absl::string_view kCandidatePrefix = "LOCKNODE";

// `<lock_root>/dsn.meta.server.leader`.
std::string LockDirectoryPath(absl::string_view lock_root);

// Those of `names` that candidates have, by ascending sequence number: the first one leads. Stock
// meta servers ignore any other name in the directory, and so do we.
std::vector<std::string> CandidatesInOrder(const std::vector<std::string>& names);

}  // namespace metarec
