#include "world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/rare_branch.h"
#include "process.h"
#include "replica_collector/node_list.h"
#include "simulation.h"
#include "zk_store/election/lock_directory.h"

namespace metarec::simulation {
namespace {

constexpr uint32_t kShellIp = 0x0A000300;
constexpr absl::Duration kBeaconsFor = absl::Minutes(1);
// For a process to act on what it could know.
constexpr absl::Duration kMarginToKnow = absl::Seconds(1);

}  // namespace

World::World(const Case& the_case_in, std::FILE* trace_out)
    : WorldLoop(the_case_in.seed ^ 0x5EED, trace_out),
      network({.queue = &queue,
               .random = &random,
               .trace = &trace,
               .on_message = [this](int64_t index) { return OnMessage(index); }}),
      zookeeper(
          {.queue = &queue,
           .random = &random,
           .trace = &trace,
           .on_request = [this](const StoreClient& client,
                                const StoreRequest& request) { return OnRequest(client, request); },
           .on_applied =
               [this](const StoreClient& client, int64_t session_id, int64_t request,
                      const std::vector<StoreOp>& ops, const std::vector<StoreOpResult>& results) {
                 watch.OnApplied(client, session_id, request, ops, results);
               },
           .on_expired = [this](int64_t session_id) { OnCandidateGone(session_id); },
           .on_read = [this](int64_t session_id,
                             const std::string& path) { watch.OnRead(session_id, path); }}),
      servers(&the_case_in, &queue, &network),
      watch({.tree = &zookeeper.tree(),
             .root = kRoot,
             .lock_directory = LockDirectoryPath(kLockRoot),
             .mandate_of = [this](int64_t request) { return mandates_[request]; },
             .on_violation = [this](std::string what) { Violate(std::move(what)); },
             .on_candidate =
                 [this](int64_t session_id, bool is_there) {
                   is_there ? static_cast<void>(gone_.erase(session_id))
                            : OnCandidateGone(session_id);
                 }}),
      the_case(the_case_in) {
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    if (item.kind != ItemKind::kOldTree || !the_case.Has(i)) continue;
    old_trees_.push_back(MakeOldTree(servers.nodes(), item));
  }
}

World::~World() = default;

RecoveryRequest World::MakeRequest(int64_t flags) const {
  RecoveryRequest request;
  for (const CaseNode& node : servers.nodes()) {
    auto entry = ParseNodeListEntry(node.listed_as);
    if (entry.ok()) request.nodes.entries.push_back(*std::move(entry));
    std::vector<Ipv4Endpoint> more;
    if (node.is_listed_twice && node.listed_as != node.address.ToString()) {
      more.push_back(node.address);
    }
    if (node.second_address != Ipv4Endpoint{}) more.push_back(node.second_address);
    for (const Ipv4Endpoint& address : more) {
      entry = ParseNodeListEntry(address.ToString());
      if (entry.ok()) request.nodes.entries.push_back(*std::move(entry));
    }
  }
  request.root = kRoot;
  request.plan.skip_bad_nodes = (flags & kSkipBadNodes) != 0;
  request.plan.skip_lost_partitions = (flags & kSkipLostPartitions) != 0;
  if ((flags & kSkipsFirstNode) != 0 && !servers.nodes().empty()) {
    request.plan.bad_nodes_skipped = {servers.nodes().front().listed_as};
  }
  if (!old_trees_.empty()) {
    request.plan.carry_duplications = carries_duplications();
    request.read_old_trees = [this]() -> asio::awaitable<absl::StatusOr<std::vector<OldTree>>> {
      co_return old_trees_;
    };
  }
  request.plan.membership = the_case.is_warm ? Membership::kWarm : Membership::kCold;
  request.plan.max_app_id = ModelOptions().max_app_id;
  request.plan.max_id_gap = ModelOptions().max_id_gap;
  request.plan.max_partition_count = ModelOptions().max_partition_count;
  request.writer.limits.ops_max = the_case.ops_max;
  request.writer.limits.in_flight_max = the_case.in_flight_max;
  request.writer.inspection.lock_root = kLockRoot;
  return request;
}

Process* World::Find(const StoreClient& client) {
  for (const auto& process : processes_) {
    if (process->client().number == client.number) return process.get();
  }
  return nullptr;
}

Process* World::Add(std::unique_ptr<Process> process) {
  processes_.push_back(std::move(process));
  processes_.back()->Start();
  return processes_.back().get();
}

