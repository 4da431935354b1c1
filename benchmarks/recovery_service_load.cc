// How metarecd serves while thousands of clients are connected: how long the gate's answers take,
// at rest and during a recovery, what the load costs the recovery, and what a connection costs.
//
// metarecd, ZooKeeper and the clients are processes of their own; the simulated replica servers run
// on a thread of this one. Ends with 1 when an answer was lost or wrong, or a connection.

#include <algorithm>
#include <cmath>
#include <cstdint>
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
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <sys/resource.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "benchmarks/load_clients.h"
#include "benchmarks/served_cluster.h"
#include "testing/child_process.h"

namespace metarec::benchmarks {
namespace {

struct LoadReport {
  // Answers to questions that came while the server was doing this.
  struct Answers {
    std::string key;   // in JSON
    std::string what;  // in the table
    std::vector<int64_t> latencies_us;
  };
  struct Memory {
    std::string key;
    std::string what;
    int64_t connections = 0;
    int64_t bytes = 0;  // by which the server grew
  };

  int64_t connections = 0;
  double rate = 0;  // questions a second
  int64_t partitions = 0;
  std::vector<Answers> answers;
  std::vector<absl::Duration> recoveries_alone;
  std::vector<absl::Duration> recoveries_under_load;
  std::vector<Memory> memory;
  int64_t lost = 0;    // questions without an answer
  int64_t wrong = 0;   // answers
  int64_t closed = 0;  // connections that the server ended

  bool is_clean() const { return lost == 0 && wrong == 0 && closed == 0; }
};

std::string LoadReportTable(const LoadReport& report);
std::string LoadReportJson(const LoadReport& report);

struct Quantile {
  const char* key;
  double share;
};
constexpr Quantile kQuantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

// Of values in ascending order: the smallest that so large a share of them does not exceed.
double QuantileMs(const std::vector<int64_t>& sorted_us, double share) {
  if (sorted_us.empty()) return 0;
  const auto count = static_cast<double>(sorted_us.size());
  const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(share * count)));
  return static_cast<double>(sorted_us[rank - 1]) / 1000;
}

std::vector<int64_t> Sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

double MedianMs(std::vector<absl::Duration> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const absl::Duration median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return absl::ToDoubleMilliseconds(median);
}

double Slowdown(const LoadReport& report) {
  const double alone = MedianMs(report.recoveries_alone);
  return alone > 0 ? MedianMs(report.recoveries_under_load) / alone : 0;
}

double PerConnection(const LoadReport::Memory& memory) {
  return static_cast<double>(memory.bytes) /
         static_cast<double>(std::max<int64_t>(memory.connections, 1));
}

std::string RunsText(const std::vector<absl::Duration>& runs) {
  std::string text;
  for (const absl::Duration run : runs) {
    absl::StrAppendFormat(&text, "%s%.0f", text.empty() ? "" : " ",
                          absl::ToDoubleMilliseconds(run));
  }
  return text;
}

constexpr int kDecimalsMax = 3;

void WriteRuns(absl::string_view key, const std::vector<absl::Duration>& runs, JsonWriter* json) {
  json->StartArray(key);
  for (const absl::Duration run : runs) {
    json->Double(absl::ToDoubleMilliseconds(run), kDecimalsMax);
  }
  json->EndArray();
}

void WriteAnswers(const LoadReport& report, JsonWriter* json) {
  json->StartObject("answers");
  for (const LoadReport::Answers& answers : report.answers) {
    const std::vector<int64_t> sorted = Sorted(answers.latencies_us);
    json->StartObject(answers.key);
    json->Int("count", static_cast<int64_t>(sorted.size()));
    for (const Quantile& quantile : kQuantiles) {
      json->Double(absl::StrCat(quantile.key, "_ms"), QuantileMs(sorted, quantile.share),
                   kDecimalsMax);
    }
    json->EndObject();
  }
  json->EndObject();
}

