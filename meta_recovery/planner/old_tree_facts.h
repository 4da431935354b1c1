// The facts of findings about what old trees say. See finding_facts.h.

#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/finding_facts.h"

namespace metarec {

// What becomes of znodes that an old tree has beside the tables.
enum class CarriedZnodes : uint8_t {
  kCarried,
  kNotAsked,       // duplications, without --carry duplications
  kOutdated,       // a bulk load of a table that went on after the tree was taken
  kTableNotThere,  // of a table that the plan does not have
};

absl::string_view CarriedZnodesName(CarriedZnodes fate);  // "carried", "not_asked", ...

namespace found {

struct TableInOldTree {  // TableDecision says how the tree is used
  static constexpr FindingKind kKind = FindingKind::kTableInOldTree;
  int32_t tree = 0;            // in RecoveryPlan::old_trees
  std::string name = {};       // that it has there
  int64_t changed_zxid = 0;    // of the table's own znode
  int64_t changed_second = 0;  // Unix time
  int32_t ballots_above = 0;   // partitions of which a server knows a higher ballot
  bool was_dropped = false;    // there

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("tree", facts.tree);
    visit("name", facts.name);
    visit("changed_zxid", facts.changed_zxid);
    visit("changed_second", facts.changed_second);
    visit("ballots_above", facts.ballots_above);
    visit("was_dropped", facts.was_dropped);
  }
  friend auto operator<=>(const TableInOldTree&, const TableInOldTree&) = default;
};

// The partition count of a table is never from a tree; TopologyTable has the one that it gets.
struct CountInOldTree {
  static constexpr FindingKind kKind = FindingKind::kCountInOldTree;
  int32_t tree = 0;             // the one that TableInOldTree is about
  int32_t partition_count = 0;  // there

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("tree", facts.tree);
    visit("partition_count", facts.partition_count);
  }
  friend auto operator<=>(const CountInOldTree&, const CountInOldTree&) = default;
};

// A field or an env of a table that is not as the servers say. TopologyTable has its value.
struct ValueCarried {
  static constexpr FindingKind kKind = FindingKind::kValueCarried;
  std::string field = {};    // "envs.<key>" for an env
  bool was_known = false;    // whether the servers say something; of fields they always do
  std::string instead = {};  // what

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("field", facts.field);
    visit("was_known", facts.was_known);
    visit("instead", facts.instead);
  }
  friend auto operator<=>(const ValueCarried&, const ValueCarried&) = default;
};

// Znodes that no table's description is: the duplications of one, or what stands beside /apps.
struct ZnodesCarried {
  static constexpr FindingKind kKind = FindingKind::kZnodesCarried;
  std::string name = {};  // the first part of their paths: "backup"; "duplication" of a table
  CarriedZnodes fate = CarriedZnodes::kCarried;
  int32_t tree = 0;
  int64_t znodes = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("name", facts.name);
    visit("fate", facts.fate);
    visit("tree", facts.tree);
    visit("znodes", facts.znodes);
  }
  friend auto operator<=>(const ZnodesCarried&, const ZnodesCarried&) = default;
};

}  // namespace found

}  // namespace metarec
