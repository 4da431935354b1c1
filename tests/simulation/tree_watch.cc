#include "tree_watch.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/znode_json.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::simulation {
namespace {

const testing::ZnodeCaller kNobody;

bool HasAllData(const ReplicaRecord& replica) {
  return replica.status != ReplicaStatus::kError &&
         replica.status != ReplicaStatus::kPotentialSecondary &&
         replica.status != ReplicaStatus::kPartitionSplit;
}

bool MakesSense(const ReplicaRecord& replica) {
  constexpr int64_t kLargest = int64_t{1} << 53;
  return replica.ballot >= 0 && replica.ballot <= kLargest && replica.last_committed_decree >= -1 &&
         replica.last_committed_decree <= kLargest && replica.last_prepared_decree >= -1 &&
         replica.last_prepared_decree <= kLargest;
}

// The better one if a node names a replica twice. Null: it has none, or did not answer.
const ReplicaRecord* BestOf(const ToldNode& node, int32_t app_id, int32_t index) {
  const ReplicaRecord* best = nullptr;
  if (!node.has_tables || !node.has_replicas) return best;
  for (const ReplicaRecord& replica : node.replicas) {
    if (replica.app_id != app_id || replica.partition_index != index || !MakesSense(replica)) {
      continue;
    }
    if (best == nullptr || std::pair(HasAllData(replica), replica.ballot) >
                               std::pair(HasAllData(*best), best->ballot)) {
      best = &replica;
    }
  }
  return best;
}

}  // namespace

std::string TreeWatch::DataOf(const std::string& path) const {
  const auto found = with_.tree->Get(path, kNobody);
  return found.ok() ? found->data : "(none)";
}

bool TreeWatch::IsBootable() const {
  const std::string apps = DataOf(with_.root + "/apps");
  return apps == kAppsUnlocked || apps.empty();
}

int64_t TreeWatch::LeadingSession() const {
  const auto children = with_.tree->Children(with_.lock_directory, kNobody);
  if (!children.ok()) return 0;
  const std::vector<std::string> candidates = CandidatesInOrder(children->names);
  if (candidates.empty()) return 0;
  return with_.tree->Exists(absl::StrCat(with_.lock_directory, "/", candidates.front()))
      ->ephemeral_owner;
}

std::string TreeWatch::JournalDigest() const {
  const std::string path = with_.root + "/metarec_journal";
  const auto journal = DecodeJournal(path, DataOf(path));
  return journal.ok() ? journal->plan_digest : "";
}

bool TreeWatch::HasFinished(int client_number) const {
  return std::any_of(finished_.begin(), finished_.end(),
                     [&](const auto& entry) { return entry.second == client_number; });
}

std::shared_ptr<const ModelPlan> TreeWatch::PlanOf(const std::string& digest) const {
  const auto found = plans_.find(digest);
  return found == plans_.end() ? nullptr : found->second;
}

bool TreeWatch::IsInRoot(const std::string& path) const {
  return absl::StartsWith(path, with_.root + "/") &&
         !absl::StartsWith(with_.lock_directory, path) &&
         !absl::StartsWith(path, with_.lock_directory);
}

void TreeWatch::Violate(const StoreClient& client, const std::string& what) {
  with_.on_violation(absl::StrCat(client.name, " ", what));
}

