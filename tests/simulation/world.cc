#include "world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "command_process.h"
#include "meta_process.h"
#include "replica_collector/node_list.h"
#include "zk_store/election/lock_directory.h"

namespace metarec::simulation {
namespace {

constexpr int64_t kStepsMax = 400'000;
constexpr uint32_t kShellIp = 0x0A000300;
constexpr absl::Duration kBeaconsFor = absl::Minutes(1);

}  // namespace

World::World(const Case& the_case_in, std::FILE* trace_out)
    : random(the_case_in.seed ^ 0x5EED),
      trace(trace_out),
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
               }}),
      servers(&the_case_in, &queue, &network),
      watch({.tree = &zookeeper.tree(),
             .root = kRoot,
             .lock_directory = LockDirectoryPath(kLockRoot),
             .mandate_of = [this](int64_t request) { return mandates_[request]; },
             .on_violation = [this](std::string what) { Violate(std::move(what)); }}),
      the_case(the_case_in),
      start_(queue.now()) {}

World::~World() = default;

void World::Violate(std::string what) {
  trace.Add(queue.now(), "VIOLATION", what);
  if (outcome_.violations.size() < 10) outcome_.violations.push_back(std::move(what));
}

RecoveryRequest World::MakeRequest(int64_t flags) const {
  RecoveryRequest request;
  for (const CaseNode& node : servers.nodes()) {
    auto entry = ParseNodeListEntry(node.listed_as);
    if (entry.ok()) request.nodes.entries.push_back(*std::move(entry));
    if (!node.is_listed_twice || node.listed_as == node.address.ToString()) continue;
    entry = ParseNodeListEntry(node.address.ToString());
    if (entry.ok()) request.nodes.entries.push_back(*std::move(entry));
  }
  request.root = kRoot;
  request.plan.skip_bad_nodes = (flags & kSkipBadNodes) != 0;
  request.plan.skip_lost_partitions = (flags & kSkipLostPartitions) != 0;
  request.plan.max_app_id = ModelOptions().max_app_id;
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
  const bool is_taken = std::any_of(processes_.begin(), processes_.end(), [&](const auto& process) {
    return process->client().name == name && !process->ended();
  });
  if (is_taken) return;
  Process* const server = Add(std::make_unique<MetaProcess>(this, name, number));
  queue.After(item.lasts, [server, is_killed = item.b != 0] {
    is_killed ? server->Kill() : server->Interrupt();
  });
}

void World::Pass(const std::function<bool()>& done, absl::Time horizon) {
  for (;;) {
    if (context.stopped()) context.restart();
    context.poll();
    if (done()) return;
    if (queue.now() > horizon) return Violate("does not end in its time");
    if (queue.events_run() > kStepsMax) return Violate("takes too many steps");
    if (!queue.RunNext()) return Violate("waits for what never comes");
  }
}

Outcome World::Run() {
  StartOperators();
  const bool has_servers =
      std::any_of(the_case.items.begin(), the_case.items.end(),
                  [](const Item& item) { return item.kind == ItemKind::kServe; });
  if (has_servers) {
    for (const CaseNode& node : servers.nodes()) SendBeacons(this, node, start_ + kBeaconsFor);
  }
  Pass([this] { return AllCommandsEnded(); }, start_ + absl::Hours(3));
  Judge();
  outcome_.hash = trace.hash();
  outcome_.steps = queue.events_run() + zookeeper.requests();
  outcome_.requests = zookeeper.requests();
  outcome_.messages = network.messages();
  outcome_.lasted = queue.now() - start_;
  for (const ItemKind kind : {ItemKind::kDown, ItemKind::kLoading, ItemKind::kHalf,
                              ItemKind::kGarbage, ItemKind::kLease, ItemKind::kNodeSlow}) {
    if (servers.faults(kind) > 0) {
      outcome_.faults[std::string(ItemKindName(kind))] += servers.faults(kind);
    }
  }
  if (zookeeper.stale_reads() > 0) outcome_.faults["stale_read"] += zookeeper.stale_reads();
  return std::move(outcome_);
}

}  // namespace metarec::simulation
