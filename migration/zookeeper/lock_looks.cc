// Who is a candidate in the lock directories, and who was since: what keeps two leaders apart.
// Nothing here changes anything but facts.

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "migration/zookeeper/zookeeper_move.h"

namespace metarec {

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OnlyLeaderInOldLock() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world_->Candidates(MoveEnd::kFrom));
  if (candidates.size() == 1 && candidates.front().name == request_.leader().address) {
    co_return Sight::Holds(absl::StrCat("only ", candidates.front().name,
                                        " is a candidate in the old lock directory"));
  }
  if (candidates.empty()) {
    co_return Sight::Lacks(
        "nobody is a candidate in the old lock directory: no meta server leads there, "
        "or it has another lock root (--lock_root)");
  }
  co_return Sight::Lacks(absl::StrCat("in the old lock directory there is ", NamesOf(candidates),
                                      ", and not only ", request_.leader().address));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NobodyInNewLock() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world_->Candidates(MoveEnd::kTo));
  if (candidates.empty()) co_return Sight::Holds("nobody is a candidate in the new lock directory");
  co_return Sight::Lacks(absl::StrCat("in the new lock directory there is already ",
                                      NamesOf(candidates), " (", candidates.front().path,
                                      "): a meta server lives there. Stop it first"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NobodyNewInOldLock() {
  const absl::StatusOr<std::vector<MetaCandidate>> candidates =
      co_await world_->Candidates(MoveEnd::kFrom);
  if (!candidates.ok()) {
    if (is_copy() || absl::IsCancelled(candidates.status())) co_return candidates.status();
    co_return co_await NobodyCanLeadThere();
  }
  const std::vector<std::string> known = state_->FactList(move_fact::kOldCandidates);
  std::vector<MetaCandidate> others;
  for (const MetaCandidate& candidate : *candidates) {
    if (std::find(known.begin(), known.end(), candidate.path) == known.end()) {
      others.push_back(candidate);
    }
  }
  if (others.empty()) co_return Sight::Holds("nobody new is a candidate in the old lock directory");
  co_return Sight::Lacks(absl::StrCat(
      NamesOf(others), " is a candidate in the old lock directory (", others.front().path,
      "): a meta server was started with the old configuration. Stop it first"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NobodyCanLeadThere() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world_->Candidates(MoveEnd::kTo));
  for (const MoveServer& server : request_.metas) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState state, co_await world_->LookAtPort(server.address));
    if (state == PortState::kClosed) continue;
    const bool is_on_new = std::any_of(
        candidates.begin(), candidates.end(),
        [&](const MetaCandidate& candidate) { return candidate.name == server.address; });
    if (is_on_new) continue;
    co_return Sight::Lacks(absl::StrCat(
        "the old ZooKeeper cannot be read from here, and ", server.address,
        " may run with it: it does not refuse connections, and it is not a candidate in ",
        request_.to.Text(), ". Stop it first"));
  }
  co_return Sight::Holds(
      "the old ZooKeeper cannot be read; each meta server is stopped or on the new one");
}

asio::awaitable<absl::StatusOr<std::vector<std::string>>> ZooKeeperMove::OldLocks() {
  std::vector<std::string> locks;
  const absl::StatusOr<std::vector<LockDirectoryAge>> ages =
      co_await world_->LockAges(MoveEnd::kFrom);
  if (!ages.ok()) {
    if (is_copy() || absl::IsCancelled(ages.status())) co_return ages.status();
    co_return locks;
  }
  for (const LockDirectoryAge& age : *ages) {
    locks.push_back(absl::StrCat(age.path, ": created by transaction ", age.czxid, ", ",
                                 age.created, " candidates ever"));
  }
  co_return locks;
}

asio::awaitable<absl::Status> ZooKeeperMove::NoteOldLocks() {
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<std::string> locks, co_await OldLocks());
  state_->Note(move_fact::kOldLocks, std::move(locks));
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NobodyLedSince() {
  const std::vector<std::string> noted = state_->FactList(move_fact::kOldLocks);
  if (!state_->facts().contains(move_fact::kOldLocks)) {
    co_return Sight::Lacks(
        "it is not known how the old lock directories were when the new tree "
        "was made");
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<std::string> now, co_await OldLocks());
  // Then the ports were all that could be looked at, before and now.
  if (noted.empty() || now.empty()) co_return co_await NobodyCanLeadThere();
  if (now == noted) co_return Sight::Holds("no meta server was started on the old one since");
  co_return Sight::Lacks(absl::StrCat(
      "a meta server was a candidate in an old lock directory since the new tree was made (then ",
      absl::StrJoin(noted, ", "), "; now ", absl::StrJoin(now, ", "),
      "), and what it has written there is not in the new tree. Abort, and plan again"));
}

}  // namespace metarec