void TreeWatch::OnApplied(const StoreClient& client, int64_t session_id, int64_t request,
                          const std::vector<StoreOp>& ops,
                          const std::vector<StoreOpResult>& results) {
  const bool was_bootable = std::exchange(was_bootable_, IsBootable());
  bool is_in_root = false;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (std::holds_alternative<CheckOp>(ops[i])) continue;
    const bool is_create = std::holds_alternative<CreateOp>(ops[i]);
    const std::string& path = is_create ? results[i].created_path : OpPath(ops[i]);
    if (absl::StartsWith(path, with_.lock_directory + "/")) {
      if (is_create) {
        candidates_[path] = session_id;
        with_.on_candidate(session_id, true);
        continue;
      }
      // What somebody wrote before the owner has read its candidate is what the owner knows it by.
      const bool is_known =
          known_candidates_.contains(path) || std::holds_alternative<DeleteOp>(ops[i]);
      if (candidates_.contains(path) && is_known) with_.on_candidate(candidates_[path], false);
      if (client.is_engine && candidates_[path] != session_id) {
        Violate(client, absl::StrCat("touches somebody else's candidate ", path));
      }
    } else if (!IsInRoot(path)) {
      const auto* create = std::get_if<CreateOp>(&ops[i]);
      if (client.is_engine && (create == nullptr || !create->data.empty())) {
        Violate(client, absl::StrCat("writes outside of the root: ", path));
      }
    } else if (!client.is_engine) {
      has_met_stranger_ = true;
      // To write what is there already, or what was there before another stranger came, is no
      // change.
      const auto* set = std::get_if<SetOp>(&ops[i]);
      const std::string digest = JournalDigest();
      const bool is_underway = plans_.contains(digest) && !finished_.contains(digest);
      if (set != nullptr && set->data == kAppsLocked && (is_underway || !was_bootable)) {
        if (is_underway) touched_.erase(path);
      } else {
        touched_.insert(path);
      }
    } else {
      is_in_root = true;
      CheckWrite(client, with_.mandate_of(request), ops[i], path);
    }
  }
  if (!is_in_root) return;
  ++writes_[client.number];
  const Mandate mandate = with_.mandate_of(request);
  // This holds for a slower run of the same plan, too: to it /apps has changed. Unless a stranger
  // has unlocked the tree.
  if (was_bootable && !touched_.contains(with_.root + "/apps")) {
    Violate(client, "writes into a root from which a meta server boots");
  }
  if (mandate.must_lead && LeadingSession() != session_id) {
    Violate(client, "writes without being the leader");
  }
  CheckJournal(client, mandate);
  if (was_bootable_ && !was_bootable && mandate.plan != nullptr) {
    CheckComplete(*mandate.plan);
    CheckNames();
    CheckBallots(mandate);
    finished_.emplace(JournalDigest(), client.number);
  }
}

void TreeWatch::OnRead(int64_t session_id, const std::string& path) {
  const auto candidate = candidates_.find(path);
  if (candidate != candidates_.end() && candidate->second == session_id) {
    known_candidates_.insert(path);
  }
}

void TreeWatch::CheckWrite(const StoreClient& client, const Mandate& mandate, const StoreOp& op,
                           const std::string& path) {
  const std::string apps = with_.root + "/apps";
  const std::string journal = with_.root + "/metarec_journal";
  if (mandate.plan == nullptr || mandate.plan->outcome != PlanOutcome::kReady) {
    return Violate(client, absl::StrCat("writes ", path, " without a plan that is ready"));
  }
  if (std::holds_alternative<DeleteOp>(op)) {
    return Violate(client, absl::StrCat("deletes ", path));
  }
  if (std::holds_alternative<SetAclOp>(op)) {
    return Violate(client, absl::StrCat("changes the ACL of ", path));
  }
  if (const auto* set = std::get_if<SetOp>(&op)) {
    if (touched_.contains(path)) Violate(client, absl::StrCat("overwrites a stranger's ", path));
    const bool is_end = path == journal || (path == apps && set->data == kAppsUnlocked);
    if (!is_end) Violate(client, absl::StrCat("sets ", path, " to ", set->data));
    return;
  }
  const std::string& data = std::get<CreateOp>(op).data;
  if (path == journal) return;
  if (path == apps) {
    if (data != kAppsLocked) Violate(client, absl::StrCat("creates ", path, " as ", data));
    return;
  }
  const bool is_below_apps = absl::StartsWith(path, apps + "/");
  const auto planned =
      mandate.plan->znodes.find(path.substr(is_below_apps ? apps.size() + 1 : with_.root.size()));
  if (planned == mandate.plan->znodes.end()) {
    Violate(client, absl::StrCat("creates ", path, ", which is not in its plan"));
  } else if (planned->second != data) {
    Violate(client, absl::StrCat("writes ", path, " as ", data, ", planned was ", planned->second));
  }
}

