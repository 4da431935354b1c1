#include "recovery_service/run_watch.h"

#include <algorithm>
#include <utility>

#include "rpc/pegasus_status.h"

namespace metarec {

AskedNode::State AskedNode::state() const {
  const auto is_any = [this](Answer answer) {
    return tables_answer == answer || replicas_answer == answer;
  };
  if (is_any(Answer::kDue)) return State::kAsking;
  if (is_any(Answer::kRefused)) return State::kFailed;
  return is_any(Answer::kNone) ? State::kWaiting : State::kAnswered;
}

void RunWatch::Begin(const NodeList& nodes) {
  absl::MutexLock lock(&mutex_);
  nodes_.clear();
  by_text_.clear();
  by_address_.clear();
  phases_.clear();
  for (const NodeListEntry& entry : nodes.entries) {
    if (!by_text_.try_emplace(entry.text, nodes_.size()).second) continue;
    nodes_.emplace_back().listed_as = entry.text;
  }
}

AskedNode* RunWatch::FindListed(const std::string& text) {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? nullptr : &nodes_[found->second];
}

AskedNode* RunWatch::FindAt(Ipv4Endpoint address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &nodes_[found->second];
}

asio::awaitable<absl::StatusOr<NodeIdentity>> RunWatch::Identify(NodeListEntry entry,
                                                                 absl::Time deadline) {
  const std::string text = entry.text;
  absl::StatusOr<NodeIdentity> identity = co_await source_->Identify(std::move(entry), deadline);
  NoteIdentity(text, identity);
  co_return identity;
}

void RunWatch::NoteIdentity(const std::string& text, const absl::StatusOr<NodeIdentity>& identity) {
  absl::MutexLock lock(&mutex_);
  AskedNode* const node = FindListed(text);
  if (node == nullptr) return;
  if (identity.ok()) {
    node->address = identity->address;
    const size_t index = by_text_.at(text);
    node->is_duplicate = by_address_.try_emplace(identity->address, index).first->second != index;
  } else if (!absl::IsCancelled(identity.status())) {
    node->tables_answer = AskedNode::Answer::kRefused;
    node->error = rpc::PegasusErrorName(identity.status());
  }
}

asio::awaitable<absl::StatusOr<std::vector<TableRecord>>> RunWatch::QueryTables(
    Ipv4Endpoint address, absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      ++node->tries;
      node->tables_answer = AskedNode::Answer::kDue;
      node->tables = 0;
    }
  }
  absl::StatusOr<std::vector<TableRecord>> tables =
      co_await source_->QueryTables(address, deadline);
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr && tables.ok()) {
      node->tables = static_cast<int64_t>(tables->size());
    }
  }
  EndAnswer(&AskedNode::tables_answer, address, tables.status());
  co_return tables;
}

asio::awaitable<absl::Status> RunWatch::QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                                      ReplicaSink sink) {
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      node->replicas_answer = AskedNode::Answer::kDue;
      node->replicas = 0;
      node->replicas_serving = 0;
    }
  }
  const ReplicaSink counting = [this, address, &sink](const ReplicaRecord& replica) {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      ++node->replicas;
      const bool serves =
          replica.status == ReplicaStatus::kPrimary || replica.status == ReplicaStatus::kSecondary;
      if (serves) ++node->replicas_serving;
    }
    return sink(replica);
  };
  const absl::Status status = co_await source_->QueryReplicas(address, deadline, counting);
  EndAnswer(&AskedNode::replicas_answer, address, status);
  co_return status;
}

void RunWatch::EndAnswer(AskedNode::Answer AskedNode::*answer, Ipv4Endpoint address,
                         const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  AskedNode* const node = FindAt(address);
  // Whoever was asked by a run that waits no longer has not refused: his answer stays due.
  if (node == nullptr || absl::IsCancelled(status)) return;
  node->*answer = status.ok() ? AskedNode::Answer::kGiven : AskedNode::Answer::kRefused;
  if (!status.ok()) node->error = rpc::PegasusErrorName(status);
}

void RunWatch::OnProgress(const Progress& progress) {
  if (progress.phase == Phase::kPlan) return;  // over before anybody sees it
  absl::MutexLock lock(&mutex_);
  const auto same =
      std::find_if(phases_.begin(), phases_.end(),
                   [&progress](const Progress& known) { return known.phase == progress.phase; });
  if (same == phases_.end()) {
    phases_.push_back(progress);
  } else {
    *same = progress;
  }
}

}  // namespace metarec
