#include "recovery_service/status/status_nodes.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/text/wording.h"
#include "idl/error_names.h"

namespace metarec {
namespace {

using State = AskedNode::State;

constexpr char kFailed[] = "failed";
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

}  // namespace

std::vector<NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now) {
  std::vector<NodeRow> rows;
  std::map<Ipv4Endpoint, size_t> at;
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
    }
  }
  if (status.result != nullptr && status.result->plan) {
    const RecoveryPlan& plan = *status.result->plan;
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto row = at.find(plan.topology.nodes[i].address);
      if (row != at.end()) {
        TellDecision(plan.nodes[i], plan.topology.nodes[i], &rows[row->second]);
      }
    }
  }
  for (const BeaconNode& node : status.nodes) {
    const auto [row, is_new] = at.emplace(node.address, rows.size());
    if (is_new) {
      rows.emplace_back().address = node.address.ToString();
      rows.back().name = node.name.empty() ? rows.back().address : node.name;
    }
    std::string* const state = &rows[row->second].state;
    *state = absl::StrCat(*state, state->empty() ? "" : "; ", BeaconState(node, now));
  }
  const auto rank = [](const NodeRow& row) {
    static constexpr std::array<const char*, 4> kOrder = {kFailed, kAsking, kWaiting, kAnswered};
    return std::find(kOrder.begin(), kOrder.end(), row.answer) - kOrder.begin();
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&rank](const NodeRow& a, const NodeRow& b) { return rank(a) < rank(b); });
  return rows;
}

}  // namespace metarec
