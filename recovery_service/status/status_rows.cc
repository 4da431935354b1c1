#include "recovery_service/status/status_rows.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/text/wording.h"
#include "idl/error_names.h"
#include "replica_collector/node_names.h"

namespace metarec {
namespace {

using State = AskedNode::State;

constexpr char kFailed[] = "failed";
constexpr char kUnlisted[] = "unlisted";
constexpr char kUnconfirmed[] = "unconfirmed";
constexpr char kAsking[] = "asking";
constexpr char kWaiting[] = "waiting";
constexpr char kAnswered[] = "answered";

std::string BeaconState(const BeaconNode& node, absl::Time now) {
  const std::string age =
      absl::StrCat("beacon ", absl::ToInt64Seconds(now - node.last_beacon), " s ago");
  if (!node.replicas_serving) return absl::StrCat(age, ", its replicas are not known yet");
  if (*node.replicas_serving == 0) return absl::StrCat(age, ", all replicas inactive");
  return absl::StrCat(age, ", ", Counted(*node.replicas_serving, "replica"),
                      " still served from an earlier lease");
}

// Why the names in beacons are not to be believed, whatever else is known: by address.
std::map<Ipv4Endpoint, std::string> DoubtsInWords(const std::vector<BeaconNode>& nodes) {
  Evidence evidence;
  for (const BeaconNode& node : nodes) {
    NodeEvidence& known = evidence.nodes.emplace_back();
    known.address = node.address;
    known.beacon_names = node.names;
  }
  const BeaconDoubts doubts(evidence);
  std::map<Ipv4Endpoint, std::string> words;
  for (const NodeEvidence& node : evidence.nodes) {
    const BeaconDoubt doubt = doubts.Of(node);
    if (doubt != BeaconDoubt::kNone) {
      words.emplace(node.address, BeaconDoubtInWords(doubt, node.address));
    }
  }
  return words;
}

// By the indexes of those that are no duplicates.
ListedServers ListedOf(const std::vector<AskedNode>& asked) {
  ListedServers listed;
  std::map<Ipv4Endpoint, size_t> at;
  for (size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].address && !asked[i].is_duplicate) at.emplace(*asked[i].address, i);
  }
  for (size_t i = 0; i < asked.size(); ++i) {
    const AskedNode& node = asked[i];
    const size_t server = node.is_duplicate ? at.at(*node.address) : i;
    listed.Add(server, node.address.value_or(Ipv4Endpoint{}), node.own_address);
    if (asked[server].state() != State::kAnswered) listed.AddTextOfSilent(server, node.listed_as);
  }
  return listed;
}

std::string AskingState(const AskedNode& node) {
  std::string state = "being asked";
  if (node.tries > 1) absl::StrAppend(&state, ", try ", node.tries);
  if (!node.error.empty()) absl::StrAppend(&state, " after ", node.error);
  return state;
}

void TellAnswer(const AskedNode& node, bool is_recovering, NodeRow* row) {
  switch (node.state()) {
    case State::kWaiting:
      row->answer = is_recovering ? kWaiting : kFailed;
      row->state = is_recovering ? "to be asked" : "was not asked";
      return;
    case State::kAsking:
      row->answer = is_recovering ? kAsking : kFailed;
      row->state = is_recovering ? AskingState(node) : "did not answer in time";
      break;
    case State::kAnswered:
      row->answer = kAnswered;
      row->state = "answered";
      if (node.replicas_serving > 0) {
        absl::StrAppend(&row->state, ", ", Counted(node.replicas_serving, "replica"),
                        " still served");
      }
      break;
    case State::kFailed:
      row->answer = kFailed;
      row->state = absl::StrCat("failed: ", node.error);
      if (node.tries > 1) absl::StrAppend(&row->state, " (", node.tries, " tries)");
      return;
  }
  row->tables = node.tables;
  row->replicas = node.replicas;
}

// What the plan made of a node counts: a bound may have been hit, or a name found.
void TellDecision(const NodeDecision& decision, const TopologyNode& node, NodeRow* row) {
  row->name = node.name;
  if (decision.error == idl::kErrOk || row->answer == kFailed) return;
  row->answer = kFailed;
  row->state = absl::StrCat("failed: ", decision.error);
  row->tables.reset();
  row->replicas.reset();
}

TableRows ServedRows(const RecoveredMetadata& served) {
  const Topology& topology = served.topology();
  std::vector<const TopologyTable*> tables;
  for (const TopologyTable& table : topology.tables) {
    if (table.status == TableStatus::kAvailable) tables.push_back(&table);
  }
  return RowsOf(tables, [&](size_t at) -> int64_t {
    return static_cast<int64_t>(served.KnownReplicas(topology.partitions[at]));
  });
}

// Rows while they are made.
class NodeRowsMaker {
 public:
  NodeRowsMaker(const RecoveryServiceStatus& status, absl::Time now)
      : status_(status), now_(now), doubts_(DoubtsInWords(status.nodes)) {
    if (status.run != nullptr) asked_ = status.run->nodes();
    listed_ = ListedOf(asked_);
  }

