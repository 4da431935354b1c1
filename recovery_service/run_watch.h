#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "idl/ipv4_endpoint.h"
#include "replica_collector/node_list.h"
#include "replica_collector/replica_source.h"

namespace metarec {

// A server of the node list, as far as it was asked.
struct AskedNode {
  enum class Answer { kNone, kDue, kGiven, kRefused };
  // As it is listed, and where it is once that was looked up.
  std::string listed_as;
  std::optional<Ipv4Endpoint> address;
  bool is_duplicate = false;  // another entry is the same server, and stands for it

  int tries = 0;
  // Of the latest try, as they arrive.
  Answer tables_answer = Answer::kNone;
  Answer replicas_answer = Answer::kNone;
  int64_t tables = 0;
  int64_t replicas = 0;
  int64_t replicas_serving = 0;  // of these, PS_PRIMARY or PS_SECONDARY
  std::string error;             // name of the last one, of an earlier try, too

  enum class State {
    kWaiting,  // to be looked up, or to be asked
    kAsking,
    kAnswered,
    kFailed,  // a few more tries may follow
  };
  State state() const;
};

// Stands between a recovery and the servers that it asks, and notes for people how far it got: on
// the status page, whoever waits sees for whom. `source` must outlive it, and is used where the
// recovery runs; the rest is thread-safe.
class RunWatch final : public ReplicaSource, public ProgressListener {
 public:
  explicit RunWatch(ReplicaSource* source) : source_(source) {}

  // Forgets what was before; from now on a recovery of these nodes runs.
  void Begin(const NodeList& nodes);

  // In the order of the list.
  std::vector<AskedNode> nodes() const {
    absl::MutexLock lock(&mutex_);
    return nodes_;
  }
  // The latest of each phase that there was, in the order in which they began.
  std::vector<Progress> phases() const {
    absl::MutexLock lock(&mutex_);
    return phases_;
  }

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                         absl::Time deadline) override;
  asio::awaitable<absl::StatusOr<std::vector<TableRecord>>> QueryTables(
      Ipv4Endpoint address, absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override;
  void OnProgress(const Progress& progress) override;

 private:
  // nullptr: there is none. Pointers must not be kept over a co_await: another run may begin.
  AskedNode* FindListed(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  AskedNode* FindAt(Ipv4Endpoint address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteIdentity(const std::string& text, const absl::StatusOr<NodeIdentity>& identity);
  // One of the two queries of a try has ended.
  void EndAnswer(AskedNode::Answer AskedNode::*answer, Ipv4Endpoint address,
                 const absl::Status& status);

  ReplicaSource* const source_;
  mutable absl::Mutex mutex_;
  std::vector<AskedNode> nodes_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, size_t> by_text_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Ipv4Endpoint, size_t> by_address_ ABSL_GUARDED_BY(mutex_);
  std::vector<Progress> phases_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metarec
