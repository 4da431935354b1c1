// Collecting goes in two steps. First every entry of the list is identified, and entries that turn
// out to be one server are joined, so that no server is asked twice. Then each server is asked for
// its tables and its replicas, both at once, and again after a pause while that makes sense.
//
// The two answers of a server are not atomic with each other, but each is complete or worthless: a
// server that gives only one of them counts as failed, and nothing that it said is kept.

#include "replica_collector/collector.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "replica_collector/table_record_pool.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

// Enough for any maximum that makes sense; more would overflow the shift.
constexpr int kDoublingsMax = 20;

// What the protocol calls an exceeded bound.
constexpr char kErrCapacityExceeded[] = "ERR_CAPACITY_EXCEEDED";

absl::Status Cancelled() { return absl::CancelledError("collecting was cancelled"); }

enum class Retry { kNever, kAFewTimes, kUntilTheTimeIsOver };

Retry RetryAfter(absl::string_view error) {
  if (error == idl::kErrHandlerNotFound || error == idl::kErrBusy || error == idl::kErrTryAgain) {
    return Retry::kUntilTheTimeIsOver;
  }
  if (error == idl::kErrNetworkFailure || error == idl::kErrTimeout) return Retry::kAFewTimes;
  return Retry::kNever;
}

absl::Status AboveBound(const NodeEvidence& node, absl::string_view what, size_t bound) {
  return rpc::PegasusError(kErrCapacityExceeded,
                           absl::StrCat(node.address.ToString(), " has more than ", bound, " ",
                                        what, ", the bound on what one node may have"));
}

bool IsServing(const ReplicaRecord& replica) {
  return replica.status == ReplicaStatus::kPrimary || replica.status == ReplicaStatus::kSecondary;
}

// What `b` has of a replica relative to `a`, in terms of time. Decrees only grow.
struct DecreeOrder {
  bool may_be_later = true;
  bool may_be_earlier = true;

  void Compare(int64_t a, int64_t b) {
    may_be_later &= b >= a;
    may_be_earlier &= b <= a;
  }
};

// Whether it can be the same server that gave both answers, at two moments. It holds the same
// replicas in the same states, at the same ballots. A replica that is served takes writes between
// the two, so its decrees may have grown, but then of all replicas in the same direction: one of
// the answers is the later one. A replica at rest has the same decrees in both. Servers of a
// cluster that is at rest, too, and has nothing but equal replicas cannot be told apart, but nor
// could its meta server have told servers of one address apart.
bool HaveSameAnswers(const NodeEvidence& a, const NodeEvidence& b) {
  if (a.replicas.size() != b.replicas.size() || a.tables.size() != b.tables.size()) return false;
  const auto sorted_replicas = [](const NodeEvidence& node) {
    std::vector<ReplicaRecord> replicas = node.replicas;
    std::sort(replicas.begin(), replicas.end(), [](const ReplicaRecord& x, const ReplicaRecord& y) {
      return std::tie(x.app_id, x.partition_index) < std::tie(y.app_id, y.partition_index);
    });
    return replicas;
  };
  const auto sorted_ids = [](const NodeEvidence& node) {
    std::vector<int32_t> ids;
    for (const SharedTableRecord& table : node.tables) ids.push_back(table->app_id);
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  if (sorted_ids(a) != sorted_ids(b)) return false;
  DecreeOrder order;
  const auto is_same_or_moved = [&order](const ReplicaRecord& x, const ReplicaRecord& y) {
    if (std::tie(x.app_id, x.partition_index, x.status, x.ballot) !=
        std::tie(y.app_id, y.partition_index, y.status, y.ballot)) {
      return false;
    }
    if (!IsServing(x)) return x == y;
    order.Compare(x.last_committed_decree, y.last_committed_decree);
    order.Compare(x.last_prepared_decree, y.last_prepared_decree);
    order.Compare(x.last_durable_decree, y.last_durable_decree);
    return order.may_be_later || order.may_be_earlier;
  };
  const std::vector<ReplicaRecord> of_a = sorted_replicas(a);
  const std::vector<ReplicaRecord> of_b = sorted_replicas(b);
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), is_same_or_moved);
}

