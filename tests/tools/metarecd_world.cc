#include "tests/tools/metarecd_world.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec::tools {
namespace {

constexpr size_t kReadsInFlight = 256;
constexpr absl::Duration kPollInterval = absl::Milliseconds(2);

// Indented, as the file that Pegasus ships.
std::string ConfigText(const std::string& root, uint16_t own, const std::vector<uint16_t>& ports,
                       const std::string& zookeeper, absl::Duration session_timeout) {
  const std::string servers = absl::StrJoin(ports, ",", [](std::string* out, uint16_t port) {
    absl::StrAppend(out, "127.0.0.1:", port);
  });
  return absl::StrCat(
      "[apps.meta]\n  ports = ", own, "\n\n[meta_server]\n  server_list = ", servers,
      "\n  cluster_root = ", root, "\n  distributed_lock_service_parameters = ", root,
      "/lock\n  meta_state_service_type = meta_state_service_zookeeper"
      "\n  distributed_lock_service_type = distributed_lock_service_zookeeper"
      "\n  recover_from_replica_server = true\n\n[zookeeper]\n  hosts_list = ",
      zookeeper, "\n  timeout_ms = ", absl::ToInt64Milliseconds(session_timeout), "\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetarecProcess>> StartProgram(std::vector<std::string> arguments,
                                                             const std::string& log,
                                                             const std::string& program) {
  arguments.insert(arguments.begin(), absl::StrCat(METAREC_BIN_DIR "/", program));
  testing::ChildProcessOptions options;
  options.log = log;
  return testing::ChildProcess::Start(std::move(arguments), std::move(options));
}

FullPipe::FullPipe(const std::string& path) {
  EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  reading_end_ = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  const std::string filling(4096, '.');
  while (::write(reading_end_, filling.data(), filling.size()) > 0) {
  }
  writing_end_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
}

FullPipe::~FullPipe() {
  ::close(reading_end_);
  ::close(writing_end_);
}

std::string FullPipe::Drain() const {
  std::string text;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(reading_end_, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

bool Await(const std::function<bool()>& condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(kPollInterval);
  }
  return true;
}

std::string Metarecd::name() const { return endpoint().ToString(); }

bool Metarecd::AwaitLog(const std::string& text) const {
  const bool said =
      Await([&] { return absl::StrContains(process->Errors(), text) || !process->Runs(); });
  EXPECT_TRUE(said && absl::StrContains(process->Errors(), text))
      << name() << " does not say '" << text << "' but\n"
      << process->Errors();
  return said;
}

std::map<std::string, std::string> AppsIn(const ZnodeRecords& records) {
  std::map<std::string, std::string> apps;
  for (const auto& [path, record] : records) {
    if (absl::StartsWith(path, "/apps")) apps[path] = record.data;
  }
  return apps;
}

absl::StatusOr<testing::SimulatedCluster> MetarecdWorld::ClusterOf(
    const MetarecdWorldOptions& options) {
  testing::SimulatedCluster cluster;
  cluster.AddNodes(3);
  for (int i = 1; i <= options.tables; ++i) {
    testing::SimulatedTable table;
    table.name = absl::StrCat("table_", i);
    table.partition_count = options.partitions;
    METAREC_RETURN_IF_ERROR(cluster.AddTable(table));
  }
  return cluster;
}

absl::StatusOr<std::unique_ptr<MetarecdWorld>> MetarecdWorld::Make(MetarecdWorldOptions options) {
  std::unique_ptr<MetarecdWorld> world(new MetarecdWorld(options));
  testing::ZooKeeperServerOptions server;
  server.heap_mib = 1024;  // it keeps the last 500 transactions, of half a megabyte each
  METAREC_ASSIGN_OR_RETURN(world->zookeeper_, testing::ZooKeeperServer::Start(server));
  METAREC_ASSIGN_OR_RETURN(testing::SimulatedCluster cluster, ClusterOf(options));
  METAREC_ASSIGN_OR_RETURN(world->servers_,
                           testing::SimulatedClusterThread::Start(std::move(cluster)));
  world->folder_.Write("recover_node_list", world->servers_->node_list_text());
  METAREC_RETURN_IF_ERROR(world->Connect());
  return world;
}

absl::Status MetarecdWorld::Connect() {
  store_.reset();
  METAREC_ASSIGN_OR_RETURN(store_, NewSession());
  return absl::OkStatus();
}

absl::Status MetarecdWorld::ConnectTo(std::string hosts) {
  other_hosts_ = std::move(hosts);
  return Connect();
}

absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>> MetarecdWorld::NewSession(
    std::optional<StoreAuth> owner) {
  using Connected = absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>>;
  return Run<Connected>([&] {
    ZooKeeperOptions options;
    options.hosts = other_hosts_.empty() ? zookeeper_->hosts() : other_hosts_;
    options.auth = owner;
    if (owner) options.acl = CreatorOnlyAcl();
    return ZooKeeperMetaStore::Connect(options, &clock_);
  });
}

std::string MetarecdWorld::Log(const std::string& program) {
  return folder_.Path(absl::StrCat(program, processes_++));
}

std::unique_ptr<Metarecd> MetarecdWorld::StartMetarecd(const std::string& root, uint16_t own,
                                                       const std::vector<uint16_t>& ports,
                                                       absl::Duration session_timeout) {
  const std::string config = absl::StrCat("config", own, ".ini");
  folder_.Write(config, ConfigText(root, own, ports, zookeeper_->hosts(), session_timeout));
  auto metarecd = std::make_unique<Metarecd>();
  metarecd->port = own;
  auto process =
      StartProgram({"--pegasus_config", folder_.Path(config)}, Log("metarecd"), "metarecd");
  EXPECT_TRUE(process.ok()) << process.status();
  metarecd->process = *std::move(process);
  return metarecd;
}

std::unique_ptr<MetarecProcess> MetarecdWorld::StartRecover(const std::vector<uint16_t>& ports) {
  const std::string servers = absl::StrJoin(ports, ",", [](std::string* out, uint16_t port) {
    absl::StrAppend(out, "127.0.0.1:", port);
  });
  auto process = StartProgram(
      {"recover", "-f", folder_.Path("recover_node_list"), "--meta", servers, "-w", "60"},
      Log("recover"));
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

Ended MetarecdWorld::Recover(const std::vector<uint16_t>& ports) {
  const std::unique_ptr<MetarecProcess> process = StartRecover(ports);
  const int exit_code = process->Wait();
  return {exit_code, process->Output(), process->Errors()};
}

rpc::Reply MetarecdWorld::Ask(Ipv4Endpoint endpoint) {
  using Called = absl::StatusOr<rpc::Reply>;
  auto client = std::make_unique<rpc::Client>(context_.get_executor(), &clock_);
  const Called reply = Run<Called>([&]() -> asio::awaitable<Called> {
    rpc::CallOptions options;
    options.is_forward_supported = true;
    const std::string body = idl::EncodeBody(idl::configuration_list_apps_request());
    Called called = co_await client->Call(endpoint, idl::kRpcCmListApps, body, std::move(options));
    client.reset();  // an idle connection would keep the context running
    co_return called;
  });
  EXPECT_TRUE(reply.ok()) << reply.status();
  return reply.value_or(rpc::Reply());
}

std::optional<NodeData> MetarecdWorld::Get(const std::string& path) {
  auto node = Run<absl::StatusOr<NodeData>>([&] { return store_->Get(path); });
  return node.ok() ? std::optional(*std::move(node)) : std::nullopt;
}

int64_t MetarecdWorld::CountZnodes(const std::string& root) {
  const std::optional<NodeData> apps = Get(root + "/apps");
  if (!apps.has_value()) return 0;
  int64_t count = apps->stat.num_children;
  for (int table = 1; table <= apps->stat.num_children; ++table) {
    const std::optional<NodeData> node = Get(absl::StrCat(root, "/apps/", table));
    if (node.has_value()) count += node->stat.num_children;
  }
  return count;
}

ZnodeRecords MetarecdWorld::Dump(const std::string& root) {
  ZnodeRecords records;
  std::vector<std::string> paths = {root};
  while (!paths.empty()) {
    std::vector<std::string> next;
    Run<bool>([&]() -> asio::awaitable<bool> {
      co_await ForEachBounded(paths.size(), kReadsInFlight, [&](size_t i) -> asio::awaitable<void> {
        const absl::StatusOr<NodeData> node = co_await store_->Get(paths[i]);
        if (StoreErrorOf(node.status()) == StoreError::kNoNode) co_return;
        EXPECT_TRUE(node.ok()) << node.status();
        if (!node.ok()) co_return;
        const NodeStat& stat = node->stat;
        records[paths[i].substr(root.size())] = {node->data, stat.czxid,   stat.mzxid,
                                                 stat.pzxid, stat.version, stat.child_version};
        if (stat.num_children == 0) co_return;
        const absl::StatusOr<NodeChildren> children = co_await store_->Children(paths[i]);
        EXPECT_TRUE(children.ok()) << children.status();
        if (!children.ok()) co_return;
        for (const std::string& name : children->names) {
          const std::string path = absl::StrCat(paths[i], "/", name);
          if (path != root + "/lock") next.push_back(path);
        }
      });
      co_return true;
    });
    paths = std::move(next);
  }
  return records;
}

void MetarecdWorld::RemoveTables(const std::string& root) {
  for (int table = 1; table <= options_.tables; ++table) {
    std::vector<StoreOp> ops;
    for (int partition = 0; partition < options_.partitions; ++partition) {
      ops.push_back(DeleteOp{absl::StrCat(root, "/apps/", table, "/", partition)});
    }
    ops.push_back(DeleteOp{absl::StrCat(root, "/apps/", table)});
    using Removed = absl::StatusOr<std::vector<StoreOpResult>>;
    const Removed removed = Run<Removed>([&] { return store_->Multi(ops); });
    EXPECT_TRUE(removed.ok()) << removed.status();
  }
}

}  // namespace metarec::tools
