// What a server calls itself: what is said about it, and which of that is believed.
//
// Stock servers abort if the tree has another name for them. What the operator says (--node_name)
// comes before what the server's beacon says, that before what its address resolves back to, and
// that before the text of the node list. But a beacon is one unauthenticated datagram. Its name is
// not believed if it cannot be right, or if something else that is known speaks against it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence.h"

namespace metarec {

// Names that the operator gives to the servers at these addresses.
using NodeNames = std::map<Ipv4Endpoint, std::string>;

// "10.0.0.1:34801=rs1:34801", added to `names`. kInvalidArgument for anything else, for a name with
// another port than the address, and for a second name of an address.
absl::Status AddNodeName(absl::string_view text, NodeNames* names);

// Gives nodes the names that the operator gave for their addresses. kInvalidArgument
// - for a name that is no host:port, or with another port than its address,
// - if no node has one of the addresses and the address of each node is known: then it is a typing
//   error, or the list lacks the server.
absl::Status NameNodes(const NodeNames& names, Evidence* evidence);

// Why the name in a node's beacons is not taken.
enum class BeaconDoubt : uint8_t {
  kNone,           // it is taken
  kNoHostPort,     // it is no host:port
  kOtherPort,      // its port is not the address's
  kSeveralNames,   // the node's beacons give several
  kClaimedTwice,   // so is another server called, by its beacon, by the list or by look-up
  kContradicts,    // the list and what the address resolves back to agree on another name
  kOperatorKnows,  // --node_name says otherwise
};

// "no_host_port", ...
absl::string_view BeaconDoubtName(BeaconDoubt doubt);
// For people; `address` is the server's. "they contradict each other": the names do.
std::string BeaconDoubtInWords(BeaconDoubt doubt, Ipv4Endpoint address);

// For people, of a sender that is no listed server: "10.0.0.9:34801 (its beacons claim the name
// rs9:34801)".
std::string BeaconSenderInWords(absl::string_view address, const std::vector<std::string>& names);

// Whose beacons are whose: by the address at which a listed server was asked, by the one that it
// gives as its own and, as long as it has not answered, by the text of the list. The planner's
// evidence and the status page both ask this who is missing in the list. A value.
class ListedServers {
 public:
  struct Owner {
    size_t server = 0;
    // The address says nothing, but the server may have sent it from one that is not known yet.
    bool is_by_name = false;
  };

  // Adds to the server of this number what is known of it; of one server, more than once if need
  // be. {}: an address is not known.
  void Add(size_t server, Ipv4Endpoint address, Ipv4Endpoint own_address);
  void AddTextOfSilent(size_t server, absl::string_view listed_as);

  // nullopt: the list lacks the sender.
  std::optional<Owner> Find(Ipv4Endpoint sender, const std::vector<std::string>& names) const;

 private:
  absl::flat_hash_map<Ipv4Endpoint, size_t> by_address_;
  absl::flat_hash_map<Ipv4Endpoint, size_t> by_own_address_;
  absl::flat_hash_map<std::string, size_t> silent_;  // in small letters
};

// Gives each node what its beacons say: those of its address, and those of the address that its
// answers give as its own. They become its name, unless there is a doubt. Senders that are no node
// become Evidence::unlisted.
void TakeBeacons(std::vector<BeaconSender> senders, Evidence* evidence);

// Finds out again, from the result of TakeBeacons, why names were not taken.
class BeaconDoubts {
 public:
  explicit BeaconDoubts(const Evidence& evidence) : BeaconDoubts(evidence, /*is_decided=*/true) {}

  // kNone as well for a node without beacons, and if the beacons say what the node is called
  // anyway.
  BeaconDoubt Of(const NodeEvidence& node) const;

 private:
  friend void TakeBeacons(std::vector<BeaconSender> senders, Evidence* evidence);

  // `is_decided`: whether TakeBeacons has named the nodes.
  BeaconDoubts(const Evidence& evidence, bool is_decided);

  // How sure it is that a name is that of an address, ascending.
  enum class Claim : uint8_t { kNone, kAlone, kConfirmed };
  static Claim ClaimOf(const NodeEvidence& node, const std::string& name);
  void Add(const std::string& name, Ipv4Endpoint address, Claim claim);
  bool IsClaimedByAnother(const NodeEvidence& node, const std::string& name) const;

  // By name: who claims it. Few names have more than one.
  absl::flat_hash_map<std::string, std::vector<std::pair<Ipv4Endpoint, Claim>>> claims_;
};

}  // namespace metarec