// One digest stands for one tree, and nobody goes on with another plan's run.
void TreeWatch::CheckJournal(const StoreClient& client, const Mandate& mandate) {
  const std::string digest = JournalDigest();
  if (digest.empty()) {
    if (touched_.empty()) Violate(client, "writes without a journal");
    return;
  }
  if (mandate.plan == nullptr) return;
  const auto [known, is_new] = plans_.emplace(digest, mandate.plan);
  if (!is_new && known->second->znodes != mandate.plan->znodes) {
    Violate(client, absl::StrCat("goes on with a run of another plan, ", digest));
  }
}

void TreeWatch::CheckComplete(const ModelPlan& plan) {
  const std::string apps = with_.root + "/apps/";
  std::set<std::string> paths;
  for (const testing::DumpedNode& node : with_.tree->Dump(with_.root + "/apps")) {
    if (node.path.size() < apps.size() || touched_.contains(node.path)) continue;
    paths.insert(node.path);
    const auto planned = plan.znodes.find(node.path.substr(apps.size()));
    if (planned == plan.znodes.end()) {
      with_.on_violation(absl::StrCat("the tree has ", node.path, ", which is not in the plan"));
    } else if (planned->second != node.data) {
      with_.on_violation(
          absl::StrCat(node.path, " says ", node.data, ", planned was ", planned->second));
    }
  }
  for (const auto& [path, data] : plan.znodes) {
    const bool is_beside = absl::StartsWith(path, "/");
    const std::string full_path = absl::StrCat(is_beside ? with_.root : apps, path);
    if (touched_.contains(full_path)) continue;
    if (is_beside ? DataOf(full_path) != data : !paths.contains(full_path)) {
      with_.on_violation(absl::StrCat("a meta server can boot, and ", path, " is missing"));
    }
  }
}

void TreeWatch::CheckNames() {
  std::map<std::string, int32_t> ids;
  const auto tables = with_.tree->Children(with_.root + "/apps", kNobody);
  if (!tables.ok()) return;
  for (const std::string& name : tables->names) {
    const std::string path = absl::StrCat(with_.root, "/apps/", name);
    if (touched_.contains(path)) continue;
    const auto app = DecodeApp(path, DataOf(path));
    if (!app.ok()) {
      with_.on_violation(std::string(app.status().message()));
    } else if (app->status == TableStatus::kAvailable &&
               !ids.emplace(app->app_name, app->app_id).second) {
      with_.on_violation(absl::StrCat("two living tables are called ", app->app_name));
    }
  }
}

void TreeWatch::CheckBallots(const Mandate& mandate) {
  const std::string apps = with_.root + "/apps/";
  for (const auto& [path, data] : mandate.plan->znodes) {
    const std::vector<std::string> parts = absl::StrSplit(path, '/');
    if (parts.size() != 2 || parts[0].empty() || parts[1] == kDuplicationName) continue;
    const auto partition = DecodePartition(apps + path, DataOf(apps + path));
    if (!partition.ok() || partition->primary.empty() || touched_.contains(apps + path)) continue;
    const ReplicaRecord* primary = nullptr;
    int64_t highest = 0;
    int64_t highest_complete = 0;
    for (const auto& [address, node] : *mandate.told) {
      const ReplicaRecord* const replica = BestOf(node, partition->app_id, partition->index);
      if (replica == nullptr) continue;
      highest = std::max(highest, replica->ballot);
      if (HasAllData(*replica)) highest_complete = std::max(highest_complete, replica->ballot);
      if (address.ToString() == partition->primary) primary = replica;
    }
    if (partition->ballot < highest) {
      with_.on_violation(absl::StrCat(path, " has a ballot below a replica's"));
    }
    if (primary == nullptr ||
        (highest_complete > 0 && (!HasAllData(*primary) || primary->ballot < highest_complete))) {
      with_.on_violation(
          absl::StrCat(path, ": a complete replica of a higher ballot is overruled"));
    }
  }
}

bool TreeWatch::Boot() {
  if (!IsBootable()) return false;
  if (touched_.empty()) {
    const std::shared_ptr<const ModelPlan> plan = PlanOf(JournalDigest());
    if (plan == nullptr) {
      with_.on_violation("a meta server can boot from what nobody planned");
    } else {
      CheckComplete(*plan);
    }
  }
  return true;
}

}  // namespace metarec::simulation