StoreFault World::OnRequest(const StoreClient& client, const StoreRequest& request) {
  StoreFault fault;
  Process* const process = Find(client);
  if (request.ops != nullptr && process != nullptr) {
    mandates_[request.index] = process->GetMandate();
  }
  if (is_calm_) return fault;
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    if (item.a != request.index || !the_case.Has(i)) continue;
    if (item.kind == ItemKind::kStoreFault) {
      fault = {.kind = static_cast<StoreFaultKind>(item.b), .lasts = item.lasts};
      const bool is_write = request.ops != nullptr;
      if (fault.kind == StoreFaultKind::kTooLarge && (!is_write || request.ops->size() < 2)) {
        fault = {};
      } else {
        CountFault(StoreFaultName(fault.kind));
      }
    } else if (item.kind == ItemKind::kStranger) {
      WriteAsStranger(item.b);
    } else if (item.kind == ItemKind::kInterrupt && process != nullptr) {
      CountFault("interrupt");
      process->Interrupt();
    } else if (item.kind == ItemKind::kKill && process != nullptr) {
      if (item.b == 0) {
        process->Kill();
      } else {
        queue.After(absl::ZeroDuration(), [process] { process->Kill(); });
      }
    }
  }
  return fault;
}

NetworkFault World::OnMessage(int64_t index) {
  if (is_calm_) return {};
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    if (item.kind != ItemKind::kNetworkFault || item.a != index || !the_case.Has(i)) continue;
    const auto kind = static_cast<NetworkFaultKind>(item.b);
    CountFault(NetworkFaultName(kind));
    return {.kind = kind, .lasts = item.lasts};
  }
  return {};
}

void World::StartOperators() {
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    switch (item.kind) {
      case ItemKind::kRecover:
      case ItemKind::kApply:
      case ItemKind::kServe:
      case ItemKind::kShell:
      case ItemKind::kCandidate:
      case ItemKind::kDisconnect:
      case ItemKind::kSilence:
      case ItemKind::kLag:
      case ItemKind::kCutOff:
        break;
      default:
        continue;
    }
    if (!the_case.Has(i)) continue;
    ++operators_left_;
    queue.After(item.at, [this, &item] {
      --operators_left_;
      Act(item);
    });
  }
}

void World::Act(const Item& item) {
  const auto number = static_cast<uint32_t>(processes_.size());
  switch (item.kind) {
    case ItemKind::kRecover:
      Add(std::make_unique<CommandProcess>(this, absl::StrCat("recover", number),
                                           kCommandIp + number, item.a, std::nullopt));
      return;
    case ItemKind::kApply:
      Add(std::make_unique<CommandProcess>(this, absl::StrCat("apply", number), kCommandIp + number,
                                           item.a, item.lasts));
      return;
    case ItemKind::kServe:
      return Serve(item);
    case ItemKind::kShell:
      Add(std::make_unique<ShellProcess>(this, absl::StrCat("shell", number), kShellIp + number,
                                         item.a, item.lasts));
      return;
    case ItemKind::kCandidate:
      CountFault("candidate");
      return Contend(item.lasts);
    case ItemKind::kDisconnect:
      CountFault("disconnect");
      for (const auto& process : processes_) {
        zookeeper.Disconnect(process->client().number, item.lasts);
      }
      return;
    case ItemKind::kSilence:
      for (const auto& process : processes_) {
        if (process->client().name != absl::StrCat("meta", item.a) || process->dead()) continue;
        CountFault("silence");
        zookeeper.Silence(process->client().number, item.lasts);
      }
      return;
    case ItemKind::kLag:
      CountFault("lag");
      return zookeeper.Lag(static_cast<int>(item.a), item.lasts, absl::Milliseconds(item.b));
    case ItemKind::kCutOff:
      CountFault("cut_off");
      if (item.a >= 100) {
        network.CutOff(0x0A000101 + static_cast<uint32_t>(item.a - 100), item.lasts);
      } else {
        network.CutOff(the_case.nodes[static_cast<size_t>(item.a)].address.ip, item.lasts);
      }
      return;
    default:
      return;
  }
}

bool World::AllCommandsEnded() const {
  return operators_left_ == 0 &&
         std::all_of(processes_.begin(), processes_.end(),
                     [](const auto& process) { return process->ended() || process->IsServer(); });
}

void World::Serve(const Item& item) {
  const int number = static_cast<int>(item.a);
  const std::string name = absl::StrCat("meta", number);
  const bool is_settled = (item.b & kServesSettled) != 0;
  for (const auto& process : processes_) {
    if (process->client().name != name || process->ended()) continue;
    if (!is_settled) return;
    // Stopped first, then started again.
    process->Interrupt();
    ++operators_left_;
    queue.After(absl::Seconds(1), [this, &item] {
      --operators_left_;
      Serve(item);
    });
    return;
  }
  Settlements settlements;
  if (is_settled) {
    Random random(the_case.seed ^ static_cast<uint64_t>(number));
    settlements = Decide(conflicts_, told_, random.OneIn(5), &random);
  }
  Process* const server =
      Add(std::make_unique<MetaProcess>(this, name, number, std::move(settlements)));
  queue.After(item.lasts, [server, is_killed = (item.b & kKilledInTheEnd) != 0] {
    is_killed ? server->Kill() : server->Interrupt();
  });
}

