// What must hold of every copy, whatever happens.

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kCopyLasts = absl::Minutes(30);

// How an error is counted.
std::string EndOf(const absl::Status& status) {
  if (HasMark(status, ErrorMark::kRefused)) return "refused";
  if (HasMark(status, ErrorMark::kDisturbed)) return "disturbed";
  if (absl::IsCancelled(status)) return "cancelled";
  if (absl::IsAborted(status)) return "kept changing";
  return "failed";
}

}  // namespace

void CopyWorld::NoteState(Side side) {
  TreeSnapshot now = SnapshotOf(tree(side), side == Side::kFrom ? case_.from_root : case_.to_root);
  std::erase_if(now, [](const auto& znode) { return IsTreeJournal(znode.first); });
  (side == Side::kFrom ? source_states_ : target_states_).push_back(std::move(now));
}

void CopyWorld::OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                          const std::vector<StoreOpResult>&) {
  // The trees are being filled.
  if (source_states_.empty()) return;
  if (side == Side::kFrom) {
    if (client.is_engine) Violate(absl::StrCat(client.name, " writes into the source"));
    const auto before = source_states_.back().find("");
    NoteState(side);
    const auto after = source_states_.back().find("");
    source_root_was_gone_ |=
        after == source_states_.back().end() || before->second.czxid != after->second.czxid;
    return;
  }
  Command* const command = Find(client);
  if (command != nullptr) {
    CheckTarget(command, ops);
  } else {
    NoteStranger(ops);
  }
  // A rival, too, or one that is dead and whose last requests arrive late.
  Disturb(command);
  NoteState(side);
}

void CopyWorld::Disturb(const Command* by) {
  for (const auto& command : commands_) {
    if (command.get() != by && !command->process.ended()) command->is_disturbed = true;
  }
}

void CopyWorld::NoteStranger(const std::vector<StoreOp>& ops) {
  is_disturbed_ = true;
  for (const StoreOp& op : ops) {
    const std::string& path = OpPath(op);
    const std::string root = case_.to_root == "/" ? "" : case_.to_root;
    if (!absl::StartsWith(path, root)) continue;
    const std::string relative = path == "/" ? "" : path.substr(root.size());
    if (std::holds_alternative<DeleteOp>(op)) {
      strangers_.erase(relative);
    } else {
      strangers_.insert(relative);
    }
  }
}

void CopyWorld::CheckTarget(Command* command, const std::vector<StoreOp>& ops) {
  ++command->writes;
  for (const StoreOp& op : ops) {
    if (!std::holds_alternative<CheckOp>(op)) CheckWrite(*command, op);
  }
}

void CopyWorld::CheckWrite(const Command& command, const StoreOp& op) {
  const std::string& path = OpPath(op);
  const std::string& name = command.process.client().name;
  const std::string root = case_.to_root == "/" ? "" : case_.to_root;
  if (absl::StrContains(path, kTreeJournalPath)) return;
  const bool is_inside = path == case_.to_root || absl::StartsWith(path, root + "/");
  if (!is_inside) {
    const bool is_way =
        absl::StartsWith(case_.to_root, path + "/") && std::holds_alternative<CreateOp>(op);
    if (!is_way) Violate(absl::StrCat(name, " writes outside of the target: ", path));
    return;
  }
  const std::string relative = path == "/" ? "" : path.substr(root.size());
  if (!strangers_.contains(relative) || std::holds_alternative<CreateOp>(op)) return;
  const bool deletes = std::holds_alternative<DeleteOp>(op);
  const bool may = command.options.update && (!deletes || command.options.delete_extra);
  if (!may) {
    Violate(
        absl::StrCat(name, deletes ? " deletes" : " overwrites", " what is a stranger's: ", path));
  }
  strangers_.erase(relative);
}

TreeSnapshot CopyWorld::Expected(const TreeSnapshot& source) const {
  TreeSnapshot expected = source;
  for (auto& [path, node] : expected) {
    switch (case_.acl) {
      case CopiedAcl::kOpen:
        node.acl = PermissionsOf(OpenAcl());
        break;
      case CopiedAcl::kCreator:
        node.acl = {{CopierIdentity(), 31}};
        break;
      case CopiedAcl::kKeep: {
        if (!case_.has_acl_map) break;
        const auto mapped = node.acl.find(OtherIdentity());
        if (mapped == node.acl.end()) break;
        node.acl[{"digest", "dora:hash"}] = mapped->second;
        node.acl.erase(mapped);
        break;
      }
    }
  }
  return expected;
}

