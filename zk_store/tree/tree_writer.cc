#include "zk_store/tree/tree_writer.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/event.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/flow_control.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

constexpr size_t kReadBackInFlightMax = 64;
// So often a lone operation must lose the connection until it is held to be too large. Each time
// what is there has been read since, so that ZooKeeper was there.
constexpr int kLostOpMax = 3;

bool GoesAlone(const StoreOp& op) {
  const auto* create = std::get_if<CreateOp>(&op);
  return std::holds_alternative<SetAclOp>(op) ||
         (create != nullptr &&
          (create->mode == CreateMode::kContainer || create->mode == CreateMode::kTtl));
}

// No tree has sequential znodes that are to be made: a mark, or one with claims.
bool IsMark(const CreateOp& op) { return op.mode == CreateMode::kPersistentSequential; }

// What was not expected, and only another writer can have brought about.
bool IsSurprise(StoreError error) {
  return error == StoreError::kNodeExists || error == StoreError::kNoNode ||
         error == StoreError::kBadVersion || error == StoreError::kNotEmpty;
}

absl::Status DisturbedAt(absl::string_view path, absl::string_view what) {
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat("somebody else writes to the target: ",
                                  Printable(ShortenedInTheMiddle(path)), " ", what));
}

absl::Status GuardLost(const absl::Status& error) {
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat("another run has taken over, or undone, what this one writes: ",
                                  error.message()));
}

}  // namespace

class TreeWriter::State {
 public:
  State(MetaStore* store, Clock* clock, TreeWriterOptions options)
      : store_(store),
        clock_(clock),
        options_(std::move(options)),
        budget_(clock, options_.retry),
        reader_(store, &budget_),
        size_(std::min(options_.request_bytes_max, store->request_bytes_max())),
        window_(clock, options_.in_flight_max),
        frame_bytes_(MetaStore::kMultiOverheadBytes +
                     (options_.guard.has_value() ? store->OpBytes(*options_.guard) : 0) +
                     (options_.mark.has_value() ? store->OpBytes(*options_.mark) : 0)) {}

  asio::awaitable<absl::Status> Add(std::shared_ptr<State> self, StoreOp op);
  asio::awaitable<absl::Status> Flush(std::shared_ptr<State> self);
  void Close();
  const TreeWriterStats& stats() const { return stats_; }

 private:
  struct Batch {
    std::vector<StoreOp> ops;
    size_t bytes = 0;  // of the transaction
    bool is_answered = false;
    absl::Status status;
  };

  asio::awaitable<absl::Status> SendOpen(std::shared_ptr<State> self);
  static asio::awaitable<void> RunLane(std::shared_ptr<State> self, std::shared_ptr<Batch> batch,
                                       SendWindow::Pass pass);
  asio::awaitable<absl::Status> SendOnce(const Batch& batch);
  // Before what goes alone: whether the guard holds, unless that was seen a moment ago.
  asio::awaitable<absl::Status> CheckGuard();
  void Leave(const SendWindow::Pass& pass, const absl::Status& status, size_t bytes);

  // Waits for all that is in flight, and puts right what of it has failed.
  asio::awaitable<absl::Status> Settle();
  asio::awaitable<absl::Status> Redo(std::vector<StoreOp> ops);
  asio::awaitable<absl::Status> RedoOnce(std::vector<StoreOp>* ops, int* lost, bool* must_halve);
  asio::awaitable<absl::Status> DropDone(std::vector<StoreOp>* ops);
  asio::awaitable<absl::StatusOr<bool>> IsDone(const StoreOp& op);
  asio::awaitable<absl::StatusOr<bool>> IsCreated(const CreateOp& op);

  size_t BytesOf(const std::vector<StoreOp>& ops) const;
  void Count(const std::vector<StoreOp>& ops);
  // What an error of an operation means, when nothing was lost before it.
  absl::Status Meaning(const absl::Status& error) const;