void World::NoteConflicts(std::set<std::string> conflicts, Told told) {
  conflicts_ = std::move(conflicts);
  told_ = std::move(told);
}

// How long a leader may go on after its candidate is gone. Its server tells it when it knows
// itself. If nothing reaches the leader, it notices after SilenceMax that it hears nothing, and
// gives up after another session timeout without a connection
// (LeaderLockOptions::disconnected_max).
absl::Duration World::MayLeadFor() const {
  absl::Duration lag;
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    if (item.kind == ItemKind::kLag && the_case.Has(i)) {
      lag = std::max(lag, absl::Milliseconds(item.b));
    }
  }
  return lag + SilenceMax(the_case.session_timeout) + the_case.session_timeout + kMarginToKnow;
}

void World::OnCandidateGone(int64_t session_id) {
  if (!gone_.emplace(session_id, queue.now()).second) return;
  const auto found = std::find_if(processes_.begin(), processes_.end(), [&](const auto& process) {
    const auto* const server = dynamic_cast<const MetaProcess*>(process.get());
    return server != nullptr && !server->ended() && !server->dead() && server->IsLeading() &&
           server->session_id() == session_id;
  });
  if (found == processes_.end()) return;
  const auto* const server = static_cast<const MetaProcess*>(found->get());
  trace.Add(queue.now(), server->client().name, "leads by a candidate that is gone");
  CountFault("leader_without_candidate");
  ++operators_left_;
  queue.After(MayLeadFor() + absl::Milliseconds(1), [this, server, session_id] {
    --operators_left_;
    const bool is_over = server->ended() || server->dead() || server->session_id() != session_id;
    if (is_over || !server->IsLeading()) {
      METAREC_RARE_BRANCH("a leader whose candidate is gone has stepped down in time");
      return;
    }
    CheckLeader(*server);
  });
}

void World::CheckLeader(const MetaProcess& server) {
  const auto gone = gone_.find(server.session_id());
  if (gone == gone_.end() || !server.IsLeading()) return;
  if (queue.now() <= gone->second + MayLeadFor()) {
    METAREC_RARE_BRANCH("a leader answers as such, and does not know that it is none");
    return;
  }
  Violate(
      absl::StrCat(server.client().name, ": leads on for longer than its candidate may be gone"));
}

// After everything, on a calm day, one more run must end in the right tree or say why not.
void World::Judge() {
  is_calm_ = true;
  servers.Calm();
  for (const auto& process : processes_) process->Interrupt();
  Pass(
      [this] {
        return std::all_of(processes_.begin(), processes_.end(),
                           [](const auto& process) { return process->ended(); });
      },
      queue.now() + absl::Minutes(5));
  Pass(absl::Minutes(10));
  if (!outcome_.violations.empty()) return;
  const std::string digest = watch.JournalDigest();
  const std::shared_ptr<const ModelPlan> unfinished = watch.PlanOf(digest);
  const bool is_settled =
      std::any_of(the_case.items.begin(), the_case.items.end(),
                  [](const Item& item) { return item.kind == ItemKind::kContradiction; });
  const int64_t flags = kSkipBadNodes | kSkipLostPartitions | (is_settled ? kSettles : 0);
  auto judge =
      std::make_unique<CommandProcess>(this, "judge", kCommandIp + 200, flags, std::nullopt);
  CommandProcess* const command = judge.get();
  Add(std::move(judge));
  Pass([command] { return command->ended(); }, command->MustEndBy());
  if (!outcome_.violations.empty() || watch.IsTouchedByStrangers()) return;
  const RecoveryOutcome outcome = command->result()->outcome;
  const std::shared_ptr<const ModelPlan> model = command->model();
  RecoveryOutcome expected = RecoveryOutcome::kRecovered;
  if (!model->wrong_settlements.empty()) {
    expected = RecoveryOutcome::kFailed;
  } else if (model->outcome == PlanOutcome::kConflict) {
    expected = RecoveryOutcome::kConflict;
  } else if (model->outcome == PlanOutcome::kTryAgain) {
    expected = RecoveryOutcome::kTryAgain;
  } else if (unfinished != nullptr && unfinished->znodes != model->znodes) {
    expected = RecoveryOutcome::kRootRefused;
  }
  const auto serves = [](const auto& told) {
    return std::any_of(told.second.replicas.begin(), told.second.replicas.end(),
                       [](const ReplicaRecord& replica) {
                         return replica.status == ReplicaStatus::kPrimary ||
                                replica.status == ReplicaStatus::kSecondary;
                       });
  };
  const auto& told = command->source().told();
  if (expected == RecoveryOutcome::kRecovered || expected == RecoveryOutcome::kRootRefused) {
    // Nodes that lie about being served are believed.
    if (std::any_of(told.begin(), told.end(), serves)) expected = RecoveryOutcome::kStillServed;
  }
  if (outcome != expected) {
    Violate(absl::StrCat("on a calm day the outcome should be ", RecoveryOutcomeName(expected),
                         ", is ", RecoveryOutcomeName(outcome), ": ",
                         command->result()->status.message()));
  }
  trace.Add(queue.now(), "tree",
            absl::StrJoin(zookeeper.tree().Dump("/"), "\n", [](std::string* out, const auto& node) {
              absl::StrAppend(out, node.path, " ", node.data);
            }));
}