// One server that is listed under two of its addresses gives the same one as its own on both. So
// may two servers, such as containers of two machines, but those hold different replicas: what
// looks like two servers must never count as one. The address that the server calls its own stays.
void JoinServersOfOneAddress(std::vector<NodeEvidence>* nodes) {
  absl::flat_hash_map<Ipv4Endpoint, std::vector<size_t>> by_own_address;
  for (size_t i = 0; i < nodes->size(); ++i) {
    const NodeEvidence& node = (*nodes)[i];
    if (!node.complete() || node.own_address == Ipv4Endpoint{}) continue;
    std::vector<size_t>& same = by_own_address[node.own_address];
    if (node.address == node.own_address) {
      same.insert(same.begin(), i);
    } else {
      same.push_back(i);
    }
  }
  std::vector<bool> is_gone(nodes->size());
  for (const auto& [own_address, same] : by_own_address) {
    NodeEvidence& kept = (*nodes)[same.front()];
    for (size_t k = 1; k < same.size(); ++k) {
      NodeEvidence& other = (*nodes)[same[k]];
      if (!HaveSameAnswers(kept, other)) continue;
      METAREC_RARE_BRANCH("a server is listed under two of its addresses");
      std::move(other.listed_as.begin(), other.listed_as.end(), std::back_inserter(kept.listed_as));
      std::move(other.ambiguous.begin(), other.ambiguous.end(), std::back_inserter(kept.ambiguous));
      const bool names_it = other.name_source == NodeNameSource::kOverride &&
                            kept.name_source != NodeNameSource::kOverride &&
                            other.address.port == kept.address.port;
      if (names_it) {
        kept.name = std::move(other.name);
        kept.name_source = NodeNameSource::kOverride;
      }
      is_gone[same[k]] = true;
    }
  }
  size_t at = 0;
  std::erase_if(*nodes, [&](const NodeEvidence&) { return is_gone[at++]; });
}

}  // namespace

// One run of Collect.
class Collector::Run {
 public:
  Run(const Collector* collector, NodeList list)
      : options_(collector->options_),
        source_(collector->source_),
        clock_(collector->clock_),
        progress_(collector->progress_),
        random_(collector->random_),
        list_(std::move(list)),
        retries_left_(collector->options_.retries_max) {}

