// Follows every field of a table through all that carries, decides or shows it. A field with a row
// in VisitTableFields is tested here without a change to this file.

#include "idl/table_description.h"

#include <string>
#include <type_traits>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/metadata_types.h"
#include "idl/serialization.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/explain.h"
#include "pegasus_client/cluster_listing.h"
#include "replica_collector/evidence_file.h"
#include "testing/scratch_folder.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TableDescription Base() {
  TableDescription table;
  table.app_type = "pegasus";
  table.app_name = "temp";
  table.app_id = 1;
  table.partition_count = 4;
  table.envs = {{"ttl", "5"}};
  table.create_second = 1'500'000'000;
  table.init_partition_count = 4;
  return table;
}

template <typename Value>
void Change(Value& value) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    value = value == TableStatus::kAvailable ? TableStatus::kDropped : TableStatus::kAvailable;
  } else if constexpr (std::is_same_v<Value, bool>) {
    value = !value;
  } else if constexpr (std::is_integral_v<Value>) {
    ++value;
  } else if constexpr (std::is_same_v<Value, std::string>) {
    value += "x";
  } else {
    value["ttl"] = "6";
  }
}

template <typename Field>
TableDescription Changed(const Field& field, TableDescription table = Base()) {
  Change(field.of(table));
  return table;
}

// As --settle takes it.
template <typename Value>
std::string TextOf(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else {
    return absl::StrCat(value);
  }
}

// A node for each description, with a replica of each partition.
Evidence EvidenceOf(const std::vector<TableDescription>& said) {
  Evidence evidence;
  for (uint32_t i = 0; i < said.size(); ++i) {
    NodeEvidence& node = evidence.nodes.emplace_back();
    node.listed_as = {absl::StrCat("n", i, ":34801")};
    node.address = {0x0a000001 + i, 34801};
    node.name = node.listed_as[0];
    node.tables = {said[i]};
    for (int32_t index = 0; index < said[i].partition_count; ++index) {
      node.replicas.push_back({.app_id = said[i].app_id,
                               .partition_index = index,
                               .ballot = 3,
                               .last_committed_decree = 10,
                               .last_prepared_decree = 10,
                               .status = ReplicaStatus::kInactive});
    }
  }
  return evidence;
}

RecoveryPlan PlanOf(const std::vector<TableDescription>& said, const PlanOptions& options = {}) {
  absl::StatusOr<RecoveryPlan> plan = MakePlan(EvidenceOf(said), options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

// The fields that are named by findings with these facts.
template <typename Facts>
std::vector<std::string> FieldsIn(const RecoveryPlan& plan) {
  std::vector<std::string> fields;
  for (const Finding& finding : plan.findings) {
    if (const Facts* facts = finding.facts.As<Facts>()) fields.push_back(facts->field);
  }
  return fields;
}

// Two nodes describe the table equally, the third one differently in one field.
template <typename Field>
void ExpectReconciled(const Field& field) {
  const TableDescription base = Base();
  const TableDescription changed = Changed(field);
  const RecoveryPlan plan = PlanOf({base, base, changed});
  const TableDescription& planned = plan.topology.tables.front();
  const auto differ = FieldsIn<found::RecordsDiffer>(plan);
  const auto conflict = FieldsIn<found::RecordsConflict>(plan);
  switch (field.kRule) {
    case TableFieldRule::kIdentity:
      EXPECT_EQ(plan.topology.tables.size(), 2u);
      break;
    case TableFieldRule::kVote:
      EXPECT_THAT(differ, ElementsAre(field.name));
      EXPECT_EQ(field.of(planned), field.of(base));
      EXPECT_THAT(FieldsIn<found::RecordsConflict>(PlanOf({base, changed})),
                  ElementsAre(field.name));
      break;
    case TableFieldRule::kVoteByKey:
      EXPECT_THAT(differ, ElementsAre(absl::StrCat(field.name, ".ttl")));
      EXPECT_EQ(field.of(planned), field.of(base));
      break;
    case TableFieldRule::kMustAgree:
    case TableFieldRule::kPartitionCount:
      EXPECT_THAT(conflict, ElementsAre(field.name));
      break;
    case TableFieldRule::kHighest:
      EXPECT_THAT(differ, ElementsAre(field.name));
      EXPECT_EQ(field.of(planned), field.of(changed));
      break;
    case TableFieldRule::kAnyNode:
      EXPECT_EQ(field.of(planned), field.of(changed));
      break;
    case TableFieldRule::kAlwaysAvailable:
      EXPECT_THAT(differ, ElementsAre(field.name));
      EXPECT_EQ(field.of(planned), field.of(base));
      break;
    case TableFieldRule::kSplit:
      EXPECT_EQ(planned.init_partition_count, planned.partition_count);
      break;
  }
}

TEST(TableDescription, EveryFieldComesFromTheWireAndGoesThere) {
  VisitTableFields([](auto field) {
    SCOPED_TRACE(field.name);
    const TableDescription table = Changed(field);
    idl::app_info read;
    ASSERT_TRUE(idl::DecodeBody(idl::EncodeBody(ToAppInfo(table)), &read).ok());
    EXPECT_EQ(FromAppInfo(std::move(read)), table);
    EXPECT_NE(ToAppInfo(table), ToAppInfo(Base()));
  });
}

TEST(TableDescription, EveryFieldIsInEvidenceFiles) {
  const testing::ScratchFolder folder;
  VisitTableFields([&](auto field) {
    SCOPED_TRACE(field.name);
    const Evidence evidence = EvidenceOf({Changed(field)});
    const std::string path = absl::StrCat(folder.path(), "/", field.name, ".jsonl");
    ASSERT_TRUE(WriteEvidenceFile(evidence, path).ok());
    const absl::StatusOr<Evidence> read = ReadEvidenceFile(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read->nodes[0].tables[0], Changed(field));
  });
}

TEST(TableDescription, EveryFieldIsInZnodesAndDifferencesAreNamed) {
  VisitTableFields([](auto field) {
    SCOPED_TRACE(field.name);
    std::string base;
    std::string changed;
    EncodeApp(Base(), &base);
    EncodeApp(Changed(field), &changed);
    const absl::StatusOr<AppZnode> read = DecodeApp("/apps/1", changed);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, Changed(field));
    const std::vector<FieldDifference> differences = DiffAppJson("/apps/1", base, changed);
    ASSERT_EQ(differences.size(), 1u);
    EXPECT_THAT(differences[0].field, ::testing::StartsWith(field.name));
  });
}

TEST(TableDescription, EveryFieldIsReconciledByItsRule) {
  VisitTableFields([](auto field) {
    SCOPED_TRACE(field.name);
    ExpectReconciled(field);
  });
}

TEST(TableDescription, WhatMayBeSettledIsTakenAsSettled) {
  VisitTableFields([](auto field) {
    SCOPED_TRACE(field.name);
    if constexpr (MayBeSettled(field.kRule)) {
      // A status that says dropped leaves the table out: PlannerSettlements.
      if (absl::string_view(field.name) == "status") return;
      const TableDescription changed = Changed(field);
      const RecoveryPlan plan =
          PlanOf({Base(), changed},
                 {.settlements = {{absl::StrCat("1.", field.name), TextOf(field.of(changed))}}});
      EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
      EXPECT_EQ(field.of(plan.topology.tables.front()), field.of(changed));
    }
  });
}

TEST(TableDescription, EveryFieldIsInPlanFiles) {
  const std::string base = EncodePlan(PlanOf({Base()}));
  VisitTableFields([&](auto field) {
    SCOPED_TRACE(field.name);
    const RecoveryPlan plan = PlanOf({Changed(field)});
    const std::string text = EncodePlan(plan);
    EXPECT_THAT(text, HasSubstr(absl::StrCat("\"", field.name, "\":")));
    const absl::StatusOr<RecoveryPlan> read = DecodePlan(text, "plan");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == plan);
  });
}