std::string LoadReportTable(const LoadReport& report) {
  std::string text =
      absl::StrFormat("%-52s %9s", "answers (ms from when they were due)", "answers");
  for (const Quantile& quantile : kQuantiles) absl::StrAppendFormat(&text, " %8s", quantile.key);
  text += '\n';
  for (const LoadReport::Answers& answers : report.answers) {
    const std::vector<int64_t> sorted = Sorted(answers.latencies_us);
    absl::StrAppendFormat(&text, "%-52s %9d", answers.what, sorted.size());
    for (const Quantile& quantile : kQuantiles) {
      absl::StrAppendFormat(&text, " %8.2f", QuantileMs(sorted, quantile.share));
    }
    text += '\n';
  }
  absl::StrAppendFormat(&text, "\n%-52s %9s   runs\n", "recovery (ms)", "median");
  absl::StrAppendFormat(&text, "%-52s %9.0f   %s\n", "alone", MedianMs(report.recoveries_alone),
                        RunsText(report.recoveries_alone));
  absl::StrAppendFormat(&text, "%-52s %9.0f   %s\n", "under load",
                        MedianMs(report.recoveries_under_load),
                        RunsText(report.recoveries_under_load));
  absl::StrAppendFormat(&text, "%-52s %9.2f\n", "slowdown", Slowdown(report));
  absl::StrAppendFormat(&text, "\n%-52s %9s %9s\n", "memory of the server", "bytes each", "MiB");
  for (const LoadReport::Memory& memory : report.memory) {
    absl::StrAppendFormat(&text, "%-52s %9.0f %9.1f\n", memory.what, PerConnection(memory),
                          static_cast<double>(memory.bytes) / (1 << 20));
  }
  absl::StrAppendFormat(&text, "\nlost %d, wrong %d, connections closed %d\n", report.lost,
                        report.wrong, report.closed);
  return text;
}

std::string LoadReportJson(const LoadReport& report) {
  std::string text;
  JsonWriter json(&text, {.indent = 4});
  json.StartObject();
  json.Int("connections", report.connections);
  json.Double("rate", report.rate, kDecimalsMax);
  json.Int("partitions", report.partitions);
  WriteAnswers(report, &json);
  WriteRuns("recovery_alone_ms", report.recoveries_alone, &json);
  WriteRuns("recovery_under_load_ms", report.recoveries_under_load, &json);
  json.Double("slowdown", Slowdown(report), kDecimalsMax);
  json.StartObject("bytes_per_connection");
  for (const LoadReport::Memory& memory : report.memory) {
    json.Double(memory.key, PerConnection(memory), kDecimalsMax);
  }
  json.EndObject();
  json.Int("lost", report.lost);
  json.Int("wrong", report.wrong);
  json.Int("closed", report.closed);
  json.EndObject().Newline();
  return text;
}

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
  using Clients = std::unique_ptr<testing::ChildProcess>;

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
        testing::ChildProcess::Start(
            std::move(command), {.log = cluster_->folder() + "/clients", .is_talked_to = true}));
    METAREC_ASSIGN_OR_RETURN(const std::string line, clients->ReadLine(kAnswerTimeout));
    if (line != "connected") return absl::UnavailableError(absl::StrCat("clients: ", line));
    absl::SleepFor(kSettle);
    return clients;
  }

  absl::Status SendFor(testing::ChildProcess* clients, double rate,
                       std::optional<absl::Duration> duration = std::nullopt) {
    METAREC_RETURN_IF_ERROR(Say(clients, absl::StrCat("send ", rate)));
    absl::SleepFor(duration.value_or(absl::Seconds(arguments_.seconds)));
    return duration ? absl::OkStatus() : Say(clients, "quiet");
  }

  // They acknowledge every line.
  static absl::Status Say(testing::ChildProcess* clients, const std::string& line) {
    METAREC_RETURN_IF_ERROR(clients->WriteLine(line));
    return clients->ReadLine(kAnswerTimeout).status();
  }

  struct Row {
    std::string key;
    std::string what;
  };

  // Adds what the clients have seen in their phases to these rows.
  absl::Status Collect(testing::ChildProcess* clients, const std::vector<Row>& phases) {
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
