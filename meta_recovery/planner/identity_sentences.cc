// What is said of findings about who a server is, where it is, and whether the list has it.

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"

namespace metarec {
namespace {

Ipv4Endpoint EndpointOf(const RecoveryPlan& plan, NodeIndex node) {
  return node < plan.topology.nodes.size() ? plan.topology.nodes[node].address : Ipv4Endpoint{};
}
std::string AddressOf(const RecoveryPlan& plan, NodeIndex node) {
  return EndpointOf(plan, node).ToString();
}

std::string OwnAddressOf(const RecoveryPlan& plan, NodeIndex node) {
  return node < plan.nodes.size() ? plan.nodes[node].own_address.ToString() : "?";
}

// The other nodes that give the same address as their own, or are asked there.
std::vector<std::string> OthersAtOwnAddress(const RecoveryPlan& plan, NodeIndex node) {
  std::vector<std::string> others;
  if (node >= plan.nodes.size()) return others;
  const Ipv4Endpoint own_address = plan.nodes[node].own_address;
  for (NodeIndex other = 0; other < plan.nodes.size(); ++other) {
    const bool is_there = plan.nodes[other].own_address == own_address ||
                          plan.topology.nodes[other].address == own_address;
    if (other != node && is_there) others.push_back(ListedNode(plan, other));
  }
  return others;
}

}  // namespace

std::string Sentence(const RecoveryPlan& plan, const Finding& finding, const found::NodeOnDisk&) {
  std::string text = absl::StrCat("node ", ListedNode(plan, finding.node), " does not run: ");
  if (finding.node >= plan.nodes.size()) return text;
  const NodeDecision& node = plan.nodes[finding.node];
  absl::StrAppend(&text, Counted(node.replicas, "replica"),
                  " read from its disks; the decrees are lower bounds, since later writes are in "
                  "logs that only the server replays");
  if (!node.folders_unusable.empty()) {
    absl::StrAppend(&text, "; ", Counted(node.folders_unusable.size(), "folder"),
                    " cannot be used (", CutList(node.folders_unusable), ")");
  }
  if (!node.folders_set_aside.empty()) {
    absl::StrAppend(&text, "; ", Counted(node.folders_set_aside.size(), "folder"),
                    " that the server set aside ",
                    node.folders_set_aside.size() == 1 ? "is" : "are", " not used (",
                    CutList(node.folders_set_aside), ")");
  }
  return absl::StrCat(text, "; start it before the meta server if it can be started");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NodeNameAmbiguous& facts) {
  return absl::StrCat(
      "node ", facts.listed_as, " has several addresses, of which only ",
      AddressOf(plan, finding.node), " was asked; not asked: ", CutList(facts.not_asked),
      "; if other servers are there, list each by a name or address of its own, and "
      "collect again");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NodeAddressDiffers&) {
  const std::string own_address = OwnAddressOf(plan, finding.node);
  const std::vector<std::string> others = OthersAtOwnAddress(plan, finding.node);
  return absl::StrCat(
      "node ", ListedNode(plan, finding.node), " was asked at ", AddressOf(plan, finding.node),
      ", which gets written, but gives ", own_address,
      " as its own address; other servers and clients may not reach it where it was asked; correct "
      "what its name resolves to here (/etc/hosts, DNS), or list it as ",
      own_address, ", and collect again",
      others.empty() ? ""
                     : absl::StrCat(" (that is also the address of ", CutList(others),
                                    ", which holds other replicas: see which server is where)"));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::LoopbackAmongOthers&) {
  return absl::StrCat(
      "node ", ListedNode(plan, finding.node), " was asked at ", AddressOf(plan, finding.node),
      ", a loopback address, which gets written, while other nodes have addresses of a network; no "
      "other machine can reach it there; correct what its name resolves to here (/etc/hosts), or "
      "list the address by which the others reach it, and collect again");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::BeaconNotBelieved& facts) {
  return absl::StrCat(
      "beacons of node ", ListedNode(plan, finding.node), " say that it is called ",
      CutList(facts.names),
      ", which is not believed: ", BeaconDoubtInWords(facts.doubt, EndpointOf(plan, finding.node)),
      "; ", NodeName(plan, finding.node),
      " gets written instead; anybody can send a beacon, but if this one is right, stock replica "
      "servers abort with another name: recover again with --node_name ",
      AddressOf(plan, finding.node), "=NAME");
}

std::string BeaconNotBelievedHint(const RecoveryPlan& plan, const Finding& finding,
                                  absl::string_view) {
  const auto* facts = finding.facts.As<found::BeaconNotBelieved>();
  if (facts == nullptr) return "";
  return absl::StrCat("WARNING: beacon of node(", ListedNode(plan, finding.node), ") claims name(",
                      absl::StrJoin(facts->names, ","), "), not believed because ",
                      BeaconDoubtInWords(facts->doubt, EndpointOf(plan, finding.node)),
                      "; use name(", NodeName(plan, finding.node), ")");
}

std::string Sentence(const RecoveryPlan&, const Finding& finding,
                     const found::UnlistedServer& facts) {
  const std::string what = absl::StrCat("server ", BeaconSenderInWords(facts.address, facts.names),
                                        " sends beacons but is not in the node list");
  if (finding.severity == Severity::kError) {
    return absl::StrCat(what,
                        ", so nothing that it holds is used; add it to the list and recover again, "
                        "or leave it out with --skip_bad_nodes=",
                        ShellWord(facts.address));
  }
  return absl::StrCat(
      what,
      " and is left out, as accepted; a stock meta server aborts when it reports a replica of a "
      "table or partition that is not in the tree, and newer data on it may be ignored or deleted; "
      "stop it for good, or recover with it");
}

std::string UnlistedServerHint(const RecoveryPlan&, const Finding& finding, absl::string_view) {
  const auto* facts = finding.facts.As<found::UnlistedServer>();
  if (facts == nullptr) return "";
  // Anybody may claim a name, also one of the list: the address is what tells strangers apart.
  const std::string claim =
      facts->names.empty()
          ? ""
          : absl::StrCat("; its beacons claim name(", absl::StrJoin(facts->names, ","), ")");
  return finding.severity == Severity::kError
             ? absl::StrCat("ERROR: node(", facts->address,
                            ") sends beacons but is not in the node list, add it to the list, or "
                            "you can skip it by set skip_bad_nodes option",
                            claim)
             : absl::StrCat("WARNING: node(", facts->address,
                            ") sends beacons but is not in the node list, skip the bad node",
                            claim);
}

std::string Sentence(const RecoveryPlan&, const Finding&, const found::UnconfirmedBeacons& facts) {
  return absl::StrCat("beacons name ", Counted(facts.servers, "server"),
                      " that the node list lacks, and none of them can be seen to be there (",
                      CutList(facts.addresses),
                      "): no beacon came from there lately, and nobody answers there; if a replica "
                      "server is there, "
                      "add it to the list and recover again; else find out who sends such beacons");
}

std::string UnconfirmedBeaconsHint(const RecoveryPlan&, const Finding& finding, absl::string_view) {
  const auto* facts = finding.facts.As<found::UnconfirmedBeacons>();
  if (facts == nullptr) return "";
  return absl::StrCat(
      "WARNING: beacons name ", Counted(facts->servers, "node"),
      " not in the node list, which cannot be confirmed: ", CutList(facts->addresses));
}

std::string Sentence(const RecoveryPlan&, const Finding&, const found::ServerMissing& facts) {
  return absl::StrCat(
      "no listed node holds ", Counted(facts.partitions, "partition"), " of ",
      Counted(facts.tables, "table"),
      ", and all of them answered; a replica server is probably missing from the node list: "
      "compare it with the servers that there were, and collect again with the one that is "
      "missing");
}

}  // namespace metarec