  std::vector<NodeRow> Rows() {
    AddAsked();
    if (status_.result != nullptr && status_.result->plan) AddDecisions(*status_.result->plan);
    for (const BeaconNode& node : status_.nodes) AddBeacon(node);
    const auto rank = [](const NodeRow& row) {
      static constexpr std::array kOrder = {kFailed, kUnlisted, kUnconfirmed,
                                            kAsking, kWaiting,  kAnswered};
      return std::find(kOrder.begin(), kOrder.end(), row.answer) - kOrder.begin();
    };
    std::stable_sort(rows_.begin(), rows_.end(),
                     [&rank](const NodeRow& a, const NodeRow& b) { return rank(a) < rank(b); });
    return std::move(rows_);
  }

 private:
  void AddAsked() {
    const bool is_recovering = status_.run_state == RecoveryState::kRecovering;
    for (size_t i = 0; i < asked_.size(); ++i) {
      const AskedNode& node = asked_[i];
      if (node.is_duplicate) continue;
      row_of_.emplace(i, rows_.size());
      NodeRow& row = rows_.emplace_back();
      row.name = node.listed_as;
      TellAnswer(node, is_recovering, &row);
      if (node.address) row.address = node.address->ToString();
    }
  }

  void AddDecisions(const RecoveryPlan& plan) {
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto owner = listed_.Find(plan.topology.nodes[i].address, {});
      if (!owner.has_value()) continue;
      TellDecision(plan.nodes[i], plan.topology.nodes[i], &rows_[row_of_.at(owner->server)]);
    }
  }

  void AddBeacon(const BeaconNode& node) {
    std::string said = BeaconState(node, now_);
    if (const auto owner = listed_.Find(node.address, node.names); owner.has_value()) {
      std::string* const state = &rows_[row_of_.at(owner->server)].state;
      if (owner->is_by_name) absl::StrAppend(&said, ", from ", node.address.ToString());
      absl::StrAppend(state, state->empty() ? "" : "; ", said, Doubt(node));
      return;
    }
    NodeRow& row = rows_.emplace_back();
    row.address = row.name = node.address.ToString();
    if (status_.run != nullptr) {
      row.answer = node.is_there ? kUnlisted : kUnconfirmed;
      row.state = node.is_there ? "not in the node list; "
                                : "not in the node list, and not seen to be there; ";
    }
    absl::StrAppend(&row.state, said);
    const std::string doubt = Doubt(node);
    if (doubt.empty() && !node.names.empty()) {
      absl::StrAppend(&row.state, "; its beacons call it ", CutList(node.names));
    }
    row.state += doubt;
  }

  std::string Doubt(const BeaconNode& node) const {
    const auto doubt = doubts_.find(node.address);
    if (doubt == doubts_.end()) return "";
    return absl::StrCat("; its beacons call it ", CutList(node.names),
                        ", which is doubtful: ", doubt->second);
  }

  const RecoveryServiceStatus& status_;
  const absl::Time now_;
  const std::map<Ipv4Endpoint, std::string> doubts_;
  std::vector<AskedNode> asked_;
  ListedServers listed_;
  std::map<size_t, size_t> row_of_;  // by the index in asked_
  std::vector<NodeRow> rows_;
};

}  // namespace

std::vector<NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now) {
  return NodeRowsMaker(status, now).Rows();
}

std::vector<std::string> UnlistedServers(const RecoveryServiceStatus& status) {
  std::vector<std::string> servers;
  if (status.run == nullptr) return servers;
  const ListedServers listed = ListedOf(status.run->nodes());
  for (const BeaconNode& node : status.nodes) {
    if (!node.is_there || listed.Find(node.address, node.names).has_value()) continue;
    const std::string address = node.address.ToString();
    if (status.plan_options != nullptr &&
        AcceptsBadNode(*status.plan_options, node.names, address, node.address)) {
      continue;
    }
    servers.push_back(BeaconSenderInWords(address, node.names));
  }
  return servers;
}

bool ShowsPlan(const RecoveryServiceStatus& status) {
  const bool is_served = status.run_state == RecoveryState::kRecovered && !status.is_past_run;
  return status.plan != nullptr && (is_served || status.served == nullptr);
}

TableRows TablesWorstFirst(const RecoveryServiceStatus& status) {
  if (ShowsPlan(status)) return status.plan->tables;
  return status.served == nullptr ? TableRows() : ServedRows(*status.served);
}

std::optional<Headline> StatusHeadline(const RecoveryServiceStatus& status,
                                       const TableRows& tables) {
  // A later run that was refused changes nothing of what is served, unless it found it damaged.
  const bool is_of_run = status.served == nullptr ||
                         (status.run_state == RecoveryState::kRecovered && !status.is_past_run) ||
                         status.is_damaged();
  if (status.result != nullptr && status.plan != nullptr && is_of_run) {
    return HeadlineOf(status.plan->outcome, status.plan->numbers,
                      HeadlineMomentOf(status.result->outcome));
  }
  if (status.served == nullptr) return std::nullopt;
  return HeadlineOfServed(static_cast<int64_t>(tables.tables), tables.partitions, tables.lost);
}

}  // namespace metarec
