// What the planner noticed, as data. The Pegasus hints, the report for people and the JSON
// (meta_recovery/report/) are renderings of one list.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/planner/finding_facts.h"
#include "meta_recovery/planner/identity_facts.h"
#include "meta_recovery/planner/old_tree_facts.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// Ascending by gravity.
enum class Severity : uint8_t {
  kNote,      // worth knowing, nothing to do
  kWarning,   // data may be missing or older than hoped
  kHazard,    // something that can go wrong later, with the way out of it
  kError,     // stops the plan unless a skip flag accepts it (ERR_TRY_AGAIN)
  kConflict,  // stops the plan until the operator decides (--settle)
};

absl::string_view SeverityName(Severity severity);

// The facts of one finding; their type is its kind. A plan may have a million findings about
// partitions, so small facts are stored in place and only larger ones on the heap.
class FindingFacts {
 public:
  template <typename Facts, FindingKind = Facts::kKind>
  FindingFacts(Facts facts) : held_(Held<Facts>(std::move(facts))) {}  // NOLINT: meant to convert

  // Of this kind, with default values.
  static FindingFacts Of(FindingKind kind);

  FindingKind kind() const { return static_cast<FindingKind>(held_.index()); }

  // Null for facts of another kind.
  template <typename Facts>
  const Facts* As() const {
    const Held<Facts>* held = std::get_if<static_cast<size_t>(Facts::kKind)>(&held_);
    return held == nullptr ? nullptr : &Unboxed(*held);
  }
  template <typename Facts>
  Facts* As() {
    Held<Facts>* held = std::get_if<static_cast<size_t>(Facts::kKind)>(&held_);
    return held == nullptr ? nullptr : &Unboxed(*held);
  }

  // visit(const found::BadNode&) or whichever it is.
  template <typename Visitor>
  decltype(auto) Visit(Visitor&& visit) const {
    return std::visit([&](const auto& held) -> decltype(auto) { return visit(Unboxed(held)); },
                      held_);
  }
  template <typename Visitor>
  decltype(auto) Visit(Visitor&& visit) {
    return std::visit([&](auto& held) -> decltype(auto) { return visit(Unboxed(held)); }, held_);
  }

  friend bool operator==(const FindingFacts& a, const FindingFacts& b) {
    return a.held_ == b.held_;
  }
  // By kind, then field by field.
  friend bool operator<(const FindingFacts& a, const FindingFacts& b) {
    if (a.kind() != b.kind()) return a.kind() < b.kind();
    return a.Visit(
        [&b](const auto& facts) { return facts < *b.As<std::remove_cvref_t<decltype(facts)>>(); });
  }

 private:
  template <typename Facts>
  class Boxed {
   public:
    Boxed() : facts_(std::make_unique<Facts>()) {}
    explicit Boxed(Facts facts) : facts_(std::make_unique<Facts>(std::move(facts))) {}
    Boxed(const Boxed& other) : facts_(std::make_unique<Facts>(*other.facts_)) {}
    Boxed(Boxed&&) noexcept = default;
    Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
    Boxed& operator=(Boxed&&) noexcept = default;

    Facts& operator*() const { return *facts_; }
    friend bool operator==(const Boxed& a, const Boxed& b) { return *a == *b; }

   private:
    std::unique_ptr<Facts> facts_;
  };

  static constexpr size_t kBytesInPlaceMax = 24;
  template <typename Facts>
  using Held = std::conditional_t<sizeof(Facts) <= kBytesInPlaceMax, Facts, Boxed<Facts>>;

  template <typename Facts>
  static Facts& Unboxed(Facts& facts) {
    return facts;
  }
  template <typename Facts>
  static Facts& Unboxed(Boxed<Facts>& boxed) {
    return *boxed;
  }
  template <typename Facts>
  static const Facts& Unboxed(const Boxed<Facts>& boxed) {
    return *boxed;
  }

  // In the order of FindingKind; As does not compile otherwise.
  template <typename... Facts>
  using InOrder = std::variant<Held<Facts>...>;
  using AnyFacts = InOrder<
      found::BadNode, found::SkippedNodeReturns, found::NodeOnDisk, found::NodeNameDiffers,
      found::NodeListedTwice, found::NodeNameAmbiguous, found::NodeAddressDiffers,
      found::LoopbackAmongOthers, found::BeaconNotBelieved, found::UnlistedServer,
      found::UnconfirmedBeacons, found::ServerMissing, found::StillServed, found::NodeReportInvalid,
      found::TableInOldTree, found::CountInOldTree, found::ValueCarried, found::ZnodesCarried,
      found::TableRenamed, found::NameUnusableInShell, found::TableProbablyDropped,
      found::RecordsDiffer, found::RecordsConflict, found::SplitUnfinished, found::SplitCompleted,
      found::TableLostState, found::Placeholder, found::AppIdOutOfRange, found::AppIdGap,
      found::ReplicasWithoutTable, found::TableLeftOut, found::Settled, found::ReplicasMissing,
      found::PartitionLost, found::PrimaryIncomplete, found::PrimaryOnDisk, found::ReplicaOverruled,
      found::BallotAbovePrimary, found::LessDataThanOverruled, found::ReplicaBeyondCount>;

  template <size_t index>
  static FindingFacts OfIndex() {
    FindingFacts facts = found::BadNode{};
    facts.held_.template emplace<index>();
    return facts;
  }

 public:
  static constexpr size_t kKinds = std::variant_size_v<AnyFacts>;

 private:
  AnyFacts held_;
};

inline constexpr size_t kFindingKinds = FindingFacts::kKinds;

struct Finding {
  FindingFacts facts = found::BadNode{};
  Severity severity = Severity::kNote;
  // What it is about: a node, a table, or a partition of a table.
  NodeIndex node = kNoNode;
  int32_t app_id = 0;            // 0: not about a table
  int32_t partition_index = -1;  // -1: not about one partition

  FindingKind kind() const { return facts.kind(); }

  friend bool operator==(const Finding&, const Finding&) = default;
};

// The order of RecoveryPlan::findings, which is total.
bool ComesBefore(const Finding& a, const Finding& b);

// What a finding is about.
struct FindingSubject {
  NodeIndex node = kNoNode;
  int32_t app_id = 0;
  int32_t partition_index = -1;

  static FindingSubject Cluster() { return {}; }
  static FindingSubject Node(NodeIndex node) { return {.node = node}; }
  static FindingSubject NodeAndApp(NodeIndex node, int32_t app_id) {
    return {.node = node, .app_id = app_id};
  }
  static FindingSubject Table(int32_t app_id) { return {.app_id = app_id}; }
  static FindingSubject Partition(int32_t app_id, int32_t index) {
    return {.app_id = app_id, .partition_index = index};
  }
};

// Takes findings in any order and gives them back in that of RecoveryPlan::findings.
class FindingsList {
 public:
  void Add(Severity severity, FindingSubject subject, FindingFacts facts);
  // Takes back those that `is_wrong` says so of.
  void RemoveIf(absl::FunctionRef<bool(const Finding&)> is_wrong);
  std::vector<Finding> TakeSorted();

 private:
  std::vector<Finding> findings_;
};

}  // namespace metarec
