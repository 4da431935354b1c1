// How metarecd serves while thousands of clients are connected: how long the gate's answers take,
// at rest and during a recovery, what the load costs the recovery, and what a connection costs.
//
// metarecd, ZooKeeper and the clients are processes of their own; the simulated replica servers run
// on a thread of this one. Ends with 1 when an answer was lost or wrong, or a connection.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <sys/resource.h>

#include "base/runtime/status_macros.h"
#include "benchmarks/child_process.h"
#include "benchmarks/load_clients.h"
#include "benchmarks/load_report.h"
#include "benchmarks/served_cluster.h"

namespace metarec::benchmarks {
namespace {

constexpr absl::Duration kAnswerTimeout = absl::Seconds(60);
constexpr double kGoodClientRate = 1000;
// Until all that clients have connected and sent is with the server.
constexpr absl::Duration kSettle = absl::Milliseconds(500);

struct Arguments {
  int connections = 10'000;
  double rate = 5000;
  int partitions = 10'000;
  int tables = 100;
  int nodes = 10;
  int repetitions = 5;
  double seconds = 5;
  std::string json;
  // As one of the clients' processes.
  int clients_port = 0;
  bool half_a_header = false;
};

std::string OwnFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

class Benchmark {
 public:
  Benchmark(const Arguments& arguments, std::unique_ptr<ServedCluster> cluster)
      : arguments_(arguments), cluster_(std::move(cluster)) {
    report_.connections = arguments.connections;
    report_.rate = arguments.rate;
    report_.partitions = arguments.partitions;
  }

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(WarmUp());
    METAREC_RETURN_IF_ERROR(MeasureIdleConnections());
    METAREC_RETURN_IF_ERROR(MeasureHalfHeaders());
    METAREC_RETURN_IF_ERROR(MeasureServedConnections());
    for (int i = 0; i < arguments_.repetitions; ++i) {
      METAREC_RETURN_IF_ERROR(RecoverAlone());
      METAREC_RETURN_IF_ERROR(RecoverUnderLoad());
      std::cerr << "repetition " << i + 1 << " of " << arguments_.repetitions << "\n";
    }
    return absl::OkStatus();
  }

  const LoadReport& report() const { return report_; }

 private:
  using Clients = std::unique_ptr<ChildProcess>;

  // ZooKeeper's first transactions are slow ones.
  absl::Status WarmUp() {
    METAREC_RETURN_IF_ERROR(cluster_->StartService());
    return cluster_->Recover().status();
  }

  // Connections that never say anything, and beside them a client that asks.
  absl::Status MeasureIdleConnections() {
    METAREC_ASSIGN_OR_RETURN(const Clients idle,
                             MeasureMemory("idle", "idle connections, each", {}));
    METAREC_ASSIGN_OR_RETURN(const Clients good, StartClients(1, {}));
    METAREC_RETURN_IF_ERROR(SendFor(good.get(), kGoodClientRate));
    return Collect(good.get(),
                   {{"beside_idle_connections", "one client beside the idle connections"}});
  }

  absl::Status MeasureHalfHeaders() {
    return MeasureMemory("half_header", "connections in the middle of a header, each",
                         {"--half_a_header"})
        .status();
  }

  // At rest again, after every connection has had its answers.
  absl::Status MeasureServedConnections() {
    METAREC_RETURN_IF_ERROR(cluster_->StartService());
    METAREC_ASSIGN_OR_RETURN(const int64_t before, cluster_->ServiceMemory());
    METAREC_ASSIGN_OR_RETURN(const Clients clients, StartClients(arguments_.connections, {}));
    METAREC_RETURN_IF_ERROR(SendFor(clients.get(), arguments_.rate));
    METAREC_RETURN_IF_ERROR(Collect(clients.get(), {{"waiting", "while it waits for recover"}}));
    return AddMemory("served", "connections that were served and are at rest, each", before);
  }

