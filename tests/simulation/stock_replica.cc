#include "stock_replica.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

namespace metarec::simulation {

void StockReplica::Abort(std::string why) {
  if (aborted_.empty()) aborted_ = std::move(why);
}

int64_t StockReplica::LastPrepared() const {
  int64_t decree = committed();
  int64_t last_ballot = 0;
  for (auto it = list_.find(decree + 1); it != list_.end() && it->first == decree + 1; ++it) {
    if (it->second.ballot < last_ballot) break;
    last_ballot = it->second.ballot;
    ++decree;
  }
  return decree;
}

std::vector<int64_t> StockReplica::Uncommitted() const {
  std::vector<int64_t> contents;
  for (const auto& [decree, mutation] : list_) contents.push_back(mutation.content);
  return contents;
}

bool StockReplica::Update(ReplicaStatus status, int64_t ballot) {
  if (ballot < ballot_) Abort("invalid ballot");
  if (status_ == status && ballot_ == ballot) return true;
  if (status_ == ReplicaStatus::kError) return false;
  const bool becomes_member =
      status == ReplicaStatus::kPrimary || status == ReplicaStatus::kSecondary;
  if (status_ == ReplicaStatus::kInactive && becomes_member && !is_transient_) return false;
  const ReplicaStatus before = std::exchange(status_, status);
  const int64_t ballot_before = std::exchange(ballot_, ballot);
  if (before == ReplicaStatus::kPotentialSecondary && status == ReplicaStatus::kSecondary) {
    takes_prepares_ = false;
  }
  if (before == ReplicaStatus::kInactive && status != ReplicaStatus::kInactive) {
    is_transient_ = false;
  }
  if (status == ReplicaStatus::kInactive && before != status && ballot > ballot_before) {
    Close();
    return false;
  }
  return true;
}

bool StockReplica::UpdateFromConfigSync(ReplicaStatus status, int64_t ballot) {
  const bool is_allowed =
      ballot > ballot_ || status_ == status ||
      (status_ == ReplicaStatus::kInactive && status == ReplicaStatus::kPotentialSecondary) ||
      (status_ == ReplicaStatus::kPotentialSecondary && status == ReplicaStatus::kSecondary) ||
      (status_ == ReplicaStatus::kInactive && is_transient_ &&
       (status == ReplicaStatus::kSecondary || status == ReplicaStatus::kPrimary));
  return is_allowed && Update(status, ballot);
}

void StockReplica::Commit(const Mutation& mutation) {
  app_.push_back(mutation.content);
  on_commit_(committed(), mutation.content);
}

void StockReplica::CommitHard(int64_t decree) {
  while (committed() < decree) {
    const auto next = list_.find(committed() + 1);
    if (next == list_.end()) {
      return Abort(absl::StrCat("mutation ", committed() + 1, " is missing in prepare list"));
    }
    const Mutation mutation = next->second;
    list_.erase(next);
    Commit(mutation);
  }
}

void StockReplica::Put(const Mutation& mutation) {
  Mutation& place = list_[mutation.decree];
  if (place.ballot > mutation.ballot) Abort("a mutation of a lower ballot replaces another");
  place = mutation;
}

PrepareAnswer StockReplica::OnPrepare(const Mutation& mutation, ReplicaStatus status) {
  if (mutation.ballot < ballot_) return PrepareAnswer::kNone;
  if (mutation.ballot > ballot_ && !Update(status, mutation.ballot)) {
    return PrepareAnswer::kInvalidState;
  }
  if (status_ == ReplicaStatus::kInactive || status_ == ReplicaStatus::kError) {
    return status_ == ReplicaStatus::kInactive && is_transient_ ? PrepareAnswer::kInactiveState
                                                                : PrepareAnswer::kInvalidState;
  }
  if (status_ == ReplicaStatus::kPotentialSecondary && !takes_prepares_) {
    return PrepareAnswer::kInactiveState;  // ERR_TRY_AGAIN, which is treated alike
  }
  if (status_ != status) {
    Abort("a prepare for another status than the replica's");
    return PrepareAnswer::kNone;
  }
  if (mutation.decree <= committed()) return PrepareAnswer::kOk;
  const auto logged = list_.find(mutation.decree);
  // What it says is not compared.
  if (logged != list_.end() && logged->second.ballot == mutation.ballot) return PrepareAnswer::kOk;
  CommitHard(mutation.last_committed);
  Put(mutation);
  log_.push_back(mutation);
  return PrepareAnswer::kOk;
}

void StockReplica::OnGroupCheck(int64_t ballot, ReplicaStatus status, int64_t committed) {
  if (ballot < ballot_) return;
  if (ballot > ballot_ && !Update(status, ballot)) return;
  if (status_ != status || status_ != ReplicaStatus::kSecondary) return;
  CommitHard(committed);
}

Mutation StockReplica::Prepare(int64_t content) {
  const Mutation mutation = {.decree = max_decree() + 1,
                             .ballot = ballot_,
                             .last_committed = committed(),
                             .content = content};
  Put(mutation);
  log_.push_back(mutation);
  return mutation;
}

std::vector<Mutation> StockReplica::ReplayList() {
  std::vector<Mutation> replayed;
  const int64_t last = max_decree();
  for (int64_t decree = committed() + 1; decree <= last; ++decree) {
    const Mutation mutation = {.decree = decree,
                               .ballot = ballot_,
                               .last_committed = committed(),
                               .content = list_[decree].content};  // of a gap: nothing
    Put(mutation);
    log_.push_back(mutation);
    replayed.push_back(mutation);
  }
  return replayed;
}

void StockReplica::CommitNext() { CommitHard(committed() + 1); }

void StockReplica::LoseLease() {
  if (status_ == ReplicaStatus::kPrimary || status_ == ReplicaStatus::kSecondary) {
    status_ = ReplicaStatus::kInactive;
    is_transient_ = true;
  } else if (status_ == ReplicaStatus::kPotentialSecondary) {
    status_ = ReplicaStatus::kInactive;
    is_transient_ = false;
  }
}

void StockReplica::OnRemove(int64_t ballot) {
  if (ballot < ballot_) return;
  if (ballot == ballot_ && status_ == ReplicaStatus::kPotentialSecondary) return;
  Update(ReplicaStatus::kInactive, ballot);
}

void StockReplica::Restart() {
  status_ = ReplicaStatus::kInactive;
  is_transient_ = true;
  is_initializing_ = true;
  takes_prepares_ = false;
  app_.resize(static_cast<size_t>(durable_));
  list_.clear();
  for (const Mutation& mutation : std::vector<Mutation>(log_)) {
    if (mutation.decree <= committed()) continue;
    const auto old = list_.find(mutation.decree);
    if (old != list_.end() && old->second.ballot >= mutation.ballot) continue;
    if (mutation.last_committed > committed()) CommitHard(mutation.last_committed);
    if (mutation.decree > committed()) Put(mutation);
  }
}

// What is above the committed decree stays in the list (prepare_list::truncate).
void StockReplica::BeginToLearn(int64_t ballot) {
  if (status_ == ReplicaStatus::kError) Restart();
  Update(ReplicaStatus::kPotentialSecondary, ballot);
  takes_prepares_ = false;
}

bool StockReplica::LearnFrom(const StockReplica& primary) {
  // Who has committed more than the primary has prepared learns from scratch.
  if (committed() > primary.LastPrepared()) {
    app_.clear();
    list_.clear();
    log_.clear();
  }
  if (committed() > primary.committed()) return false;
  app_ = primary.app_;
  durable_ = committed();
  list_.erase(list_.begin(), list_.upper_bound(committed()));
  for (const auto& [decree, mutation] : primary.list_) {
    const auto old = list_.find(decree);
    if (old != list_.end() && old->second.ballot > mutation.ballot) continue;
    Put(mutation);
    log_.push_back(mutation);
  }
  takes_prepares_ = true;
  return true;
}

}  // namespace metarec::simulation
