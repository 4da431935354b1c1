#include "recovery_service/status/status_rows.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
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

// The beacons of nodes whose names are not to be believed, whatever else is known: by address.
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
    if (doubt == BeaconDoubt::kNone) continue;
    words.emplace(node.address,
                  absl::StrCat("; its beacons call it ", CutList(node.beacon_names),
                               ", which is doubtful: ", BeaconDoubtInWords(doubt, node.address)));
  }
  return words;
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

}  // namespace

std::vector<NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now) {
  std::vector<NodeRow> rows;
  std::map<Ipv4Endpoint, size_t> at;
  std::map<Ipv4Endpoint, size_t> own_addresses;
  const bool is_recovering = status.run_state == RecoveryState::kRecovering;
  if (status.run != nullptr) {
    for (const AskedNode& node : status.run->nodes()) {
      if (node.is_duplicate) continue;
      NodeRow& row = rows.emplace_back();
      row.name = node.listed_as;
      TellAnswer(node, is_recovering, &row);
      if (!node.address) continue;
      row.address = node.address->ToString();
      at.emplace(*node.address, rows.size() - 1);
      if (node.own_address != Ipv4Endpoint{})
        own_addresses.emplace(node.own_address, rows.size() - 1);
    }
  }
  at.insert(own_addresses.begin(), own_addresses.end());
  if (status.result != nullptr && status.result->plan) {
    const RecoveryPlan& plan = *status.result->plan;
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto row = at.find(plan.topology.nodes[i].address);
      if (row != at.end()) {
        TellDecision(plan.nodes[i], plan.topology.nodes[i], &rows[row->second]);
      }
    }
  }
  const std::map<Ipv4Endpoint, std::string> doubts = DoubtsInWords(status.nodes);
  for (const BeaconNode& node : status.nodes) {
    const auto [row, is_new] = at.emplace(node.address, rows.size());
    if (is_new) {
      rows.emplace_back().address = node.address.ToString();
      rows.back().name = node.name.empty() ? rows.back().address : node.name;
      if (status.run != nullptr) {
        rows.back().answer = kUnlisted;
        rows.back().state = "not in the node list";
      }
    }
    std::string* const state = &rows[row->second].state;
    *state = absl::StrCat(*state, state->empty() ? "" : "; ", BeaconState(node, now));
    if (const auto doubt = doubts.find(node.address); doubt != doubts.end())
      *state += doubt->second;
  }
  const auto rank = [](const NodeRow& row) {
    static constexpr std::array kOrder = {kFailed, kUnlisted, kAsking, kWaiting, kAnswered};
    return std::find(kOrder.begin(), kOrder.end(), row.answer) - kOrder.begin();
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&rank](const NodeRow& a, const NodeRow& b) { return rank(a) < rank(b); });
  return rows;
}

std::vector<std::string> UnlistedServers(const RecoveryServiceStatus& status) {
  std::vector<std::string> servers;
  if (status.run == nullptr) return servers;
  std::set<Ipv4Endpoint> listed;
  for (const AskedNode& node : status.run->nodes()) {
    if (node.address) listed.insert(*node.address);
    listed.insert(node.own_address);
  }
  for (const BeaconNode& node : status.nodes) {
    const bool is_seen = node.is_from_there || node.replicas_serving;
    if (!is_seen || listed.contains(node.address)) continue;
    const std::string address = node.address.ToString();
    if (status.decisions != nullptr &&
        AcceptsBadNode(*status.decisions, {node.name}, address, node.address)) {
      continue;
    }
    servers.push_back(node.name.empty() ? node.address.ToString() : node.name);
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
