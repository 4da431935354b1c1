// A real ZooKeeper server on loopback for the demo and for trying things out, until SIGINT or
// SIGTERM. Prints "127.0.0.1:PORT" once it serves. If the server ends by itself, so does this, with
// the reason and exit code 1.

#include <csignal>
#include <iostream>

#include <CLI/CLI.hpp>

#include "testing/zookeeper_server.h"

int main(int argc, char** argv) {
  metarec::testing::ZooKeeperServerOptions options;
  CLI::App app("Runs a ZooKeeper server on 127.0.0.1 until it is stopped.", "metarec-zookeeper");
  app.add_option("--folder", options.folder,
                 "where data and log are kept; a temporary folder unless given");
  app.add_option("--port", options.port, "chosen by the kernel unless given");
  app.add_option("--heap_mib", options.heap_mib, "memory for its data; a million znodes take 2048")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  app.add_option("--jute_max_buffer", options.jute_max_buffer_bytes,
                 "longest request in bytes (ZooKeeper's jute.maxbuffer); its default unless given");
  CLI11_PARSE(app, argc, argv);

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