void World::SendBeaconsOfOutsiders() {
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    const Item& item = the_case.items[i];
    if (item.kind != ItemKind::kOutsider || !the_case.Has(i)) continue;
    Beaconer outsider = {.address = OutsiderAddress(item.a),
                         .sent_from = OutsiderAddress(item.a),
                         .name = absl::StrCat("out", item.a, ":34801")};
    outsiders_.insert(outsider.address);
    if ((item.b & kForged) != 0) outsider.sent_from.ip += 100;
    if ((item.b & kClaimsName) != 0 && !servers.nodes().empty()) {
      outsider.name = servers.nodes().front().name;
    }
    CountFault("outsider");
    queue.After(item.at, [this, outsider, until = start() + item.at + item.lasts] {
      SendBeacons(this, outsider, until);
    });
  }
}

Outcome World::Run() {
  StartOperators();
  const bool has_servers =
      std::any_of(the_case.items.begin(), the_case.items.end(),
                  [](const Item& item) { return item.kind == ItemKind::kServe; });
  if (has_servers) {
    for (const CaseNode& node : servers.nodes()) {
      const std::string& name = node.beacon_name.empty() ? node.name : node.beacon_name;
      SendBeacons(this, {.address = node.address, .sent_from = node.address, .name = name},
                  start() + kBeaconsFor);
    }
    SendBeaconsOfOutsiders();
  }
  Pass([this] { return AllCommandsEnded(); }, start() + absl::Hours(3));
  Judge();
  outcome_.hash = trace.hash();
  outcome_.steps = queue.events_run() + zookeeper.requests();
  outcome_.requests = zookeeper.requests();
  outcome_.messages = network.messages();
  outcome_.lasted = queue.now() - start();
  for (const ItemKind kind :
       {ItemKind::kDown, ItemKind::kLoading, ItemKind::kHalf, ItemKind::kGarbage, ItemKind::kLease,
        ItemKind::kNodeSlow, ItemKind::kIdentity}) {
    if (servers.faults(kind) > 0) {
      outcome_.faults[std::string(ItemKindName(kind))] += servers.faults(kind);
    }
  }
  if (zookeeper.stale_reads() > 0) outcome_.faults["stale_read"] += zookeeper.stale_reads();
  return std::move(outcome_);
}

namespace {

Outcome RunRecovery(uint64_t seed, const RunOptions& options) {
  const Case the_case = MakeCase(seed, options.dropped);
  if (options.trace != nullptr) {
    std::fprintf(options.trace,
                 "seed %llu: %zu nodes, transactions of %zu, %zu at once, sessions of %s\n",
                 static_cast<unsigned long long>(seed), the_case.nodes.size(), the_case.ops_max,
                 the_case.in_flight_max, absl::FormatDuration(the_case.session_timeout).c_str());
    for (size_t i = 0; i < the_case.items.size(); ++i) {
      std::fprintf(options.trace, "  item %zu: %s%s\n", i, Describe(the_case.items[i]).c_str(),
                   the_case.Has(i) ? "" : "  (dropped)");
    }
  }
  World world(the_case, options.trace);
  return world.Run();
}

std::vector<std::string> RecoveryItems(uint64_t seed) {
  std::vector<std::string> items;
  for (const Item& item : MakeCase(seed).items) items.push_back(Describe(item));
  return items;
}

}  // namespace

const WorldKind kRecoveryWorld = {"recovery", &RunRecovery, &RecoveryItems};

}  // namespace metarec::simulation
