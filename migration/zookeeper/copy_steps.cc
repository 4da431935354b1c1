// The steps of a move that copies the old tree. The long pass runs while the cluster serves.

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/zookeeper_move.h"

namespace metarec {

Step ZooKeeperMove::StopFollowers() {
  const std::vector<MoveServer> followers = request_.followers();
  Step step;
  step.name = move_step::kStopFollowers;
  step.deed = StopDeed(followers);
  step.deed.guard = absl::StrCat(request_.leader().address, " leads");
  step.deed.result = absl::StrCat(step.deed.result, ", and only ", request_.leader().address,
                                  " is a candidate in the old lock directory");
  step.deed.before = [this] { return CanBegin(); };
  step.deed.after = [this, followers]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await AllPortsClosed(followers));
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OnlyLeaderInOldLock());
    }
    co_return sight;
  };
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = StartDeed(followers, MoveEnd::kFrom);
  // The old leader serves by then, and ballots may rise between two looks.
  step.back.deed.guard.clear();
  step.back.deed.before = nullptr;
  return step;
}

Step ZooKeeperMove::SetBlind() {
  const std::string metas = by_hand::MetaOption(request_);
  Step step;
  step.name = move_step::kSetBlind;
  step.deed.title = absl::StrCat("Set the function level of ", request_.leader().address,
                                 " to blind, so that it writes no partition configurations");
  step.deed.guard = "it is the only one in the old lock directory";
  step.deed.result = "its level is blind";
  step.deed.by_hand = {absl::StrCat("metarec set_meta_level blind ", metas)};
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await OnlyLeaderInOldLock());
    if (!sight.holds) co_return sight;
    METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info,
                                co_await world_->AskCluster(MetaAddresses()));
    state_->Note(move_fact::kOldLevel, info.level);
    co_return Sight::Holds(absl::StrCat("the level was ", info.level));
  };
  step.deed.act = [this] { return world_->SetLevel(MetaAddresses(), "blind"); };
  step.deed.after = [this] { return IsBlind(); };
  step.deed.wait_max = absl::Minutes(1);
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed.title = "Give it the level that it had";
  step.back.deed.by_hand = {absl::StrCat("metarec set_meta_level ", request_.level, " ", metas)};
  step.back.deed.act = [this] {
    return world_->SetLevel(MetaAddresses(), state_->Fact(move_fact::kOldLevel));
  };
  step.back.deed.after = [this] { return LevelIs(state_->Fact(move_fact::kOldLevel)); };
  step.back.deed.wait_max = absl::Minutes(1);
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::CopyOnce(Pass pass) {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  Clock* const clock = world_->clock();
  METAREC_CO_RETURN_IF_ERROR(co_await BeginToWrite(to));
  const absl::Time began = clock->Now();
  TransferOptions options;
  options.on_progress = [this](int64_t znodes) {
    if (progress_ == nullptr) return;
    Progress progress;
    progress.phase = Phase::kWrite;
    progress.done = znodes;
    progress_->OnProgress(progress);
  };
  // The last pass must find everything still.
  options.may_change = pass != Pass::kLast;
  options.more_follow = options.may_change;
  options.left_alone = state_->FactList(move_fact::kTargetChildren);
  if (!options.may_change) METAREC_CO_RETURN_IF_ERROR(co_await NoteOldLocks());
  METAREC_CO_ASSIGN_OR_RETURN(const TransferCount count,
                              co_await TransferTree(from, to, std::move(options), clock));
  // Also if the comparison finds that somebody else has written there since.
  if (pass == Pass::kLast && count.newest_zxid > 0) NoteNewTree({.zxid = count.newest_zxid});
  if (pass == Pass::kFirst) {
    state_->Note(move_fact::kFirstPass,
                 count.kept_changing ? "copied as far as it goes, while the source keeps changing"
                                     : absl::StrCat(Counted(count.znodes, "znode"), ", ",
                                                    Counted(count.written, "change")));
    co_return absl::OkStatus();
  }
  if (pass == Pass::kRehearsal) {
    // The last pass is compared, too.
    const auto compared =
        co_await CompareTrees(from, to, state_->FactList(move_fact::kTargetChildren), clock);
    METAREC_CO_RETURN_IF_ERROR(compared.status());
  }
  state_->Note(pass == Pass::kRehearsal ? move_fact::kPassMs : move_fact::kLastPassMs,
               absl::ToInt64Milliseconds(clock->Now() - began));
  co_return absl::OkStatus();
}

