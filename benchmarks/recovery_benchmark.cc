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

#include "base/runtime/status_macros.h"
#include "benchmarks/child_process.h"
#include "benchmarks/phases.h"
#include "benchmarks/phases_report.h"
#include "testing/simulated_cluster_thread.h"
#include "testing/zookeeper_server.h"

namespace metarec::benchmarks {
namespace {

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
  METAREC_ASSIGN_OR_RETURN(const auto servers,
                           ChildProcess::Start({programs + "/recovery_benchmark", "--serve", size,
                                                "--node_list", options.node_list_file},
                                               folder + "/servers.log"));
  METAREC_RETURN_IF_ERROR(servers->ReadLine(kTimeToServe).status());
  testing::ZooKeeperServerOptions zookeeper;
  zookeeper.heap_mib = arguments.heap_mib;
  METAREC_ASSIGN_OR_RETURN(const auto server, testing::ZooKeeperServer::Start(zookeeper));
  options.zookeeper_hosts = server->hosts();
  return MeasurePhases(options);
}

absl::Status Run(const Arguments& arguments) {
  if (!arguments.serve.empty()) return Serve(arguments);
  std::string folder = (std::filesystem::temp_directory_path() / "metarec-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return absl::InternalError("no temporary folder");
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