// The copy is that of one moment since its last check began, and the target had it then.
void CopyWorld::CheckEqual(const Command& command, const TreeCopyResult& result) {
  std::string difference = "there is nothing to compare";
  for (size_t i = command.source_states - 1; i < source_states_.size(); ++i) {
    const TreeSnapshot expected = Expected(source_states_[i]);
    for (size_t j = command.target_states - 1; j < target_states_.size(); ++j) {
      TreeSnapshot found = target_states_[j];
      if (result.extra.count > 0) {
        const auto extra =
            std::erase_if(found, [&](const auto& node) { return !expected.contains(node.first); });
        if (static_cast<int64_t>(extra) != result.extra.count) continue;
      }
      difference = DifferenceOf(expected, found);
      if (difference.empty()) return;
    }
  }
  Violate(absl::StrCat(command.process.client().name,
                       ": ends with 0, and the trees are not equal: ", difference));
}

void CopyWorld::CheckReason(const Command& command, const absl::Status& status) {
  const std::string& name = command.process.client().name;
  const auto violate = [&](absl::string_view what) {
    Violate(absl::StrCat(name, ": ", what, ": ", status.ToString()));
  };
  if (status.message().empty() || status.code() == absl::StatusCode::kUnknown ||
      status.code() == absl::StatusCode::kInternal) {
    violate("names no reason");
  }
  if (HasMark(status, ErrorMark::kRefused) && command.writes > 0) {
    violate("says that nothing was written");
  }
  if (HasMark(status, ErrorMark::kDisturbed) && !command.is_disturbed) {
    violate("blames somebody who was not there");
  }
  if (absl::IsCancelled(status) && !command.process.interrupted()) {
    violate("says that it was cancelled");
  }
  if (EndOf(status) == "kept changing" && command.source_states == 1 &&
      source_states_.size() == 1) {
    violate("says that the source changes, which it does not");
  }
}

void CopyWorld::CheckEnd(const Command& command) {
  const std::string& name = command.process.client().name;
  if (queue.now() > command.started + kCopyLasts) Violate(name + ": does not end in its time");
  const absl::Status& status = command.result.status();
  Say(name, status.ok() ? "ends" : absl::StrCat("ends: ", absl::StatusCodeToString(status.code())));
  if (!status.ok()) {
    Count(EndOf(status));
    return CheckReason(command, status);
  }
  Count(command.result->extra.count > 0 ? "copied" : "equal");
  if (command.result->passes > 1) Count("in several passes");
  if (command.result->resumed) Count("resumed");
  CheckEqual(command, *command.result);
}

bool CopyWorld::TryOnCalmDay(const TreeCopyOptions& options) {
  Operator judge;
  judge.name = "judge";
  judge.options = options;
  Command* const command = Begin(&judge);
  Pass([command] { return command->process.ended(); }, queue.now() + kCopyLasts);
  return command->result.ok();
}

// When nobody writes any more and nothing goes wrong, some command makes the trees equal.
void CopyWorld::Judge() {
  Calm();
  for (const auto& command : commands_) command->process.Interrupt();
  for (const auto& [side, session] : foreign_sessions_) {
    zookeeper(side).EndForeignSession(session);
  }
  Pass(absl::Minutes(10));
  if (!outcome_.violations.empty()) return;
  TreeCopyOptions options = Options();
  bool is_equal = TryOnCalmDay(options);
  const std::vector<std::pair<bool, bool>> others = {{true, true}, {true, false}, {false, false}};
  for (const auto& [update, delete_extra] : others) {
    if (is_equal || !outcome_.violations.empty()) break;
    options.update = update;
    options.delete_extra = delete_extra;
    is_equal = TryOnCalmDay(options);
  }
  if (!is_equal && case_.IsSimple() && !source_root_was_gone_) {
    Violate(absl::StrCat("on a calm day no command makes the trees equal: ",
                         commands_.back()->result.status().ToString()));
  }
  Count(is_equal ? "calm day: equal" : "calm day: not equal");
}

}  // namespace metarec::simulation