Step ZooKeeperMove::FirstPass() {
  Step step;
  step.name = move_step::kFirstPass;
  step.deed.title = absl::StrCat("Copy ", request_.from.Text(), " to ", request_.to.Text(),
                                 ", while the cluster serves");
  step.deed.guard =
      "the leader is blind and alone; nobody is a candidate in the new lock directory; the "
      "new root is free, or holds what this run began. The first two are looked at "
      "all the time";
  step.deed.result = "the tree was read to its end and is copied";
  step.deed.by_hand = {by_hand::CopyTree(request_, /*updates=*/false)};
  step.deed.before = [this] { return MayWriteBlind(); };
  step.deed.act = [this] { return CopyOnce(Pass::kFirst); };
  step.deed.meanwhile = [this] { return MayWriteBlind(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    const std::string copied = state_->Fact(move_fact::kFirstPass);
    co_return copied.empty() ? Sight::Lacks("it is not known how far the copy is")
                             : Sight::Holds(copied);
  };
  step.deed.wait_max = absl::ZeroDuration();
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = RemoveTargetDeed();
  return step;
}

Step ZooKeeperMove::Rehearse() {
  Step step;
  step.name = move_step::kRehearse;
  step.deed.title =
      "Copy what has changed and compare, while the cluster serves, to measure how "
      "long the last pass will take";
  step.deed.guard = "as before";
  step.deed.result = "it is known how long the cluster will be without a leader";
  step.deed.by_hand = {absl::StrCat("time ", by_hand::CopyTree(request_, /*updates=*/true))};
  step.deed.before = [this] { return MayWriteBlind(); };
  step.deed.act = [this] { return CopyOnce(Pass::kRehearsal); };
  step.deed.meanwhile = [this] { return MayWriteBlind(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    const std::optional<int64_t> pass_ms = state_->FactNumber(move_fact::kPassMs);
    if (!pass_ms.has_value()) co_return Sight::Lacks("it was not measured");
    co_return Sight::Holds(
        absl::StrCat("the pass took ", absl::FormatDuration(absl::Milliseconds(*pass_ms))));
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

Step ZooKeeperMove::StopLeader() {
  const std::vector<MoveServer> leader = {request_.leader()};
  Step step;
  step.name = move_step::kStopLeader;
  step.deed = StopDeed(leader);
  step.deed.guard = absl::StrCat("it is blind and alone, and what follows takes less than the ",
                                 request_.lease_seconds,
                                 " s for which replica servers serve "
                                 "without a leader (or --accept_outage)");
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await MayWriteBlind());
    if (!sight.holds) co_return sight;
    METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                                co_await world_->Candidates(MoveEnd::kFrom));
    std::vector<std::string> paths;
    for (const MetaCandidate& candidate : candidates) paths.push_back(candidate.path);
    state_->Note(move_fact::kOldCandidates, std::move(paths));
    METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OutageFits());
    co_return sight;
  };
  // A leader that stopped by itself was not seen to be blind until then: `before` decides.
  step.deed.looks_first = false;
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = StartDeed(leader, MoveEnd::kFrom);
  return step;
}

Step ZooKeeperMove::LastPass() {
  Step step;
  step.name = move_step::kLastPass;
  step.deed.title = "Copy what has changed since, and compare both trees";
  step.deed.guard =
      "all meta servers are stopped; nobody new is a candidate in either lock directory";
  step.deed.result = "both trees are the same: data, ACLs, and what is there at all";
  step.deed.by_hand = {by_hand::CopyTree(request_, /*updates=*/true), by_hand::DiffTrees(request_)};
  step.deed.before = [this] { return MayWriteStopped(); };
  step.deed.act = [this] { return CopyOnce(Pass::kLast); };
  step.deed.meanwhile = [this] { return MayWriteStopped(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyLedSince());
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await TreesAreEqual());
    }
    co_return sight;
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

}  // namespace metarec
