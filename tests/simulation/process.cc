#include "process.h"

#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "world.h"

namespace metarec::simulation {
namespace {

bool SameFlags(const ModelOptions& a, const ModelOptions& b) {
  return a.skip_bad_nodes == b.skip_bad_nodes && a.skip_lost_partitions == b.skip_lost_partitions;
}

}  // namespace

ModelOptions FlagsOf(int64_t flags) {
  ModelOptions options;
  options.skip_bad_nodes = (flags & kSkipBadNodes) != 0;
  options.skip_lost_partitions = (flags & kSkipLostPartitions) != 0;
  return options;
}

Process::Process(World* world, std::string name, uint32_t ip)
    : world_(world),
      client_{.name = std::move(name), .number = world->NewNumber(), .is_engine = true},
      ip_(ip),
      source_(ip, &world->servers, &world->network) {}

void Process::Start() {
  started_ = world_->queue.now();
  Say("starts");
  asio::co_spawn(
      world_->context, Run(this),
      asio::bind_cancellation_slot(cancel_.slot(), [this](const std::exception_ptr& thrown) {
        if (thrown != nullptr) Violate("threw an exception");
        ended_ = true;
      }));
}

asio::awaitable<void> Process::Run(Process* process) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await process->Main();
  process->Say("ends");
  if (!process->dead_ && process->world_->queue.now() > process->MustEndBy()) {
    process->Violate("does not end in its time");
  }
}

void Process::Kill() {
  if (ended_ || dead_) return;
  Say("is killed");
  world_->CountFault("kill");
  dead_ = true;
  world_->zookeeper.Kill(client_.number);
  OnKilled();
  world_->queue.After(absl::ZeroDuration(),
                      [this] { cancel_.emit(asio::cancellation_type::terminal); });
}

void Process::Interrupt() {
  if (ended_ || dead_ || interrupted_) return;
  Say("is interrupted");
  interrupted_ = true;
  world_->queue.After(absl::ZeroDuration(),
                      [this] { cancel_.emit(asio::cancellation_type::terminal); });
}

std::shared_ptr<const ModelPlan> Process::Model() {
  const ModelOptions flags = Flags();
  if (modelled_version_ == source_.version() && SameFlags(flags, modelled_flags_)) return model_;
  told_ = std::make_shared<const std::map<Ipv4Endpoint, ToldNode>>(source_.told());
  std::vector<ModelNode> nodes;
  for (const auto& [address, told] : source_.told()) {
    ModelNode& node = nodes.emplace_back();
    node.address = address;
    node.name = told.identity.name;
    node.is_complete = told.has_tables && told.has_replicas;
    if (!node.is_complete) continue;
    node.tables = told.tables;
    node.replicas = told.replicas;
  }
  model_ = std::make_shared<const ModelPlan>(MakeModelPlan(nodes, flags));
  modelled_version_ = source_.version();
  modelled_flags_ = flags;
  return model_;
}

Mandate Process::GetMandate() {
  const std::shared_ptr<const ModelPlan> plan = Model();
  return {.plan = plan, .told = told_, .must_lead = MustLead()};
}

void Process::Say(absl::string_view what) const {
  world_->trace.Add(world_->queue.now(), client_.name, what);
}

void Process::Violate(absl::string_view what) const {
  world_->Violate(client_.name + ": " + std::string(what));
}

}  // namespace metarec::simulation
