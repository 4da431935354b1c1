#include "meta_recovery/planner/node_roster.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "meta_recovery/planner/node_identity.h"
#include "replica_collector/node_list.h"

namespace metarec {
namespace {

std::vector<std::string> SortedList(const NodeEvidence& node) {
  std::vector<std::string> listed_as = node.listed_as;
  std::sort(listed_as.begin(), listed_as.end());
  listed_as.erase(std::unique(listed_as.begin(), listed_as.end()), listed_as.end());
  return listed_as;
}

std::string Describe(const NodeEvidence& node) {
  return absl::StrCat("'", absl::StrJoin(SortedList(node), ", "), "' (", node.address.ToString(),
                      ", calls itself '", node.name, "')");
}

absl::Status SameServer(const NodeEvidence& a, const NodeEvidence& b, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the evidence has two nodes of one ", what, ": ", Describe(a), " and ", Describe(b),
      "; list each server once, and say what each calls itself with "
      "--node_name ADDRESS=NAME"));
}

absl::Status CheckNodes(absl::Span<const NodeEvidence* const> ascending) {
  std::map<std::string, const NodeEvidence*> by_name;
  for (size_t i = 0; i < ascending.size(); ++i) {
    const NodeEvidence& node = *ascending[i];
    const bool has_address = node.address != Ipv4Endpoint{};
    if (i > 0 && has_address && ascending[i - 1]->address == node.address) {
      return SameServer(*ascending[i - 1], node, "address");
    }
    if (const absl::Status possible = CheckServerAddress(node.address.ip);
        has_address && !possible.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the evidence has a node that cannot be: ", Describe(node), ": ", possible.message()));
    }
    if (node.listed_as.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the evidence has a node that no entry of the list means: ", Describe(node),
                       "; collect again"));
    }
    if (const absl::Status known = CheckIdentity(node); !known.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the evidence contradicts itself about the node ", Describe(node), ": ",
                       known.message(), "; collect again"));
    }
    if (!node.complete()) continue;
    if (!has_address || node.name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the evidence has a node that answered without an address or a name: ", Describe(node),
          "; collect again"));
    }
    if (const auto host_port = ParseNodeListEntry(node.name); !host_port.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the evidence has a node whose name is no host:port, as metadata need it: ",
                       Describe(node), ": ", host_port.status().message(),
                       "; say what it calls itself with --node_name ADDRESS=NAME"));
    }
    if (const auto name = ParseNodeListEntry(node.name); name->port != node.address.port) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the evidence has a node whose name has another port than its address: ", Describe(node),
          "; say what it calls itself with --node_name ADDRESS=NAME"));
    }
    const auto [it, is_new] = by_name.emplace(node.name, &node);
    if (!is_new) return SameServer(*it->second, node, "name");
  }
  return absl::OkStatus();
}

absl::Status CheckUnlisted(const Evidence& evidence) {
  std::set<Ipv4Endpoint> addresses;
  for (const NodeEvidence& node : evidence.nodes) addresses.insert(node.address);
  for (const BeaconSender& sender : evidence.unlisted) {
    absl::Status known = CheckIdentity(sender);
    if (known.ok() && !addresses.insert(sender.address).second) {
      known = absl::InvalidArgumentError("it is a node, or another unlisted server, too");
    }
    if (known.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the evidence contradicts itself about the unlisted server ",
                     sender.address.ToString(), ": ", known.message(), "; collect again"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NodeRoster> NodeRoster::Make(const Evidence& evidence) {
  if (evidence.nodes.empty()) {
    return absl::InvalidArgumentError("the evidence has no node: there is nothing to plan from");
  }
  NodeRoster roster;
  for (const NodeEvidence& node : evidence.nodes) roster.nodes_.push_back(&node);
  std::sort(roster.nodes_.begin(), roster.nodes_.end(),
            [](const NodeEvidence* a, const NodeEvidence* b) {
              if (a->address != b->address) return a->address < b->address;
              return std::forward_as_tuple(SortedList(*a), a->name, a->error, a->error_detail,
                                           a->attempts, a->name_source) <
                     std::forward_as_tuple(SortedList(*b), b->name, b->error, b->error_detail,
                                           b->attempts, b->name_source);
            });
  if (absl::Status status = CheckNodes(roster.nodes_); !status.ok()) return status;
  if (absl::Status status = CheckUnlisted(evidence); !status.ok()) return status;
  for (const NodeEvidence* node : roster.nodes_) {
    roster.listed_as_.push_back(SortedList(*node));
    // A bad node may not have told its name.
    roster.names_.push_back(node->name.empty() ? roster.listed_as_.back().front() : node->name);
  }
  return roster;
}

absl::Status NodeRoster::CheckSkipped(const PlanOptions& options,
                                      absl::Span<const BeaconSender> unlisted) const {
  for (const std::string& skipped : options.bad_nodes_skipped) {
    PlanOptions only;
    only.bad_nodes_skipped = {skipped};
    bool is_there = false;
    for (size_t i = 0; i < nodes_.size(); ++i) is_there |= IsSkipped(i, only);
    for (const BeaconSender& sender : unlisted) {
      is_there |= AcceptsUnlistedServer(
          only, {.address = sender.address.ToString(), .names = sender.names});
    }
    if (is_there) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--skip_bad_nodes=", skipped,
                     ": no node that is asked is called so; name it as the node list does"));
  }
  return absl::OkStatus();
}

void NodeRoster::FillPlan(RecoveryPlan& plan) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const NodeEvidence& node = *nodes_[i];
    plan.topology.nodes.push_back({.address = node.address, .name = names_[i]});
    plan.nodes.push_back(
        {.listed_as = listed_as_[i],
         .name_source = node.name_source,
         .own_address = node.complete() ? node.own_address : Ipv4Endpoint{},
         .error = node.error,
         .error_detail = node.complete() ? "" : node.error_detail,
         .attempts = std::max(node.attempts, 0),
         .tables = static_cast<int64_t>(node.complete() ? node.tables.size() : 0),
         .replicas = static_cast<int64_t>(node.complete() ? node.replicas.size() : 0),
         .on_disk_only = node.disk.has_value(),
         .folders_set_aside =
             node.disk.has_value() ? node.disk->set_aside : std::vector<std::string>(),
         .folders_unusable =
             node.disk.has_value() ? node.disk->unusable : std::vector<std::string>()});
  }
}

void ReportProblems::Add(NodeIndex node, int32_t app_id, absl::string_view problem) {
  ++problems_[{node, std::max(app_id, 0)}].left_out[std::string(problem)];
}

void ReportProblems::AddOfUsed(NodeIndex node, int32_t app_id, absl::string_view problem) {
  ++problems_[{node, std::max(app_id, 0)}].used_anyway[std::string(problem)];
}

void ReportProblems::MoveTo(FindingsList& findings) {
  const auto counted = [](const Counts& counts) {
    std::vector<CountedText> texts;
    for (const auto& [text, count] : counts) texts.push_back({.text = text, .count = count});
    return texts;
  };
  for (const auto& [subject, problems] : problems_) {
    found::NodeReportInvalid facts = {.problems = counted(problems.left_out),
                                      .used_anyway = counted(problems.used_anyway)};
    findings.Add(Severity::kWarning, FindingSubject::NodeAndApp(subject.first, subject.second),
                 std::move(facts));
  }
  problems_.clear();
}

}  // namespace metarec
