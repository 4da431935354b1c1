#include "recovery_service/status/status_rows.h"

#include <algorithm>
#include <array>
#include <functional>
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

// How many replicas are known of the partition at an index of Topology::partitions.
using KnownReplicas = std::function<int64_t(size_t)>;

// A table by its partitions.
struct TableHealth {
  const TopologyTable* table = nullptr;
  int64_t lost = 0;
  int64_t thin = 0;
};

char HeatOf(const TopologyTable& table, int64_t known) {
  if (known == 0) return '0';
  return known >= table.max_replica_count ? '+' : '-';
}

TableHealth HealthOf(const TopologyTable& table, const KnownReplicas& known) {
  TableHealth health;
  health.table = &table;
  for (size_t p = 0; p < table.partitions_count; ++p) {
    const char heat = HeatOf(table, known(table.partitions_begin + p));
    health.lost += heat == '0' ? 1 : 0;
    health.thin += heat == '-' ? 1 : 0;
  }
  return health;
}

TableRow RowOf(const TableHealth& health, const KnownReplicas& known, size_t cells_max) {
  const TopologyTable& table = *health.table;
  TableRow row;
  row.app_id = table.app_id;
  row.name = table.app_name;
  row.partitions = table.partitions_count;
  row.lost = health.lost;
  row.thin = health.thin;
  for (size_t p = 0; p < std::min<size_t>(table.partitions_count, cells_max); ++p) {
    row.heat += HeatOf(table, known(table.partitions_begin + p));
  }
  return row;
}

TableRows RowsOf(std::vector<TableHealth> healths, const KnownReplicas& known, size_t rows_max,
                 size_t cells_max) {
  std::stable_sort(healths.begin(), healths.end(), [](const TableHealth& a, const TableHealth& b) {
    return std::make_pair(a.lost, a.thin) > std::make_pair(b.lost, b.thin);
  });
  TableRows rows;
  rows.tables = healths.size();
  for (const TableHealth& health : healths) {
    rows.partitions += health.table->partitions_count;
    if (rows.rows.size() < rows_max) rows.rows.push_back(RowOf(health, known, cells_max));
  }
  return rows;
}

TableRows PlannedRows(const RecoveryPlan& plan, size_t rows_max, size_t cells_max) {
  const KnownReplicas known = [&plan](size_t at) -> int64_t {
    return at < plan.partitions.size() ? plan.partitions[at].replicas_count : 0;
  };
  std::vector<TableHealth> healths;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    if (plan.tables[i].placeholder) continue;
    healths.push_back(HealthOf(plan.topology.tables[i], known));
  }
  return RowsOf(std::move(healths), known, rows_max, cells_max);
}

TableRows ServedRows(const RecoveredMetadata& served, size_t rows_max, size_t cells_max) {
  const Topology& topology = served.topology();
  const KnownReplicas known = [&](size_t at) -> int64_t {
    return static_cast<int64_t>(served.KnownReplicas(topology.partitions[at]));
  };
  std::vector<TableHealth> healths;
  for (const TopologyTable& table : topology.tables) {
    if (table.status != TableStatus::kAvailable) continue;
    healths.push_back(HealthOf(table, known));
  }
  return RowsOf(std::move(healths), known, rows_max, cells_max);
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
    servers.push_back(node.name.empty() ? node.address.ToString() : node.name);
  }
  return servers;
}

TableRows TablesWorstFirst(const RecoveryServiceStatus& status, size_t rows_max, size_t cells_max) {
  const RecoveryPlan* const plan =
      status.result != nullptr && status.result->plan ? &*status.result->plan : nullptr;
  // What was found says more than what was written of it.
  const bool is_plan_served = status.run_state == RecoveryState::kRecovered;
  if (plan != nullptr && (is_plan_served || status.served == nullptr)) {
    return PlannedRows(*plan, rows_max, cells_max);
  }
  if (status.served != nullptr) return ServedRows(*status.served, rows_max, cells_max);
  return TableRows();
}

}  // namespace metarec
