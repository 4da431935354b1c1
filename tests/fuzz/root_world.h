// A ZooKeeper in memory with one root in it, and everything that is ever done with a root.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/io_context.hpp>

#include "testing/in_memory_meta_store.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/topology_verifier.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec::fuzz {

class RootWorld {
 public:
  // `injector`: what goes wrong with the operations of the writer and the readers.
  explicit RootWorld(testing::FaultInjector injector = nullptr);

  // Fills the root as a stranger. Lines of a path below kRoot, a blank, and data; "!" in front:
  // ephemeral. What ZooKeeper does not take is passed over.
  void Fill(absl::string_view lines);

  RootInspection Inspect();
  absl::StatusOr<RootContents> Read(const std::string& root);
  VerifyResult Verify(const Topology& topology, const std::string& root);
  absl::StatusOr<WriteResult> Write(const Topology& topology, const std::string& root,
                                    const std::string& digest);
  std::vector<testing::DumpedNode> Dump() const { return zookeeper_->Dump(); }

 private:
  void Create(const std::string& path, absl::string_view data, bool ephemeral);

  asio::io_context io_;
  ImmediateClock clock_;
  SilentProgress progress_;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_;
  std::unique_ptr<testing::InMemoryMetaStore> stranger_;
  std::unique_ptr<testing::InMemoryMetaStore> store_;
};

}  // namespace metarec::fuzz