  MetaStore* const store_;
  Clock* const clock_;
  const TreeWriterOptions options_;
  RetryBudget budget_;
  StoreReader reader_;
  RequestSize size_;
  SendWindow window_;
  const size_t frame_bytes_;  // of a transaction without operations
  TreeWriterStats stats_;
  absl::Status status_;  // the first error
  absl::Time guard_seen_at_ = absl::InfinitePast();

  Batch open_;
  std::deque<std::shared_ptr<Batch>> sent_;  // in their order, until they are known to be done
  size_t in_flight_ = 0;
  bool has_failed_ = false;      // one of sent_
  std::shared_ptr<Event> idle_;  // while Settle waits
  std::list<CancellableTask> lanes_;
};

size_t TreeWriter::State::BytesOf(const std::vector<StoreOp>& ops) const {
  size_t bytes = frame_bytes_;
  for (const StoreOp& op : ops) bytes += store_->OpBytes(op);
  return bytes;
}

void TreeWriter::State::Count(const std::vector<StoreOp>& ops) {
  for (const StoreOp& op : ops) {
    const auto* create = std::get_if<CreateOp>(&op);
    stats_.created += create != nullptr && !IsMark(*create) ? 1 : 0;
    stats_.set += std::holds_alternative<SetOp>(op) ? 1 : 0;
    stats_.deleted += std::holds_alternative<DeleteOp>(op) ? 1 : 0;
    stats_.acls_set += std::holds_alternative<SetAclOp>(op) ? 1 : 0;
  }
}