  asio::awaitable<absl::StatusOr<Evidence>> Collect() {
    evidence_.collected_at = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_->Now()));
    report_.total = static_cast<int64_t>(list_.entries.size());
    progress_->OnProgress(report_);

    identified_.resize(list_.entries.size());
    is_identified_.resize(list_.entries.size());
    co_await ForEachBounded(list_.entries.size(), options_.nodes_in_flight_max,
                            [this](size_t i) { return Identify(i); });
    if (co_await IsCancelled()) co_return Cancelled();
    JoinEntries();
    METAREC_CO_RETURN_IF_ERROR(NameNodes(options_.node_names, &evidence_));
    report_.total = static_cast<int64_t>(evidence_.nodes.size());

    is_answered_.resize(evidence_.nodes.size());
    co_await ForEachBounded(evidence_.nodes.size(), options_.nodes_in_flight_max,
                            [this](size_t i) { return Ask(i); });
    if (co_await IsCancelled()) co_return Cancelled();
    JoinServersOfOneAddress(&evidence_.nodes);
    if (options_.beacons) TakeBeacons(options_.beacons(), &evidence_);
    co_return std::move(evidence_);
  }

  // See Collector::unanswered.
  std::vector<std::string> Unanswered() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < is_answered_.size(); ++i) {
      if (!is_answered_[i]) names.push_back(evidence_.nodes[i].listed_as.front());
    }
    if (!is_answered_.empty()) return names;
    for (size_t i = 0; i < is_identified_.size(); ++i) {
      if (!is_identified_[i]) names.push_back(list_.entries[i].text);
    }
    return names;
  }

 private:
  asio::awaitable<void> Identify(size_t i) {
    identified_[i] =
        co_await source_->Identify(list_.entries[i], clock_->Now() + options_.identify_timeout);
    is_identified_[i] = !co_await IsCancelled();
  }

  // Makes one node of all entries that mean the same server.
  void JoinEntries() {
    absl::flat_hash_map<Ipv4Endpoint, size_t> node_at;
    for (size_t i = 0; i < list_.entries.size(); ++i) {
      const absl::StatusOr<NodeIdentity>& identity = identified_[i];
      if (identity.ok()) {
        const auto [known, is_new] = node_at.try_emplace(identity->address, evidence_.nodes.size());
        if (!is_new) {
          METAREC_RARE_BRANCH("an entry of the list is a server that was named before");
          NodeEvidence& node = evidence_.nodes[known->second];
          node.listed_as.push_back(list_.entries[i].text);
          NoteOtherAddresses(*identity, &node);
          continue;
        }
      }
      NodeEvidence& node = evidence_.nodes.emplace_back();
      node.listed_as = {list_.entries[i].text};
      if (identity.ok()) {
        TakeIdentity(*identity, &node);
        NoteOtherAddresses(*identity, &node);
      } else {
        node.name = list_.entries[i].text;
        node.attempts = 0;
        SetError(identity.status(), &node);
      }
    }
  }

  static void TakeIdentity(const NodeIdentity& identity, NodeEvidence* node) {
    node->address = identity.address;
    node->name = identity.name;
    node->name_source = identity.name_source;
  }

  // Of the entry that was listed last.
  static void NoteOtherAddresses(const NodeIdentity& identity, NodeEvidence* node) {
    if (identity.other_addresses.empty()) return;
    node->ambiguous.push_back(
        {.text = node->listed_as.back(), .not_asked = identity.other_addresses});
  }

  static void SetError(const absl::Status& status, NodeEvidence* node) {
    node->error = rpc::PegasusErrorName(status);
    node->error_detail = std::string(status.message());
  }

  asio::awaitable<void> Ask(size_t i) {
    NodeEvidence* const node = &evidence_.nodes[i];
    if (node->complete()) {
      const absl::Status status = co_await AskUntilItWorks(node);
      if (!status.ok()) {
        // Such an error is ours, not the node's.
        const bool is_cancelled = co_await IsCancelled();
        if (is_cancelled) co_return;
        // Half an answer is worthless.
        if (!node->tables.empty() || !node->replicas.empty()) {
          METAREC_RARE_BRANCH("half an answer is thrown away");
        }
        node->tables = {};
        node->replicas = {};
        node->own_address = {};
        SetError(status, node);
      }
    }
    node->replicas.shrink_to_fit();
    is_answered_[i] = true;
    Report(*node);
  }

  void Report(const NodeEvidence& node) {
    ++report_.done;
    if (node.complete()) {
      report_.replicas += static_cast<int64_t>(node.replicas.size());
      report_.note = absl::StrCat(node.listed_as.front(), ": ",
                                  Counted(static_cast<int64_t>(node.tables.size()), "table"), ", ",
                                  Counted(static_cast<int64_t>(node.replicas.size()), "replica"));
    } else {
      ++report_.failed;
      report_.note = absl::StrCat(node.listed_as.front(), ": ", node.error);
    }
    progress_->OnProgress(report_);
  }

  asio::awaitable<absl::Status> AskUntilItWorks(NodeEvidence* node) {
    const absl::Time deadline = clock_->Now() + options_.node_timeout;
    int failures = 0;  // of the kind that is repeated a few times only
    absl::Status earlier;
    for (node->attempts = 1;; ++node->attempts) {
      const absl::Time attempt_deadline = clock_->Now() + options_.attempt_timeout;
      absl::Status status = co_await AskOnce(node, std::min(deadline, attempt_deadline));
      if (status.ok()) co_return status;
      const bool is_cancelled = co_await IsCancelled();
      if (is_cancelled) co_return status;
      // The error of a last try that had hardly any time tells less than the one before.
      const bool was_cut_short = deadline < attempt_deadline && clock_->Now() >= deadline;
      if (was_cut_short && !earlier.ok()) {
        METAREC_RARE_BRANCH("a node's last try had hardly any time");
        co_return earlier;
      }
      earlier = status;

      const Retry retry = RetryAfter(rpc::PegasusErrorName(status));
      if (retry == Retry::kNever) co_return status;
      if (retry == Retry::kAFewTimes && ++failures >= options_.attempts_max) {
        METAREC_RARE_BRANCH("a node is given up after a few tries");
        co_return status;
      }
      const absl::Duration pause = Backoff(node->attempts);
      if (clock_->Now() + pause >= deadline || retries_left_ == 0) co_return status;
      --retries_left_;
      if (!(co_await clock_->SleepFor(pause)).ok()) co_return Cancelled();
    }
  }

  // Half to all of a pause that doubles with each attempt.
  absl::Duration Backoff(int attempt) const {
    const absl::Duration full =
        std::min(options_.backoff_max,
                 options_.backoff_min * (int64_t{1} << std::min(attempt - 1, kDoublingsMax)));
    return full * (0.5 + 0.5 * random_());
  }

  asio::awaitable<absl::Status> AskOnce(NodeEvidence* node, absl::Time deadline) {
    node->tables.clear();
    node->replicas.clear();
    absl::Status tables;
    absl::Status replicas;
    co_await ForEachBounded(2, 2, [&](size_t i) {
      return i == 0 ? AskTables(node, deadline, &tables) : AskReplicas(node, deadline, &replicas);
    });
    if (co_await IsCancelled()) co_return Cancelled();
    co_return replicas.ok() ? tables : replicas;
  }

  asio::awaitable<void> AskTables(NodeEvidence* node, absl::Time deadline, absl::Status* status) {
    absl::StatusOr<NodeTables> answer = co_await source_->QueryTables(node->address, deadline);
    *status = answer.status();
    if (!answer.ok()) co_return;
    node->own_address = answer->own_address;
    std::vector<TableRecord>& tables = answer->tables;
    if (tables.size() > options_.tables_per_node_max) {
      *status = AboveBound(*node, "tables", options_.tables_per_node_max);
      co_return;
    }
    node->tables.reserve(tables.size());
    for (TableRecord& table : tables) node->tables.push_back(records_.Share(std::move(table)));
  }

  asio::awaitable<void> AskReplicas(NodeEvidence* node, absl::Time deadline, absl::Status* status) {
    const size_t replicas_max = options_.replicas_per_node_max;
    const ReplicaSink sink = [node, replicas_max](const ReplicaRecord& replica) {
      if (node->replicas.size() == replicas_max) {
        return AboveBound(*node, "replicas", replicas_max);
      }
      node->replicas.push_back(replica);
      return absl::OkStatus();
    };
    *status = co_await source_->QueryReplicas(node->address, deadline, sink);
  }

  const CollectorOptions& options_;
  ReplicaSource* const source_;
  Clock* const clock_;
  ProgressListener* const progress_;
  const Random& random_;

  const NodeList list_;
  std::vector<absl::StatusOr<NodeIdentity>> identified_;  // parallel to the list's entries
  std::vector<bool> is_identified_;                       // parallel to the list's entries, too
  Evidence evidence_;
  TableRecordPool records_;
  std::vector<bool> is_answered_;  // parallel to the evidence's nodes: with or without an error
  Progress report_;
  int64_t retries_left_;
};

Collector::Collector(CollectorOptions options, ReplicaSource* source, Clock* clock,
                     ProgressListener* progress, Random random)
    : options_(std::move(options)),
      source_(source),
      clock_(clock),
      progress_(progress),
      random_(std::move(random)) {}

asio::awaitable<absl::StatusOr<Evidence>> Collector::Collect(NodeList list) {
  Run run(this, std::move(list));
  absl::StatusOr<Evidence> evidence = co_await run.Collect();
  if (absl::IsCancelled(evidence.status())) unanswered_ = run.Unanswered();
  co_return evidence;
}

int64_t CountServing(const NodeEvidence& node) {
  return std::count_if(node.replicas.begin(), node.replicas.end(),
                       [](const ReplicaRecord& replica) { return IsServing(replica); });
}

ServingCount CountServing(const Evidence& evidence) {
  ServingCount count;
  for (const NodeEvidence& node : evidence.nodes) {
    const int64_t serving = CountServing(node);
    count.serving += serving;
    count.replicas += static_cast<int64_t>(node.replicas.size());
    if (serving > 0) ++count.nodes_serving;
  }
  return count;
}

}  // namespace metarec