  absl::Status RecoverAlone() {
    METAREC_RETURN_IF_ERROR(cluster_->StartService());
    METAREC_ASSIGN_OR_RETURN(const absl::Duration took, cluster_->Recover());
    report_.recoveries_alone.push_back(took);
    return absl::OkStatus();
  }

  absl::Status RecoverUnderLoad() {
    METAREC_RETURN_IF_ERROR(cluster_->StartService());
    METAREC_ASSIGN_OR_RETURN(const Clients clients, StartClients(arguments_.connections, {}));
    METAREC_RETURN_IF_ERROR(SendFor(clients.get(), arguments_.rate, absl::Seconds(1)));
    METAREC_RETURN_IF_ERROR(Say(clients.get(), absl::StrCat("send ", arguments_.rate)));
    METAREC_ASSIGN_OR_RETURN(const absl::Duration took, cluster_->Recover());
    report_.recoveries_under_load.push_back(took);
    METAREC_RETURN_IF_ERROR(Say(clients.get(), "quiet"));
    return Collect(clients.get(), {{"waiting", "while it waits for recover"},
                                   {"recovering", "while it recovers"}});
  }

  absl::StatusOr<Clients> MeasureMemory(std::string key, std::string what,
                                        std::vector<std::string> arguments) {
    METAREC_RETURN_IF_ERROR(cluster_->StartService());
    METAREC_ASSIGN_OR_RETURN(const int64_t before, cluster_->ServiceMemory());
    METAREC_ASSIGN_OR_RETURN(Clients clients,
                             StartClients(arguments_.connections, std::move(arguments)));
    METAREC_RETURN_IF_ERROR(AddMemory(std::move(key), std::move(what), before));
    return clients;
  }

  absl::Status AddMemory(std::string key, std::string what, int64_t before) {
    METAREC_ASSIGN_OR_RETURN(const int64_t after, cluster_->ServiceMemory());
    report_.memory.push_back(
        {std::move(key), std::move(what), arguments_.connections, after - before});
    return absl::OkStatus();
  }

