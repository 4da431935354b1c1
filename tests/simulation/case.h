// One simulated disaster as data. It is made from a seed, and gets smaller by leaving items out.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "meta_recovery/old_tree/old_tree.h"
#include "replica_collector/evidence.h"
#include "simulated_network.h"
#include "simulated_zookeeper.h"

namespace metarec::simulation {

struct CaseNode {
  std::string listed_as;
  bool is_listed_twice = false;  // by its address, too
  std::string name;              // what it calls itself
  Ipv4Endpoint address;
  // What makes it hard to tell who it is (kIdentity).
  Ipv4Endpoint own_address = {};                   // in its answers' headers; {}: none
  Ipv4Endpoint second_address = {};                // listed, too; {}: none
  std::vector<Ipv4Endpoint> other_addresses = {};  // that its listed name leads to as well
  std::string beacon_name = {};                    // host:port in its beacons, if not its name
  std::vector<TableRecord> tables;
  std::vector<ReplicaRecord> replicas;
};

enum class ItemKind {
  // The world. An item that is left out was never there.
  kTable,          // `a`: the app id
  kNode,           // `a`: the node, in the node list and in the world
  kContradiction,  // nodes contradict each other: Contradict(`a`, `b`)
  // Replica servers; `a`: the node.
  kDown,      // from `at` for `lasts`
  kLoading,   // answers ERR_HANDLER_NOT_FOUND from `at` for `lasts`
  kHalf,      // gives only its tables (`b` 0) or only its replicas, from `at` for `lasts`
  kGarbage,   // answers with bytes that mean nothing, from `at` for `lasts`
  kLease,     // its replicas are served until `lasts` after the beginning
  kNodeSlow,  // takes `b` ms more to answer, from `at` for `lasts`
  // ZooKeeper. `a`: which of the engine's requests; `b`: what happens (StoreFaultKind).
  kStoreFault,
  kDisconnect,  // everybody's connections break at `at` for `lasts`
  kSilence,     // meta server `a` and ZooKeeper stop hearing each other, and are not told
  kLag,         // writes reach server `a` `b` ms later, from `at` for `lasts`
  // The network. `a`: which message; `b`: what happens (NetworkFaultKind).
  kNetworkFault,
  kCutOff,  // host `a` (a node, or 100 + a meta server) from `at` for `lasts`
  // Operators.
  kRecover,  // `metarec recover`, at `at`; `a`: flags
  kApply,    // `metarec plan` at `at`, and `apply` of that plan after `lasts`
  // A meta server in recovery mode, number `a`, from `at` for `lasts`; `b`: kKilledInTheEnd, and
  // kServesSettled: with decisions about the conflicts that meta servers have named by then.
  kServe,
  kShell,  // a shell's recover, sent to the meta servers at `at`; waits for `lasts`
  // The process that sends the engine's request number `a` is killed before it, or after it (`b`).
  kKill,
  kInterrupt,  // the same, but by Ctrl-C
  // Others.
  kStranger,   // writes (`b`: what) before the engine's request number `a`
  kCandidate,  // a stock meta server contends from `at` for `lasts`
  // Who is who.
  kIdentity,  // node `a` is hard to tell: Confuse knows the kinds, `b`
  kOutsider,  // server `a`, which is not in the list, sends beacons from `at` for `lasts`; `b`:
              // kForged, kClaimsName
  // An old tree that operators and meta servers are told of, number `a`; `b`: what it says.
  kOldTree,
};
inline constexpr int kItemKinds = static_cast<int>(ItemKind::kOldTree) + 1;
absl::string_view ItemKindName(ItemKind kind);

struct Item {
  ItemKind kind = ItemKind::kTable;
  absl::Duration at = absl::ZeroDuration();
  absl::Duration lasts = absl::ZeroDuration();
  int64_t a = 0;
  int64_t b = 0;
};
std::string Describe(const Item& item);

// What strangers do, by Item::b: WriteAsStranger knows.
inline constexpr int64_t kStrangersDeeds = 13;
inline constexpr int64_t kDeletesLeader = 7;     // the znode of whoever leads
inline constexpr int64_t kOverwritesLeader = 8;  // likewise

// Of Item::a of operators' commands.
inline constexpr int64_t kSkipBadNodes = 1;
inline constexpr int64_t kSkipLostPartitions = 2;
inline constexpr int64_t kSettles = 4;          // decides conflicts, and runs it again
inline constexpr int64_t kSettlesWrongly = 8;   // at first
inline constexpr int64_t kSkipsFirstNode = 16;  // and no other, by name
inline constexpr int64_t kBelievesDrops = 32;   // leaves out what nodes report as dropped
// Of Item::b of kServe.
inline constexpr int64_t kKilledInTheEnd = 1;
inline constexpr int64_t kServesSettled = 2;

// What nodes can contradict each other in, by Item::a of kContradiction: Contradict knows.
inline constexpr int64_t kContradictions = 10;
inline constexpr int64_t kReportsDrop = 10;  // some report it as dropped; no conflict

// Of Item::b of kIdentity.
inline constexpr int64_t kIdentityKinds = 5;
// Of Item::b of kOutsider.
inline constexpr int64_t kForged = 1;      // its beacons come from another address than they name
inline constexpr int64_t kClaimsName = 2;  // that of a node

inline constexpr int kOutsidersMax = 3;
inline Ipv4Endpoint OutsiderAddress(int64_t number) {
  return {.ip = 0x0A000501 + static_cast<uint32_t>(number), .port = 34801};
}

struct Case {
  uint64_t seed = 0;
  std::vector<CaseNode> nodes;
  std::vector<Item> items;
  std::set<size_t> dropped;  // indexes of items

  bool is_warm = false;  // all operators plan with --membership warm

  // For the writer. Small, so that small trees take many transactions.
  size_t ops_max = 1;
  size_t in_flight_max = 1;
  absl::Duration session_timeout;

  bool Has(size_t item) const { return !dropped.contains(item); }
};

// The case without the items `dropped`; the other items stay as they are.
Case MakeCase(uint64_t seed, std::set<size_t> dropped = {});

// The cluster of a case, without any item.
std::vector<CaseNode> MakeCluster(Random* random, std::vector<int32_t>* app_ids);

// What an item kOldTree stands for: the cluster some time ago, now and then with another table of
// an id, or damaged.
OldTree MakeOldTree(const std::vector<CaseNode>& nodes, const Item& item);

// Makes it hard to tell who the node is: its answers give another address, it is listed under two
// of them, its name has several, or its beacons give a name that nobody may believe.
void Confuse(int64_t kind, size_t index, CaseNode* node);

// Makes nodes contradict each other about one of their tables. Not always a conflict: a few nodes
// may be outvoted.
void Contradict(int64_t kind, uint64_t seed, std::vector<CaseNode>* nodes);

}  // namespace metarec::simulation
