#include "tests/kills/kill_world.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include "base/runtime/status_macros.h"

namespace metarec::tools {
namespace {

// In which ZooKeeper has executed what it had received, or the tree is looked at once more.
constexpr absl::Duration kSettle = absl::Milliseconds(20);

}  // namespace

const char* VisibleName(Visible visible) {
  switch (visible) {
    case Visible::kNothing:
      return "before the first write";
    case Visible::kLocked:
      return "in the middle of writing";
    case Visible::kComplete:
      return "after the unlocking";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<KillWorld>> KillWorld::Make(int tables, int partitions) {
  std::unique_ptr<KillWorld> world(new KillWorld);
  MetarecdWorldOptions options;
  options.tables = tables;
  options.partitions = partitions;
  METAREC_ASSIGN_OR_RETURN(world->world_, MetarecdWorld::Make(options));
  world->hosts_ = world->zookeeper().hosts();
  ScratchFolder& folder = world->world_->folder();
  world->plan_path_ = folder.Path("plan.jsonl");
  METAREC_ASSIGN_OR_RETURN(auto plan, StartProgram({"plan", "-f", folder.Path("recover_node_list"),
                                                    "--plan", world->plan_path_},
                                                   folder.Path("plan")));
  if (plan->Wait() != 0) return absl::InternalError(plan->Errors());
  const std::string root = world->NewRoot();
  const auto apply = world->Start(Verb::kApply, root);
  if (apply->Wait() != 0) return absl::InternalError(apply->Errors());
  world->apps_ = AppsIn(world->world_->Dump(root));
  if (world->apps_.size() != static_cast<size_t>(1 + world->world_->znodes()) ||
      world->apps_.at("/apps") != "unlock") {
    return absl::InternalError("an undisturbed run does not write everything");
  }
  return world;
}

std::string KillWorld::NewRoot() { return absl::StrCat("/killed", roots_++); }

std::unique_ptr<MetarecProcess> KillWorld::Start(Verb verb, const std::string& root,
                                                 const std::string& hosts) {
  std::vector<std::string> arguments = {"apply", "--plan", plan_path_};
  if (verb == Verb::kRecover) {
    arguments = {"recover", "-f", world_->folder().Path("recover_node_list")};
  }
  arguments.insert(arguments.end(),
                   {"--zk", hosts.empty() ? hosts_ : hosts, "--root", root, "--zk_timeout", "60"});
  auto process =
      StartProgram(arguments, world_->folder().Path(absl::StrCat("killed", processes_++)));
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

void KillWorld::UseZooKeeper(const std::string& hosts) {
  EXPECT_EQ(world_->ConnectTo(hosts), absl::OkStatus());
  hosts_ = hosts.empty() ? zookeeper().hosts() : hosts;
}

KillWorld::Times KillWorld::Measure(Verb verb) {
  Times times;
  const std::string root = NewRoot();
  const absl::Time start = absl::Now();
  const auto process = Start(verb, root);
  EXPECT_TRUE(Await([&] { return world_->Get(root + "/apps").has_value(); }));
  times.begun = absl::Now() - start;
  EXPECT_TRUE(Await([&] { return world_->Get(root + "/apps")->data == "unlock"; }));
  times.unlocked = absl::Now() - start;
  EXPECT_EQ(process->Wait(), 0) << process->Errors();
  times.ended = absl::Now() - start;
  Remove(root);
  return times;
}

bool KillWorld::IsComplete(const std::string& root) { return AppsIn(world_->Dump(root)) == apps_; }

Visible KillWorld::Judge(const std::string& root) {
  // The transactions of who has died are executed in their order, or not at all.
  ZnodeRecords records = world_->Dump(root);
  for (int again = 0; again < 100; ++again) {
    absl::SleepFor(kSettle);
    ZnodeRecords later = world_->Dump(root);
    if (std::exchange(records, later) == later) break;
  }
  const std::map<std::string, std::string> apps = AppsIn(records);
  if (apps.empty()) {
    EXPECT_LE(records.size(), 1u) << root << " holds something, but no /apps";
    return Visible::kNothing;
  }
  EXPECT_TRUE(records.contains("/metarec_journal"));
  if (apps.at("/apps") != "lock") {
    // Not by EXPECT_EQ, which would print thousands of znodes.
    EXPECT_TRUE(apps == apps_) << root << " is unlocked, but not complete";
    return Visible::kComplete;
  }
  for (const auto& [path, data] : apps) {
    const auto expected = apps_.find(path);
    EXPECT_NE(expected, apps_.end()) << root << path << " does not belong there";
    if (expected == apps_.end() || path == "/apps") continue;
    EXPECT_EQ(data, expected->second) << root << path;
  }
  return Visible::kLocked;
}

void KillWorld::ExpectOneCleanRunCompletes(Verb verb, const std::string& root) {
  const auto again = Start(verb, root);
  EXPECT_EQ(again->Wait(), 0) << again->Errors();
  EXPECT_TRUE(IsComplete(root)) << root << " is not what an undisturbed run writes";
}

}  // namespace metarec::tools
