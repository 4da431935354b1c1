// What is said of old trees.

#include <cstdint>
#include <optional>
#include <string>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

std::string TimeText(int64_t second) { return UtcText(absl::FromUnixSeconds(second)); }

std::string HexZxid(int64_t zxid) { return absl::StrCat("0x", absl::Hex(zxid)); }

std::string TreeText(const RecoveryPlan& plan, int32_t tree) {
  if (tree < 0 || static_cast<size_t>(tree) >= plan.old_trees.size()) return "?";
  return OldTreeText(plan.old_trees[tree]);
}

const OldTreeSource* SourceOf(const RecoveryPlan& plan, int32_t tree) {
  const bool is_there = tree >= 0 && static_cast<size_t>(tree) < plan.old_trees.size();
  return is_there ? &plan.old_trees[tree] : nullptr;
}

// How the table's own znode stands there, and whether that was committed.
std::string ChangedText(const OldTreeSource* source, const found::TableInOldTree& facts) {
  std::string text =
      absl::StrCat("its znode there was last changed at ", TimeText(facts.changed_second),
                   ", zxid ", HexZxid(facts.changed_zxid));
  if (source == nullptr || IsCommitted(*source, facts.changed_zxid)) return text;
  return absl::StrCat(
      text,
      "; only one server of its ensemble is known to have had that, so it may never "
      "have been committed");
}

}  // namespace

std::string OldTreeText(const OldTreeSource& tree) {
  // That of a ZooKeeper is named by its servers and its path, which is that of the root.
  const bool names_root = tree.kind == OldTreeKind::kLive && absl::EndsWith(tree.source, tree.root);
  return Printable(absl::StrCat(tree.source, names_root ? "" : absl::StrCat(" at ", tree.root),
                                " (of ", TimeText(tree.time_second), ", zxid ", HexZxid(tree.zxid),
                                ")"));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::TableInOldTree& facts) {
  const size_t table = FindTable(plan, finding.app_id);
  const OldTreeUse use = table == SIZE_MAX ? OldTreeUse::kNone : plan.tables[table].old_tree;
  const std::string tree = TreeText(plan, facts.tree);
  const std::string label = TableLabel(plan, finding.app_id);
  const std::string changed = ChangedText(SourceOf(plan, facts.tree), facts);
  switch (use) {
    case OldTreeUse::kCurrent:
      return absl::StrCat(label, " follows ", tree, ", since no server knows a higher ballot; ",
                          changed);
    case OldTreeUse::kOlder:
      return absl::StrCat(
          "the old tree ", tree, " is OLDER than what the servers say of ", label, ": of ",
          Counted(facts.ballots_above, "partition"), " they know a higher ballot",
          facts.was_dropped ? ". It was dropped there, and has been recalled since" : "",
          ". Only what they do not know is from it, and may have changed since; ", changed);
    case OldTreeUse::kStaysDropped:
      return absl::StrCat(label, " stays dropped, as it was before the outage by ", tree, "; ",
                          changed,
                          plan.tables[table].replicas > 0
                              ? ". Recall it if you want it back"
                              : ". No server has any of its data: recalled, it would be empty");
    case OldTreeUse::kOnlyThere:
      return absl::StrCat("table ", finding.app_id, " (", Printable(facts.name), ") was there by ",
                          tree,
                          ", and no server has anything of it any more: it was deleted since, or "
                          "all servers that held it are gone. A placeholder keeps its id; ",
                          changed);
    case OldTreeUse::kNone:
      break;
  }
  return absl::StrCat(label, " is in ", tree);
}

namespace {

// That the table gets.
int32_t PlannedCount(const RecoveryPlan& plan, const Finding& finding) {
  const size_t table = FindTable(plan, finding.app_id);
  return table == SIZE_MAX ? 0 : plan.topology.tables[table].partition_count;
}

// What it may mean. Only splits change a count, and they double it.
std::string WhyCountDiffers(int32_t there, int32_t planned) {
  if (there < planned) return "; it was probably split since";
  return absl::StrCat("; if the tree is right, partitions ", planned, " to ", there - 1,
                      " are missing, and their data with them: look for servers that held them");
}

}  // namespace

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::CountInOldTree& facts) {
  const int32_t planned = PlannedCount(plan, finding);
  return absl::StrCat(
      TableLabel(plan, finding.app_id), " has ", Counted(facts.partition_count, "partition"),
      " in ", TreeText(plan, facts.tree), ", but gets ", planned,
      ": the count is never from a tree", WhyCountDiffers(facts.partition_count, planned));
}

std::string CountInOldTreeHint(const RecoveryPlan& plan, const Finding& finding,
                               absl::string_view) {
  const auto* facts = finding.facts.As<found::CountInOldTree>();
  if (facts == nullptr) return "";
  return absl::StrCat("WARNING: app(", finding.app_id, ") gets ", PlannedCount(plan, finding),
                      " partitions, but has ", facts->partition_count, " in the old tree");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ValueCarried& facts) {
  const size_t table = FindTable(plan, finding.app_id);
  std::optional<std::string> value;
  if (table != SIZE_MAX) value = TextOfField(plan.topology.tables[table], facts.field);
  const std::string field = Printable(Shortened(facts.field));
  const std::string label = TableLabel(plan, finding.app_id);
  if (!value.has_value()) {
    return absl::StrCat(label, ": ", field,
                        " is left out, which the old tree does not have; servers ", "still say ",
                        Printable(Shortened(facts.instead)));
  }
  return absl::StrCat(
      label, ": ", field, "=", Printable(Shortened(*value)), " is from the old tree, ",
      facts.was_known
          ? absl::StrCat("while by the servers it would be ",
                         facts.instead.empty() ? "empty" : Printable(Shortened(facts.instead)))
          : std::string("and no server says anything of it"));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ZnodesCarried& facts) {
  const bool is_of_table = finding.app_id > 0;
  const bool is_duplication = is_of_table && facts.name == kDuplicationName;
  const std::string what =
      is_duplication ? absl::StrCat("the duplications of ", TableLabel(plan, finding.app_id))
      : is_of_table  ? absl::StrCat(Printable(facts.name), " of ", TableLabel(plan, finding.app_id))
                     : absl::StrCat("/", Printable(facts.name));
  const std::string from =
      absl::StrCat(" (", Counted(facts.znodes, "znode"), " of ", TreeText(plan, facts.tree), ")");
  const char* const are = is_duplication ? " are" : " is";
  switch (facts.fate) {
    case CarriedZnodes::kCarried:
      return absl::StrCat(what, are, " carried over", from);
    case CarriedZnodes::kNotAsked:
      return absl::StrCat(what, are, " NOT carried over", from,
                          ": if they went on after that tree was taken, they would send old data "
                          "again. Plan with --carry duplications if they did not");
    case CarriedZnodes::kOutdated:
      return absl::StrCat(what, are, " NOT carried over", from,
                          ": servers have gone on since; start it again if it had not ended");
    case CarriedZnodes::kTableNotThere:
      return absl::StrCat(what, are, " NOT carried over", from,
                          ": the table is not there any more");
  }
  return what;
}

}  // namespace metarec
