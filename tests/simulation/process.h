#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include "reference_model.h"
#include "replica_servers.h"
#include "simulated_zookeeper.h"
#include "tree_watch.h"

namespace metarec::simulation {

class World;

// A process that runs the engine, or talks to one that does.
class Process {
 public:
  Process(World* world, std::string name, uint32_t ip);
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start();
  // At once: nothing that it does has an effect any more. Its coroutines are ended in silence.
  void Kill();
  // Ctrl-C.
  void Interrupt();

  bool ended() const { return ended_; }
  bool dead() const { return dead_; }
  bool interrupted() const { return interrupted_; }
  const StoreClient& client() const { return client_; }
  const SimulatedSource& source() const { return source_; }
  // When it ends by itself at the latest; nothing is wrong if it does later.
  virtual absl::Time MustEndBy() const = 0;
  // Goes on until it is told to end.
  virtual bool IsServer() const { return false; }
  Mandate GetMandate();

 protected:
  virtual asio::awaitable<void> Main() = 0;
  virtual ModelOptions Flags() const = 0;
  virtual bool MustLead() const { return false; }
  virtual void OnKilled() {}

  // What the model makes of what was told.
  std::shared_ptr<const ModelPlan> Model();
  void Say(absl::string_view what) const;
  void Violate(absl::string_view what) const;

  World* const world_;
  StoreClient client_;
  const uint32_t ip_;
  SimulatedSource source_;
  absl::Time started_;

 private:
  static asio::awaitable<void> Run(Process* process);

  asio::cancellation_signal cancel_;
  bool ended_ = false;
  bool dead_ = false;
  bool interrupted_ = false;
  std::shared_ptr<const ModelPlan> model_;
  std::shared_ptr<const std::map<Ipv4Endpoint, ToldNode>> told_;  // that it is of
  int64_t modelled_version_ = -1;
  ModelOptions modelled_flags_;
};

// Of commands' and requests' skip flags.
ModelOptions FlagsOf(int64_t flags);

}  // namespace metarec::simulation
