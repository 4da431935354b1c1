#include "replica_collector/node_names.h"

#include <algorithm>
#include <iterator>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "replica_collector/node_list.h"

namespace metarec {
namespace {

absl::Status CheckName(Ipv4Endpoint address, const std::string& name) {
  METAREC_ASSIGN_OR_RETURN(const NodeListEntry entry, ParseNodeListEntry(name));
  if (entry.port == address.port) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the name ", name, " has the port ", entry.port, ", but the server at ",
                   address.ToString(), " listens on port ", address.port,
                   ", which is part of what it calls itself; write the name with that port"));
}

// As host names are compared.
bool IsSame(absl::string_view a, absl::string_view b) { return absl::EqualsIgnoreCase(a, b); }

bool IsListedAs(const NodeEvidence& node, absl::string_view name) {
  return std::any_of(node.listed_as.begin(), node.listed_as.end(),
                     [name](const std::string& text) { return IsSame(text, name); });
}

// Empty if the address resolves back to nothing.
absl::string_view LookedUpName(const NodeEvidence& node) {
  return node.name_source == NodeNameSource::kReverseLookup ? node.name : node.looked_up_name;
}

// Keeps the name that was looked up.
void Rename(NodeEvidence* node, std::string name, NodeNameSource source) {
  if (node->name_source == NodeNameSource::kReverseLookup) {
    node->looked_up_name = std::move(node->name);
  }
  node->name = std::move(name);
  node->name_source = source;
}

void SortOnce(std::vector<std::string>* names) {
  std::sort(names->begin(), names->end());
  names->erase(std::unique(names->begin(), names->end()), names->end());
}

// Gives the nodes the names of their senders, and leaves those who are no node.
void JoinSenders(std::vector<BeaconSender> senders, Evidence* evidence) {
  ListedServers listed;
  for (size_t i = 0; i < evidence->nodes.size(); ++i) {
    const NodeEvidence& node = evidence->nodes[i];
    listed.Add(i, node.address, node.own_address);
    if (node.complete()) continue;
    for (const std::string& text : node.listed_as) listed.AddTextOfSilent(i, text);
  }
  for (BeaconSender& sender : senders) {
    const auto owner = listed.Find(sender.address, sender.names);
    if (!owner.has_value()) {
      METAREC_RARE_BRANCH("a server sends beacons and is not in the list");
      SortOnce(&sender.names);
      evidence->unlisted.push_back(std::move(sender));
    } else if (!owner->is_by_name) {
      std::move(sender.names.begin(), sender.names.end(),
                std::back_inserter(evidence->nodes[owner->server].beacon_names));
    }
  }
  for (NodeEvidence& node : evidence->nodes) SortOnce(&node.beacon_names);
  std::sort(evidence->unlisted.begin(), evidence->unlisted.end(),
            [](const BeaconSender& a, const BeaconSender& b) { return a.address < b.address; });
}

}  // namespace

absl::Status AddNodeName(absl::string_view text, NodeNames* names) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": expected ADDRESS=NAME, such as 10.0.0.1:34801=rs1:34801"));
  }
  const auto explained = [text](const absl::Status& status) {
    return absl::InvalidArgumentError(absl::StrCat(text, ": ", status.message()));
  };
  const auto address = ParseIpv4Endpoint(text.substr(0, equals));
  if (!address.ok()) return explained(address.status());
  const std::string name(text.substr(equals + 1));
  if (absl::Status status = CheckServerAddress(address->ip); !status.ok()) return explained(status);
  if (absl::Status status = CheckName(*address, name); !status.ok()) return explained(status);
  const auto [known, is_new] = names->emplace(*address, name);
  if (is_new || known->second == name) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(text, ": the address already has the name ", known->second));
}

absl::Status NameNodes(const NodeNames& names, Evidence* evidence) {
  for (const auto& [address, name] : names) {
    METAREC_RETURN_IF_ERROR(CheckName(address, name));
    bool may_be_meant = false;
    for (NodeEvidence& node : evidence->nodes) {
      may_be_meant |= node.address == address || node.address == Ipv4Endpoint{};
      if (node.address == address) Rename(&node, name, NodeNameSource::kOverride);
    }
    if (may_be_meant) continue;
    return absl::InvalidArgumentError(absl::StrCat("the name ", name, " is given for the address ",
                                                   address.ToString(),
                                                   ", which none of the nodes has; correct it"));
  }
  return absl::OkStatus();
}

absl::string_view BeaconDoubtName(BeaconDoubt doubt) {
  switch (doubt) {
    case BeaconDoubt::kNone:
      return "none";
    case BeaconDoubt::kNoHostPort:
      return "no_host_port";
    case BeaconDoubt::kOtherPort:
      return "other_port";
    case BeaconDoubt::kSeveralNames:
      return "several_names";
    case BeaconDoubt::kClaimedTwice:
      return "claimed_twice";
    case BeaconDoubt::kContradicts:
      return "contradicts";
    case BeaconDoubt::kOperatorKnows:
      return "operator_knows";
  }
  return "unknown";
}

std::string BeaconDoubtInWords(BeaconDoubt doubt, Ipv4Endpoint address) {
  switch (doubt) {
    case BeaconDoubt::kNoHostPort:
      return "it is no host:port";
    case BeaconDoubt::kOtherPort:
      return absl::StrCat("its port is not that of the address ", address.ToString());
    case BeaconDoubt::kSeveralNames:
      return "they contradict each other";
    case BeaconDoubt::kClaimedTwice:
      return "another address claims the same name";
    case BeaconDoubt::kContradicts:
      return "the node list and what the address resolves back to agree on another name";
    case BeaconDoubt::kOperatorKnows:
      return "--node_name says otherwise";
    case BeaconDoubt::kNone:
      break;
  }
  return "";
}