  absl::StatusOr<Clients> StartClients(int connections, std::vector<std::string> arguments) {
    std::vector<std::string> command = {OwnFolder() + "/recovery_service_load", "--clients_port",
                                        absl::StrCat(cluster_->endpoint().port), "--connections",
                                        absl::StrCat(connections)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    METAREC_ASSIGN_OR_RETURN(
        Clients clients,
        ChildProcess::Start(std::move(command), cluster_->folder() + "/clients.log"));
    METAREC_ASSIGN_OR_RETURN(const std::string line, clients->ReadLine(kAnswerTimeout));
    if (line != "connected") return absl::UnavailableError(absl::StrCat("clients: ", line));
    absl::SleepFor(kSettle);
    return clients;
  }

  absl::Status SendFor(ChildProcess* clients, double rate,
                       std::optional<absl::Duration> duration = std::nullopt) {
    METAREC_RETURN_IF_ERROR(Say(clients, absl::StrCat("send ", rate)));
    absl::SleepFor(duration.value_or(absl::Seconds(arguments_.seconds)));
    return duration ? absl::OkStatus() : Say(clients, "quiet");
  }

  // They acknowledge every line.
  static absl::Status Say(ChildProcess* clients, const std::string& line) {
    METAREC_RETURN_IF_ERROR(clients->WriteLine(line));
    return clients->ReadLine(kAnswerTimeout).status();
  }

  struct Row {
    std::string key;
    std::string what;
  };

  // Adds what the clients have seen in their phases to these rows.
  absl::Status Collect(ChildProcess* clients, const std::vector<Row>& phases) {
    METAREC_RETURN_IF_ERROR(clients->WriteLine("report"));
    METAREC_ASSIGN_OR_RETURN(const std::string counts, clients->ReadLine(kAnswerTimeout));
    const std::vector<std::string> words = absl::StrSplit(counts, ' ');
    int64_t lost = 0;
    int64_t wrong = 0;
    int64_t closed = 0;
    if (words.size() != 6 || !absl::SimpleAtoi(words[1], &lost) ||
        !absl::SimpleAtoi(words[3], &wrong) || !absl::SimpleAtoi(words[5], &closed)) {
      return absl::InternalError(absl::StrCat("the clients report: ", counts));
    }
    report_.lost += lost;
    report_.wrong += wrong;
    report_.closed += closed;
    for (const Row& phase : phases) {
      METAREC_ASSIGN_OR_RETURN(const std::string line, clients->ReadLine(kAnswerTimeout));
      AddLatencies(phase, line);
    }
    return absl::OkStatus();
  }

  void AddLatencies(const Row& row, const std::string& line) {
    auto found = std::find_if(report_.answers.begin(), report_.answers.end(),
                              [&](const auto& answers) { return answers.key == row.key; });
    if (found == report_.answers.end()) {
      found = report_.answers.insert(report_.answers.end(), {row.key, row.what, {}});
    }
    for (const absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
      int64_t latency_us = 0;
      if (absl::SimpleAtoi(word, &latency_us)) found->latencies_us.push_back(latency_us);
    }
  }

  const Arguments arguments_;
  const std::unique_ptr<ServedCluster> cluster_;
  LoadReport report_;
};

absl::Status RunBenchmark(const Arguments& arguments, bool* is_clean) {
  ServedClusterOptions options;
  options.nodes = arguments.nodes;
  options.tables = arguments.tables;
  options.partitions = arguments.partitions;
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<ServedCluster> cluster,
                           ServedCluster::Start(options, OwnFolder()));
  Benchmark benchmark(arguments, std::move(cluster));
  METAREC_RETURN_IF_ERROR(benchmark.Run());
  std::cout << LoadReportTable(benchmark.report());
  *is_clean = benchmark.report().is_clean();
  if (arguments.json.empty()) return absl::OkStatus();
  std::ofstream file(arguments.json);
  file << LoadReportJson(benchmark.report());
  return file.good() ? absl::OkStatus()
                     : absl::UnavailableError(absl::StrCat("cannot write ", arguments.json));
}

// Every connection is a descriptor, here and in metarecd, which inherits the limit.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("measures metarecd under load");
  app.add_option("--connections", arguments.connections, "clients")->check(CLI::PositiveNumber);
  app.add_option("--rate", arguments.rate, "questions a second in all")->check(CLI::PositiveNumber);
  app.add_option("--partitions", arguments.partitions, "partitions, with three replicas each");
  app.add_option("--tables", arguments.tables, "tables that these are of");
  app.add_option("--nodes", arguments.nodes, "simulated replica servers");
  app.add_option("--repetitions", arguments.repetitions, "recoveries alone, and under load");
  app.add_option("--seconds", arguments.seconds, "of load without a recovery");
  app.add_option("--json", arguments.json, "write the results into this file, too");
  app.add_option("--clients_port", arguments.clients_port)->group("");
  app.add_flag("--half_a_header", arguments.half_a_header)->group("");
  CLI11_PARSE(app, argc, argv);
  RaiseDescriptorLimit();
  if (arguments.clients_port != 0) {
    LoadOptions options;
    options.server = {0x7F000001, static_cast<uint16_t>(arguments.clients_port)};
    options.connections = static_cast<size_t>(arguments.connections);
    options.half_a_header = arguments.half_a_header;
    options.table = ServedCluster::kTable;
    return RunLoadClients(options);
  }
  bool is_clean = false;
  const absl::Status status = RunBenchmark(arguments, &is_clean);
  if (!status.ok()) std::cerr << "recovery_service_load: " << status.message() << "\n";
  return status.ok() && is_clean ? 0 : 1;
}

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) { return metarec::benchmarks::Main(argc, argv); }