// Beyond its bounds a number is neither believed nor read.
TEST(TableDescription, EveryBoundIsThatOfPlansAndOfRecords) {
  VisitTableFields([](auto field) {
    TableDescription table = Base();
    using Value = std::remove_reference_t<decltype(field.of(table))>;
    if constexpr (std::is_integral_v<Value>) {
      if (field.bounds.in_words == nullptr) return;
      SCOPED_TRACE(field.name);
      field.of(table) = static_cast<Value>(field.bounds.least - 1);
      const RecoveryPlan of_record = PlanOf({table});
      EXPECT_TRUE(of_record.tables.empty() || of_record.outcome == PlanOutcome::kConflict);
      RecoveryPlan plan = PlanOf({Base()});
      field.of(plan.topology.tables.front()) = field.of(table);
      EXPECT_THAT(std::string(DecodePlan(EncodePlan(plan), "plan").status().message()),
                  HasSubstr(field.name));
    }
  });
}

TEST(TableDescription, EveryFieldIsExplained) {
  const std::string base = *Explain(PlanOf({Base()}), "1");
  VisitTableFields([&](auto field) {
    SCOPED_TRACE(field.name);
    const TableDescription changed = Changed(field);
    const std::string text = *Explain(PlanOf({changed}), absl::StrCat(changed.app_id));
    if (field.display.explained_at > 0) {
      EXPECT_THAT(text, HasSubstr(absl::StrCat("\n  ", field.name, " ")));
    }
    // These two are what a recovery makes of them, whatever nodes say.
    if (field.kRule == TableFieldRule::kAlwaysAvailable) return;
    if (field.kRule == TableFieldRule::kSplit) return;
    EXPECT_NE(text, base);
  });
}

TEST(TableDescription, EveryFieldWithAColumnIsListed) {
  ListTablesOptions options;
  options.status = "";
  options.time_zone = absl::UTCTimeZone();
  TableDescription base = Base();
  base.status = TableStatus::kDropped;
  base.drop_second = base.expire_second = 1'600'000'000;
  base.envs = {};
  const std::string listed = ListTables({TableView{base, {}}}, options).ToText();
  VisitTableFields([&](auto field) {
    SCOPED_TRACE(field.name);
    const TableView changed{Changed(field, base), {}};
    const std::string text = ListTables({changed}, options).ToText();
    if (field.display.ls_column != nullptr) {
      EXPECT_THAT(text, HasSubstr(field.display.ls_column));
      EXPECT_NE(text, listed);
    } else {
      EXPECT_EQ(text, listed);
    }
  });
}

TEST(TableDescription, StatusesHaveTheirNamesOnTheWire) {
  EXPECT_EQ(TableStatusName(TableStatus::kAvailable), "AS_AVAILABLE");
  EXPECT_EQ(TableStatusName(TableStatus::kRecalling), "AS_RECALLING");
  EXPECT_EQ(TableStatusName(static_cast<TableStatus>(99)), "AS_99");
}

}  // namespace
}  // namespace metarec