std::string BeaconSenderInWords(absl::string_view address, const std::vector<std::string>& names) {
  if (names.empty()) return std::string(address);
  return absl::StrCat(address, " (its beacons claim the name", names.size() == 1 ? " " : "s ",
                      CutList(names), ")");
}

void ListedServers::Add(size_t server, Ipv4Endpoint address, Ipv4Endpoint own_address) {
  if (address != Ipv4Endpoint{}) by_address_.try_emplace(address, server);
  if (own_address != Ipv4Endpoint{}) by_own_address_.try_emplace(own_address, server);
}

void ListedServers::AddTextOfSilent(size_t server, absl::string_view listed_as) {
  silent_.try_emplace(absl::AsciiStrToLower(listed_as), server);
}

std::optional<ListedServers::Owner> ListedServers::Find(
    Ipv4Endpoint sender, const std::vector<std::string>& names) const {
  for (const auto* const known : {&by_address_, &by_own_address_}) {
    const auto found = known->find(sender);
    if (found != known->end()) return Owner{.server = found->second};
  }
  for (const std::string& name : names) {
    const auto found = silent_.find(absl::AsciiStrToLower(name));
    if (found != silent_.end()) return Owner{.server = found->second, .is_by_name = true};
  }
  return std::nullopt;
}

BeaconDoubts::BeaconDoubts(const Evidence& evidence, bool is_decided) {
  for (const NodeEvidence& node : evidence.nodes) {
    for (const std::string& name : node.beacon_names) Add(name, node.address, ClaimOf(node, name));
    for (const std::string& text : node.listed_as) Add(text, node.address, ClaimOf(node, text));
    // What gets written. Of a node with beacons that is not known before it is decided.
    const bool is_final =
        is_decided || node.beacon_names.empty() || node.name_source == NodeNameSource::kOverride;
    if (is_final) Add(node.name, node.address, Claim::kConfirmed);
  }
  for (const BeaconSender& sender : evidence.unlisted) {
    for (const std::string& name : sender.names) Add(name, sender.address, Claim::kAlone);
  }
}

BeaconDoubts::Claim BeaconDoubts::ClaimOf(const NodeEvidence& node, const std::string& name) {
  const int sources = (IsListedAs(node, name) ? 1 : 0) +
                      (IsSame(LookedUpName(node), name) ? 1 : 0) +
                      std::any_of(node.beacon_names.begin(), node.beacon_names.end(),
                                  [&name](const std::string& said) { return IsSame(said, name); });
  return sources > 1 ? Claim::kConfirmed : Claim::kAlone;
}

void BeaconDoubts::Add(const std::string& name, Ipv4Endpoint address, Claim claim) {
  if (name.empty()) return;
  auto& claims = claims_[absl::AsciiStrToLower(name)];
  if (claims.empty() || claims.back() != std::pair(address, claim))
    claims.emplace_back(address, claim);
}

bool BeaconDoubts::IsClaimedByAnother(const NodeEvidence& node, const std::string& name) const {
  const auto found = claims_.find(absl::AsciiStrToLower(name));
  if (found == claims_.end()) return false;
  const Claim own = ClaimOf(node, name);
  return std::any_of(found->second.begin(), found->second.end(), [&](const auto& claim) {
    return claim.first != node.address && claim.second >= own;
  });
}

BeaconDoubt BeaconDoubts::Of(const NodeEvidence& node) const {
  using enum BeaconDoubt;
  if (node.beacon_names.empty() || node.name_source == NodeNameSource::kBeacon) return kNone;
  const std::string& name = node.beacon_names.front();
  const bool is_one = node.beacon_names.size() == 1;
  if (node.name_source == NodeNameSource::kOverride) {
    return is_one && name == node.name ? kNone : kOperatorKnows;
  }
  if (!is_one) return kSeveralNames;
  const auto entry = ParseNodeListEntry(name);
  if (!entry.ok()) return kNoHostPort;
  if (entry->port != node.address.port) return kOtherPort;
  if (IsClaimedByAnother(node, name)) return kClaimedTwice;
  const absl::string_view looked_up = LookedUpName(node);
  const bool agree = !looked_up.empty() && IsListedAs(node, looked_up);
  if (agree && !IsSame(looked_up, name)) return kContradicts;
  return kNone;
}

void TakeBeacons(std::vector<BeaconSender> senders, Evidence* evidence) {
  JoinSenders(std::move(senders), evidence);
  const BeaconDoubts doubts(*evidence, /*is_decided=*/false);
  std::vector<NodeEvidence*> believed;
  // Where a beacon is not believed, the name of another source stays, which a beacon that would be
  // believed may claim, too.
  absl::flat_hash_set<std::string> kept;
  for (NodeEvidence& node : evidence->nodes) {
    const bool is_open =
        !node.beacon_names.empty() && node.name_source != NodeNameSource::kOverride;
    if (is_open && doubts.Of(node) == BeaconDoubt::kNone) {
      believed.push_back(&node);
    } else {
      kept.insert(absl::AsciiStrToLower(node.name));
    }
  }
  for (NodeEvidence* const node : believed) {
    if (kept.contains(absl::AsciiStrToLower(node->beacon_names.front())) &&
        !IsSame(node->name, node->beacon_names.front())) {
      continue;
    }
    Rename(node, node->beacon_names.front(), NodeNameSource::kBeacon);
  }
}

}  // namespace metarec
