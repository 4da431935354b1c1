// Tests the meta server as its clients see it, over real sockets: simulated replica servers on one
// side of it, ZooKeeper's in-memory twin on the other, all in one thread. Any test framework will
// do; this has none.

#include "meta_server.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include "metarec/base/runtime/system_clock.h"
#include "metarec/idl/task_codes.h"
#include "metarec/testing/in_memory_meta_store.h"
#include "metarec/testing/simulated_servers.h"

namespace {

namespace idl = metarec::idl;
namespace testing = metarec::testing;

constexpr char kRoot[] = "/pegasus/recovered";

void Expect(bool is_so, const char* what) {
  if (is_so) return;
  std::fprintf(stderr, "NOT SO: %s\n", what);
  std::_Exit(1);
}

testing::SimulatedCluster ThreeNodesWithOneTable() {
  testing::SimulatedCluster cluster;
  cluster.AddNodes(3);
  testing::SimulatedTable table;
  table.name = "temp";
  table.partition_count = 8;
  Expect(cluster.AddTable(table).ok(), "there is a cluster");
  return cluster;
}

// The replica servers of a cluster, ZooKeeper, the meta server, and a client.
class World {
 public:
  World(testing::SimulatedCluster cluster, testing::InMemoryMetaStoreOptions store_options)
      : cluster_(std::move(cluster)), store_(zookeeper_, std::move(store_options)) {}

  // Runs a test from the moment when the meta server leads.
  void Run(asio::awaitable<void> (*test)(World*)) {
    asio::co_spawn(context_, RunMetaServer(),
                   asio::bind_cancellation_slot(stop_.slot(), asio::detached));
    asio::co_spawn(context_, RunTest(test), asio::detached);
    context_.run_for(std::chrono::seconds(60));
    Expect(has_ended_, "the meta server ends in time");
  }

  // Sends a request to the meta server and decodes the answer.
  template <typename Response>
  asio::awaitable<Response> Ask(std::string task_code, std::string body = "") {
    const metarec::rpc::CallOptions options;
    const absl::StatusOr<metarec::rpc::Reply> reply = co_await client_.Call(
        meta_server_.endpoint(), std::move(task_code), std::move(body), options);
    Expect(reply.ok(), "an answer comes");
    Response response;
    Expect(idl::DecodeBody(reply->body, &response).ok(), "and makes sense");
    co_return response;
  }
  asio::awaitable<idl::configuration_cluster_info_response> AskTableSizes() {
    return Ask<idl::configuration_cluster_info_response>(kRpcTableSizes);
  }
  asio::awaitable<idl::configuration_recovery_response> Recover() {
    idl::configuration_recovery_request request;
    for (const metarec::Ipv4Endpoint& node : servers_.endpoints()) {
      request.recovery_nodes.push_back(node.ToRpcAddress());
    }
    return Ask<idl::configuration_recovery_response>(idl::kRpcCmStartRecovery,
                                                     idl::EncodeBody(request));
  }

  // Lets a replica server behave from now on.
  asio::awaitable<absl::Status> Mend(const std::string& name) {
    cluster_.FindNode(name)->fault = {};
    return servers_.SetNode(*cluster_.FindNode(name));
  }

  // What a znode below the root holds; "(nothing)" if it is not there.
  std::string Znode(const std::string& path) const {
    for (const testing::DumpedNode& znode : zookeeper_->Dump(kRoot)) {
      if (znode.path == kRoot + path) return znode.data;
    }
    return "(nothing)";
  }

 private:
  asio::awaitable<void> RunMetaServer() {
    co_await asio::this_coro::throw_if_cancelled(false);
    metarec::Ipv4Endpoint listen;
    listen.ip = 0x7F000001;  // and a port that the system chooses
    const absl::Status status = co_await meta_server_.Run(&store_, listen);
    Expect(absl::IsCancelled(status), "the meta server ends when it is told to");
    has_ended_ = true;
  }