asio::awaitable<absl::Status> TreeWriter::State::Add(std::shared_ptr<State> self, StoreOp op) {
  METAREC_CO_RETURN_IF_ERROR(status_);
  if (has_failed_) status_.Update(co_await Settle());
  METAREC_CO_RETURN_IF_ERROR(status_);
  const size_t bytes = store_->OpBytes(op);
  const bool alone = GoesAlone(op);
  const bool is_full = !open_.ops.empty() && (alone || open_.ops.size() >= options_.ops_max ||
                                              open_.bytes + bytes > size_.bytes_max());
  if (is_full) METAREC_CO_RETURN_IF_ERROR(co_await SendOpen(self));
  if (open_.ops.empty()) open_.bytes = frame_bytes_;
  open_.ops.push_back(std::move(op));
  open_.bytes += bytes;
  if (alone) METAREC_CO_RETURN_IF_ERROR(co_await SendOpen(self));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TreeWriter::State::Flush(std::shared_ptr<State> self) {
  METAREC_CO_RETURN_IF_ERROR(status_);
  METAREC_CO_RETURN_IF_ERROR(co_await SendOpen(self));
  status_.Update(co_await Settle());
  co_return status_;
}

void TreeWriter::State::Close() {
  status_.Update(absl::CancelledError("the writer was closed"));
  for (CancellableTask& lane : lanes_) lane.Cancel();
}

asio::awaitable<absl::Status> TreeWriter::State::SendOpen(std::shared_ptr<State> self) {
  if (open_.ops.empty()) co_return absl::OkStatus();
  const auto batch = std::make_shared<Batch>(std::exchange(open_, Batch()));
  const auto pass = co_await window_.Enter();
  if (!pass.ok()) status_.Update(pass.status());
  METAREC_CO_RETURN_IF_ERROR(status_);
  if (GoesAlone(batch->ops.front())) status_.Update(co_await CheckGuard());
  if (!status_.ok()) window_.Leave(*pass, SendWindow::Outcome::kNotSent);
  METAREC_CO_RETURN_IF_ERROR(status_);
  sent_.push_back(batch);
  if (has_failed_) {
    // Nothing is sent behind what failed. It is put right together with that.
    window_.Leave(*pass, SendWindow::Outcome::kNotSent);
    batch->is_answered = true;
    batch->status = MakeStoreError(StoreError::kConnectionLoss, OpName(batch->ops.front()),
                                   OpPath(batch->ops.front()), "not sent");
    status_.Update(co_await Settle());
    co_return status_;
  }
  ++in_flight_;
  const auto executor = co_await asio::this_coro::executor;
  lanes_.remove_if([](const CancellableTask& lane) { return !lane.is_running(); });
  lanes_.emplace_back().Start(executor, RunLane(self, batch, *pass), [] {});
  co_return absl::OkStatus();
}

asio::awaitable<void> TreeWriter::State::RunLane(std::shared_ptr<State> self,
                                                 std::shared_ptr<Batch> batch,
                                                 SendWindow::Pass pass) {
  batch->status = co_await self->SendOnce(*batch);
  batch->is_answered = true;
  --self->in_flight_;
  self->Leave(pass, batch->status, batch->bytes);
  if (batch->status.ok()) {
    self->Count(batch->ops);
    batch->ops.clear();
    self->budget_.OnSuccess();
  } else {
    self->has_failed_ = true;
  }
  while (!self->sent_.empty() && self->sent_.front()->is_answered &&
         self->sent_.front()->status.ok()) {
    self->sent_.pop_front();
  }
  if (self->in_flight_ == 0 && self->idle_ != nullptr) self->idle_->Set();
}

asio::awaitable<absl::Status> TreeWriter::State::SendOnce(const Batch& batch) {
  ++stats_.requests;
  const StoreOp& first = batch.ops.front();
  if (GoesAlone(first)) {
    if (const auto* acl = std::get_if<SetAclOp>(&first)) {
      co_return co_await store_->SetAcl(acl->path, acl->acl, acl->acl_version);
    }
    const auto created = co_await store_->Create(std::get<CreateOp>(first));
    co_return created.status();
  }
  std::vector<StoreOp> ops;
  ops.reserve(batch.ops.size() + 2);
  if (options_.guard.has_value()) ops.emplace_back(*options_.guard);
  if (options_.mark.has_value()) ops.emplace_back(*options_.mark);
  ops.insert(ops.end(), batch.ops.begin(), batch.ops.end());
  const auto results = co_await store_->Multi(std::move(ops));
  co_return results.status();
}

asio::awaitable<absl::Status> TreeWriter::State::CheckGuard() {
  if (!options_.guard.has_value() || clock_->Now() < guard_seen_at_ + kGuardFreshMax) {
    co_return absl::OkStatus();
  }
  const absl::Time asked_at = clock_->Now();
  std::vector<StoreOp> guard(1, StoreOp(*options_.guard));
  RequestSize size(store_->request_bytes_max());  // so short a request says nothing of long ones
  const absl::Status held = co_await reader_.Check(std::move(guard), &size);
  const StoreError error = StoreErrorOf(held);
  if (error == StoreError::kNoNode || error == StoreError::kBadVersion) co_return GuardLost(held);
  METAREC_CO_RETURN_IF_ERROR(held);
  guard_seen_at_ = asked_at;
  co_return absl::OkStatus();
}

void TreeWriter::State::Leave(const SendWindow::Pass& pass, const absl::Status& status,
                              size_t bytes) {
  const bool is_answer = status.ok() || FailedOpOf(status).has_value();
  if (RetryBudget::IsRetryable(status)) {
    window_.Leave(pass, SendWindow::Outcome::kLost);
    // A server that does not answer in time has not been told too much.
    if (StoreErrorOf(status) == StoreError::kConnectionLoss) size_.OnLoss(bytes);
  } else if (is_answer) {
    window_.Leave(pass, SendWindow::Outcome::kAnswered, bytes);
    size_.OnAnswer(bytes);
  } else {
    window_.Leave(pass, SendWindow::Outcome::kNotSent);
  }
}

absl::Status TreeWriter::State::Meaning(const absl::Status& error) const {
  const std::optional<size_t> failed = FailedOpOf(error);
  if (options_.guard.has_value() && failed == size_t{0}) {
    return GuardLost(error);
  }
  if (IsSurprise(StoreErrorOf(error))) {
    return MarkedError(ErrorMark::kDisturbed,
                       absl::StrCat("somebody else writes to the target: ", error.message()));
  }
  return error;
}

asio::awaitable<absl::Status> TreeWriter::State::Settle() {
  if (in_flight_ > 0) {
    idle_ = std::make_shared<Event>(co_await asio::this_coro::executor);
    const std::shared_ptr<Event> idle = idle_;
    const absl::Status waited = co_await idle->Wait();
    idle_ = nullptr;
    METAREC_CO_RETURN_IF_ERROR(waited);
  }
  bool was_lost = false;
  while (!sent_.empty()) {
    const std::shared_ptr<Batch> batch = sent_.front();
    const absl::Status& status = batch->status;
    const bool is_lost = RetryBudget::IsRetryable(status);
    // What came behind a transaction that was lost may have failed because of that. A single one
    // that finds its node made or changed may be an earlier attempt of ours, too.
    const bool may_follow = was_lost && IsSurprise(StoreErrorOf(status));
    const bool is_too_long = StoreErrorOf(status) == StoreError::kTooLarge && batch->ops.size() > 1;
    if (!status.ok() && !is_lost && !may_follow && !is_too_long) co_return Meaning(status);
    was_lost = was_lost || is_lost;
    if (!status.ok()) METAREC_CO_RETURN_IF_ERROR(co_await Redo(batch->ops));
    sent_.pop_front();
  }
  has_failed_ = false;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TreeWriter::State::Redo(std::vector<StoreOp> ops) {
  METAREC_RARE_BRANCH("a transaction of a tree is put right");
  int lost = 0;
  bool must_halve = false;
  METAREC_CO_RETURN_IF_ERROR(co_await Retry(
      &budget_, [this, &ops, &lost, &must_halve] { return RedoOnce(&ops, &lost, &must_halve); }));
  if (!must_halve) co_return absl::OkStatus();
  const auto middle = ops.begin() + static_cast<std::ptrdiff_t>(ops.size() / 2);
  std::vector<StoreOp> second(std::make_move_iterator(middle), std::make_move_iterator(ops.end()));
  ops.erase(middle, ops.end());
  METAREC_CO_RETURN_IF_ERROR(co_await Redo(std::move(ops)));
  co_return co_await Redo(std::move(second));
}

asio::awaitable<absl::Status> TreeWriter::State::RedoOnce(std::vector<StoreOp>* ops, int* lost,
                                                          bool* must_halve) {
  METAREC_CO_RETURN_IF_ERROR(co_await DropDone(ops));
  if (ops->empty()) co_return absl::OkStatus();
  Batch batch;
  batch.ops = *ops;
  batch.bytes = BytesOf(*ops);
  *must_halve = ops->size() > 1 && batch.bytes > size_.bytes_max();
  if (*must_halve) co_return absl::OkStatus();
  const auto pass = co_await window_.Enter(/*alone=*/true);
  METAREC_CO_RETURN_IF_ERROR(pass.status());
  const absl::Status held = GoesAlone(ops->front()) ? co_await CheckGuard() : absl::OkStatus();
  if (!held.ok()) {
    window_.Leave(*pass, SendWindow::Outcome::kNotSent);
    co_return held;
  }
  const absl::Status status = co_await SendOnce(batch);
  Leave(*pass, status, batch.bytes);
  if (status.ok()) Count(*ops);
  *must_halve = StoreErrorOf(status) == StoreError::kTooLarge && ops->size() > 1;
  if (status.ok() || *must_halve) co_return absl::OkStatus();
  if (!RetryBudget::IsRetryable(status)) co_return Meaning(status);
  if (ops->size() == 1 && StoreErrorOf(status) == StoreError::kConnectionLoss) ++*lost;
  if (*lost < kLostOpMax) co_return status;
  co_return absl::ResourceExhaustedError(absl::StrCat(
      Printable(ShortenedInTheMiddle(OpPath(ops->front()))), " needs a request of ", batch.bytes,
      " bytes, and the target's ZooKeeper dropped the connection ", *lost,
      " times when it came, while it answered shorter ones: as it does with requests longer than "
      "its jute.maxbuffer. Raise that on its servers (-Djute.maxbuffer)"));
}

asio::awaitable<absl::Status> TreeWriter::State::DropDone(std::vector<StoreOp>* ops) {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Sync(OpPath(ops->front())));
  std::vector<char> is_done(ops->size(), 0);
  absl::Status first_error;
  co_await ForEachBounded(ops->size(), kReadBackInFlightMax,
                          [&](size_t i) -> asio::awaitable<void> {
                            if (!first_error.ok()) co_return;
                            const auto done = co_await IsDone((*ops)[i]);
                            first_error.Update(done.status());
                            is_done[i] = done.ok() && *done ? 1 : 0;
                          });
  METAREC_CO_RETURN_IF_ERROR(first_error);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("writing was cancelled");
  std::vector<StoreOp> left;
  std::vector<StoreOp> done;
  for (size_t i = 0; i < ops->size(); ++i) {
    (is_done[i] != 0 ? done : left).push_back(std::move((*ops)[i]));
  }
  Count(done);
  stats_.found += static_cast<int64_t>(done.size());
  *ops = std::move(left);
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<bool>> TreeWriter::State::IsCreated(const CreateOp& op) {
  const auto node = co_await reader_.Get(op.path);
  // An ACL that lets nobody of ours read it may be the one that it was created with.
  if (StoreErrorOf(node.status()) == StoreError::kNoAuth) co_return true;
  METAREC_CO_RETURN_IF_ERROR(node.status());
  if (!node->has_value()) co_return false;
  const NodeData& found = **node;
  if (found.data == op.data && found.null_data == op.null_data && found.stat.ephemeral_owner == 0) {
    co_return true;
  }
  co_return DisturbedAt(op.path, "was created with other data");
}

asio::awaitable<absl::StatusOr<bool>> TreeWriter::State::IsDone(const StoreOp& op) {
  if (const auto* create = std::get_if<CreateOp>(&op)) co_return co_await IsCreated(*create);
  const std::string path = OpPath(op);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat, co_await reader_.Exists(path));
  if (const auto* remove = std::get_if<DeleteOp>(&op)) {
    if (!stat.has_value()) co_return true;
    if (stat->version == remove->version) co_return false;
    co_return DisturbedAt(path, "was changed while it was to be deleted");
  }
  if (!stat.has_value()) co_return DisturbedAt(path, "was deleted");
  if (const auto* set_acl = std::get_if<SetAclOp>(&op)) {
    if (stat->acl_version == set_acl->acl_version) co_return false;
    if (stat->acl_version == set_acl->acl_version + 1) co_return true;
    co_return DisturbedAt(path, "got another ACL");
  }
  const SetOp& set = std::get<SetOp>(op);
  if (stat->version == set.version) co_return false;
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_.Get(path));
  if (node.has_value() && node->stat.version == set.version + 1 && node->data == set.data &&
      node->null_data == set.null_data) {
    co_return true;
  }
  co_return DisturbedAt(path, "was set");
}

TreeWriter::TreeWriter(MetaStore* store, Clock* clock, TreeWriterOptions options)
    : state_(std::make_shared<State>(store, clock, std::move(options))) {}

TreeWriter::~TreeWriter() { state_->Close(); }

asio::awaitable<absl::Status> TreeWriter::Add(StoreOp op) {
  return state_->Add(state_, std::move(op));
}

asio::awaitable<absl::Status> TreeWriter::Flush() { return state_->Flush(state_); }

const TreeWriterStats& TreeWriter::stats() const { return state_->stats(); }

}  // namespace metarec
