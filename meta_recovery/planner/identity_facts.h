// The facts of findings about who a server is, where it is, and whether the list has it. See
// finding_facts.h.

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "meta_recovery/planner/finding_facts.h"
#include "replica_collector/node_names.h"

namespace metarec::found {

struct NodeNameAmbiguous {
  static constexpr FindingKind kKind = FindingKind::kNodeNameAmbiguous;
  std::string listed_as = {};
  std::vector<std::string> not_asked = {};  // addresses, ascending

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("listed_as", facts.listed_as);
    visit("not_asked", facts.not_asked);
  }
  friend auto operator<=>(const NodeNameAmbiguous&, const NodeNameAmbiguous&) = default;
};

struct NodeAddressDiffers {  // NodeDecision has the address
  static constexpr FindingKind kKind = FindingKind::kNodeAddressDiffers;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const NodeAddressDiffers&, const NodeAddressDiffers&) = default;
};

struct LoopbackAmongOthers {
  static constexpr FindingKind kKind = FindingKind::kLoopbackAmongOthers;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const LoopbackAmongOthers&, const LoopbackAmongOthers&) = default;
};

struct BeaconNotBelieved {
  static constexpr FindingKind kKind = FindingKind::kBeaconNotBelieved;
  std::vector<std::string> names = {};  // that the beacons give
  BeaconDoubt doubt = BeaconDoubt::kNone;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("names", facts.names);
    visit("doubt", facts.doubt);
  }
  friend auto operator<=>(const BeaconNotBelieved&, const BeaconNotBelieved&) = default;
};

struct UnlistedServer {
  static constexpr FindingKind kKind = FindingKind::kUnlistedServer;
  std::string address = {};
  std::vector<std::string> names = {};  // that its beacons give

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("address", facts.address);
    visit("names", facts.names);
  }
  friend auto operator<=>(const UnlistedServer&, const UnlistedServer&) = default;
};

struct UnconfirmedBeacons {
  static constexpr FindingKind kKind = FindingKind::kUnconfirmedBeacons;
  int64_t servers = 0;
  std::vector<std::string> addresses = {};  // the first ones, ascending

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("servers", facts.servers);
    visit("addresses", facts.addresses);
  }
  friend auto operator<=>(const UnconfirmedBeacons&, const UnconfirmedBeacons&) = default;
};

struct ServerMissing {
  static constexpr FindingKind kKind = FindingKind::kServerMissing;
  int64_t partitions = 0;
  int64_t tables = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("partitions", facts.partitions);
    visit("tables", facts.tables);
  }
  friend auto operator<=>(const ServerMissing&, const ServerMissing&) = default;
};

}  // namespace metarec::found
