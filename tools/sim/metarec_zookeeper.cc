// A real ZooKeeper server on loopback for the demo and for trying things out, until SIGINT or
// SIGTERM. Prints "127.0.0.1:PORT" once it serves. If the server ends by itself, so does this, with
// the reason and exit code 1.

#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "testing/zookeeper_server.h"
#include "tools/process/command.h"

int main(int argc, char** argv) {
  metarec::testing::ZooKeeperServerOptions options;
  const std::optional<int> ended = metarec::tools::ParseProgram(
      "metarec-zookeeper", "Runs a ZooKeeper server on 127.0.0.1 until it is stopped.",
      std::vector<std::string>(argv + 1, argv + argc), [&](metarec::tools::Command& command) {
        command.Add("--folder", &options.folder,
                    "where data and log are kept; a temporary folder unless given");
        command.Add("--port", &options.port, "chosen by the kernel unless given");
        command
            .Add("--heap_mib", &options.heap_mib, "memory for its data; a million znodes take 2048")
            .Between(16, 1 << 20)
            .ShowDefault();
        command.Add("--jute_max_buffer", &options.jute_max_buffer_bytes,
                    "longest request in bytes (ZooKeeper's jute.maxbuffer); its default unless "
                    "given");
      });
  if (ended.has_value()) return *ended;

  // Before the server starts: they are for sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);

  const auto server = metarec::testing::ZooKeeperServer::Start(options);
  if (!server.ok()) {
    std::cerr << "metarec-zookeeper: " << server.status().message() << std::endl;
    return 1;
  }
  std::cout << (*server)->hosts() << std::endl;
  int signal = 0;
  while (sigwait(&signals, &signal) != 0 || signal == SIGCHLD) {
    const absl::Status running = (*server)->CheckRunning();
    if (running.ok()) continue;  // it was stopped or continued
    std::cerr << "metarec-zookeeper: " << running.message() << std::endl;
    return 1;
  }
  return 0;
}
