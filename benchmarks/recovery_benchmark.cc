// The whole job at growing sizes over real sockets and a real ZooKeeper, beside what the same work
// takes at best: docs/performance.md. `scripts/bench` builds and runs it.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "benchmarks/phases.h"
#include "testing/child_process.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_servers.h"
#include "testing/zookeeper_server.h"

namespace metarec::benchmarks {
namespace {

std::string TableOf(const SizeResult& result);
std::string JsonOf(const std::vector<SizeResult>& results);

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

// How much of the speed of the ceiling a phase reaches; 0: it has no ceiling.
double Share(const PhaseResult& phase) {
  if (phase.ceiling_name.empty()) return 0;
  return absl::FDivDuration(phase.ceiling, phase.took);
}

double PerSecond(int64_t count, absl::Duration took) {
  return took > absl::ZeroDuration() ? static_cast<double>(count) / Seconds(took) : 0;
}

absl::Duration Took(const SizeResult& result, absl::string_view phase_name) {
  for (const PhaseResult& phase : result.phases) {
    if (phase.name == phase_name) return phase.took;
  }
  return absl::ZeroDuration();
}

absl::Duration BareWrite(const SizeResult& result) {
  for (const PhaseResult& phase : result.phases) {
    if (phase.name == "write") return phase.ceiling;
  }
  return absl::ZeroDuration();
}

std::string TableOf(const SizeResult& result) {
  std::string text = absl::StrFormat(
      "\n%s: %d tables, %d partitions, %d replicas on %d nodes; %d znodes, %.1f MB\n",
      result.size.name, result.size.tables, result.size.partitions, result.replicas,
      result.size.nodes, result.znodes, static_cast<double>(result.znode_bytes) / 1e6);
  absl::StrAppendFormat(&text, "  %-21s %9s %12s %8s  %-24s %9s %6s\n", "phase", "seconds", "per s",
                        "MB/s", "ceiling", "seconds", "share");
  for (const PhaseResult& phase : result.phases) {
    absl::StrAppendFormat(&text, "  %-21s %9.3f %12.0f %8.1f", phase.name, Seconds(phase.took),
                          PerSecond(phase.units, phase.took),
                          PerSecond(phase.bytes, phase.took) / 1e6);
    if (!phase.ceiling_name.empty()) {
      absl::StrAppendFormat(&text, "  %-24s %9.3f %6.2f", phase.ceiling_name,
                            Seconds(phase.ceiling), Share(phase));
    }
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppendFormat(
      &text,
      "  one create per znode: %.3f s, %.1f times the write above, %.1f times the bare one\n",
      Seconds(result.one_by_one), absl::FDivDuration(result.one_by_one, Took(result, "write")),
      absl::FDivDuration(result.one_by_one, BareWrite(result)));
  absl::StrAppendFormat(
      &text, "  metarec recover: %.3f s, %.1f MiB at its peak, %.0f bytes per replica\n",
      Seconds(result.whole_job), static_cast<double>(result.peak_memory_bytes) / (1 << 20),
      static_cast<double>(result.peak_memory_bytes) / static_cast<double>(result.replicas));
  absl::StrAppendFormat(
      &text, "  with an old tree: %.3f s (%.2f times), %.1f MiB at its peak (%.2f times)\n",
      Seconds(result.whole_job_with_old_tree),
      absl::FDivDuration(result.whole_job_with_old_tree, result.whole_job),
      static_cast<double>(result.peak_memory_with_old_tree_bytes) / (1 << 20),
      static_cast<double>(result.peak_memory_with_old_tree_bytes) /
          static_cast<double>(result.peak_memory_bytes));
  return text;
}

std::string JsonOf(const std::vector<SizeResult>& results) {
  std::string text;
  JsonWriter json(&text, {.indent = 4});
  const auto number = [&json](absl::string_view key, double value) {
    json.Double(key, value, /*decimals_max=*/4);
  };
  json.StartArray();
  for (const SizeResult& result : results) {
    json.StartObject();
    json.String("size", result.size.name);
    json.Int("partitions", result.size.partitions);
    json.Int("replicas", result.replicas);
    json.Int("znodes", result.znodes);
    json.Int("znode_bytes", result.znode_bytes);
    json.StartArray("phases");
    for (const PhaseResult& phase : result.phases) {
      json.StartObject();
      json.String("name", phase.name);
      number("seconds", Seconds(phase.took));
      json.Int("units", phase.units);
      json.Int("bytes", phase.bytes);
      if (!phase.ceiling_name.empty()) {
        json.String("ceiling", phase.ceiling_name);
        number("ceiling_seconds", Seconds(phase.ceiling));
        number("share", Share(phase));
      }
      json.EndObject();
    }
    json.EndArray();
    number("one_create_per_znode_seconds", Seconds(result.one_by_one));
    number("whole_job_seconds", Seconds(result.whole_job));
    json.Int("peak_memory_bytes", result.peak_memory_bytes);
    number("whole_job_with_old_tree_seconds", Seconds(result.whole_job_with_old_tree));
    json.Int("peak_memory_with_old_tree_bytes", result.peak_memory_with_old_tree_bytes);
    json.EndObject();
  }
  json.EndArray().Newline();
  return text;
}

constexpr absl::Duration kTimeToServe = absl::Minutes(5);
constexpr int32_t kPartitionsOfLongRuns = 500'000;  // from here on one takes minutes

struct Arguments {
  std::vector<std::string> sizes = {"S", "M", "L"};
  int repetitions = 0;  // 0: what suits the size
  int heap_mib = 6144;
  std::string json_file;
  std::string serve;  // a size: be its replica servers
  std::string node_list_file;
};

absl::Status Serve(const Arguments& arguments) {
  METAREC_ASSIGN_OR_RETURN(const ClusterSize size, ClusterSizeOf(arguments.serve));
  METAREC_ASSIGN_OR_RETURN(
      const auto servers,
      testing::SimulatedClusterThread::Start(testing::ClusterFromEvidence(MakeEvidence(size))));
  std::ofstream(arguments.node_list_file) << servers->node_list_text();
  std::cout << "serving" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) continue;  // until nobody needs us any more
  return absl::OkStatus();
}

absl::StatusOr<SizeResult> Measure(const Arguments& arguments, const std::string& size,
                                   const std::string& folder) {
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  PhasesOptions options;
  METAREC_ASSIGN_OR_RETURN(options.size, ClusterSizeOf(size));
  const int suitable = options.size.partitions < kPartitionsOfLongRuns ? 5 : 2;
  options.repetitions = arguments.repetitions > 0 ? arguments.repetitions : suitable;
  options.metarec = programs + "/metarec";
  options.folder = folder;
  options.node_list_file = folder + "/node_list";
  METAREC_ASSIGN_OR_RETURN(
      const auto servers,
      testing::ChildProcess::Start({programs + "/recovery_benchmark", "--serve", size,
                                    "--node_list", options.node_list_file},
                                   {.log = folder + "/servers", .is_talked_to = true}));
  METAREC_RETURN_IF_ERROR(servers->ReadLine(kTimeToServe).status());
  testing::ZooKeeperServerOptions zookeeper;
  zookeeper.heap_mib = arguments.heap_mib;
  METAREC_ASSIGN_OR_RETURN(const auto server, testing::ZooKeeperServer::Start(zookeeper));
  options.zookeeper_hosts = server->hosts();
  return MeasurePhases(options);
}

absl::Status Run(const Arguments& arguments) {
  if (!arguments.serve.empty()) return Serve(arguments);
  METAREC_ASSIGN_OR_RETURN(const std::string folder, testing::MakeTemporaryFolder("metarec-bench"));
  std::vector<SizeResult> results;
  for (const std::string& size : arguments.sizes) {
    std::cerr << "measuring " << size << " ..." << std::endl;
    METAREC_ASSIGN_OR_RETURN(results.emplace_back(), Measure(arguments, size, folder));
    std::cout << TableOf(results.back()) << std::flush;
  }
  std::filesystem::remove_all(folder);
  if (arguments.json_file.empty()) return absl::OkStatus();
  std::ofstream json(arguments.json_file);
  json << JsonOf(results) << std::flush;
  return json ? absl::OkStatus()
              : absl::UnavailableError(absl::StrCat("cannot write ", arguments.json_file));
}

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) {
  metarec::benchmarks::Arguments arguments;
  CLI::App app("Measures a recovery, phase by phase, beside what each phase takes at best.",
               "recovery_benchmark");
  app.add_option("--size", arguments.sizes, "S, M, L, XL: 1000 to 1000000 partitions")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--repetitions", arguments.repetitions,
                 "the best of so many counts; five unless given, of XL two")
      ->check(CLI::Range(1, 100));
  app.add_option("--heap_mib", arguments.heap_mib,
                 "memory for ZooKeeper, which keeps two trees for each repetition and two more")
      ->capture_default_str();
  app.add_option("--json", arguments.json_file, "write the results into this file too");
  app.add_option("--serve", arguments.serve, "be the replica servers of this size")->group("");
  app.add_option("--node_list", arguments.node_list_file, "where to say who they are")->group("");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = metarec::benchmarks::Run(arguments);
  if (status.ok()) return 0;
  std::cerr << "recovery_benchmark: " << status.message() << std::endl;
  return 1;
}
