// Where Pegasus meta servers contend for leadership, and how the candidates are named
// (INTEROP.md section 6.1).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// A candidate's znode is named this plus the ten digits that ZooKeeper appends.
inline constexpr absl::string_view kCandidatePrefix = "LOCKNODE";

// `<lock_root>/dsn.meta.server.leader`.
std::string LockDirectoryPath(absl::string_view lock_root);

// The number in a candidate's name; nullopt for any other name.
std::optional<uint64_t> CandidateNumber(absl::string_view name,
                                        absl::string_view prefix = kCandidatePrefix);

// Those of `names` that candidates have, by ascending sequence number: the first one leads. Stock
// meta servers ignore any other name in the directory, and so do we.
std::vector<std::string> CandidatesInOrder(const std::vector<std::string>& names,
                                           absl::string_view prefix = kCandidatePrefix);

}  // namespace metarec