  asio::awaitable<void> RunTest(asio::awaitable<void> (*test)(World*)) {
    // A variable, because GCC 12 miscompiles braced temporaries beside a co_await
    // (metarec/base/runtime/cancellation.h).
    const testing::SimulatedServersOptions options;
    const absl::Status started = co_await servers_.Start(cluster_, options);
    Expect(started.ok(), "the replica servers listen");
    for (bool leads = false; !leads;) {
      const auto answer = co_await AskTableSizes();
      leads = answer.err.name != "ERR_FORWARD_TO_OTHERS";
      const absl::Status slept = co_await clock_.SleepFor(absl::Milliseconds(5));
      Expect(slept.ok(), "there is time");
    }
    co_await test(this);
    stop_.emit(asio::cancellation_type::terminal);
    co_await servers_.Stop();  // they must not be destroyed while they serve
  }

  asio::io_context context_;
  metarec::SystemClock clock_;
  testing::SimulatedCluster cluster_;
  testing::SimulatedServers servers_{context_.get_executor(), &clock_};
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
  testing::InMemoryMetaStore store_;
  MetaServer meta_server_{context_.get_executor(), &clock_, kRoot};
  metarec::rpc::Client client_{context_.get_executor(), &clock_};
  asio::cancellation_signal stop_;
  bool has_ended_ = false;
};

asio::awaitable<void> ServesItsOwnRpcOnceRecovered(World* world) {
  const auto before = co_await world->AskTableSizes();
  Expect(before.err.name == "ERR_UNDER_RECOVERY", "our RPC is refused before the recovery");
  Expect(world->Znode("/apps") == "(nothing)", "nothing is written before it");

  const auto recovered = co_await world->Recover();
  Expect(recovered.err.name == "ERR_OK", "the recovery succeeds");
  Expect(world->Znode("/apps") == "unlock", "a meta server may boot from the tree");
  Expect(world->Znode("/apps/1").find("\"app_name\":\"temp\"") != std::string::npos,
         "the tree has the table");
  Expect(world->Znode("/apps/1/7") != "(nothing)", "and its last partition");

  const auto after = co_await world->AskTableSizes();
  Expect(after.err.name == "ERR_OK", "our RPC is answered after the recovery");
  Expect(after.keys.size() == 1 && after.keys[0] == "temp" && after.values[0] == "8",
         "with the table's size");
}

asio::awaitable<void> WritesNothingWhileANodeIsDown(World* world) {
  const auto refused = co_await world->Recover();
  Expect(refused.err.name == "ERR_TRY_AGAIN", "a node that is down stops the recovery");
  Expect(refused.hint_message.find("skip_bad_nodes") != std::string::npos, "and a hint says so");
  Expect(world->Znode("/apps") == "(nothing)", "nothing is written");
  const auto closed = co_await world->AskTableSizes();
  Expect(closed.err.name == "ERR_UNDER_RECOVERY", "the gate stays closed");

  const absl::Status mended = co_await world->Mend("n2");
  Expect(mended.ok(), "the node returns");
  const auto recovered = co_await world->Recover();
  Expect(recovered.err.name == "ERR_OK", "the next request recovers");
}

// Every second write is executed, but its answer is lost.
std::optional<testing::StoreFault> LoseAnswers(const testing::StoreCall& call) {
  static bool is_second = false;
  if (!call.is_write()) return std::nullopt;
  is_second = !is_second;
  if (is_second) return std::nullopt;
  return testing::StoreFault{.moment = testing::StoreFault::Moment::kAfter};
}

void RunTest(const char* name, asio::awaitable<void> (*test)(World*),
             testing::SimulatedCluster cluster, testing::FaultInjector injector = nullptr) {
  testing::InMemoryMetaStoreOptions store_options;
  store_options.injector = std::move(injector);
  World(std::move(cluster), std::move(store_options)).Run(test);
  std::printf("passed: %s\n", name);
}

}  // namespace

int main() {
  RunTest("ServesItsOwnRpcOnceRecovered", ServesItsOwnRpcOnceRecovered, ThreeNodesWithOneTable());
  RunTest("TheSameWhileZooKeepersAnswersGetLost", ServesItsOwnRpcOnceRecovered,
          ThreeNodesWithOneTable(), LoseAnswers);
  testing::SimulatedCluster one_is_down = ThreeNodesWithOneTable();
  one_is_down.FindNode("n2")->fault.kind = testing::SimulatedFault::Kind::kRefuse;
  RunTest("WritesNothingWhileANodeIsDown", WritesNothingWhileANodeIsDown, std::move(one_is_down));
  return 0;
}
