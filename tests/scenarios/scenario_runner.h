#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "zk_store/client/meta_store.h"

namespace metarec::scenarios {

struct ScenarioLine {
  int number = 0;
  std::string text;
};

// A scenario file, taken apart. The notation is in README.md beside this file.
struct Scenario {
  std::string name;  // the file's, without folder and ".txt"
  std::string path;
  std::vector<ScenarioLine> directives;  // the world
  std::vector<ScenarioLine> commands;    // without "$ "; continued lines joined
  std::string head;                      // the text up to and with the line "----"
  std::string expected;                  // the text below it
};

// Errors begin with file:line.
absl::StatusOr<Scenario> ParseScenario(absl::string_view path, absl::string_view text);
absl::StatusOr<Scenario> ReadScenario(const std::string& path);

// Runs scenarios: one ZooKeeper server for all, and for each a root, a folder and simulated replica
// servers of its own. To be made and used on the main thread.
class ScenarioRunner {
 public:
  static absl::StatusOr<std::unique_ptr<ScenarioRunner>> Start();

  // The transcript, as it belongs below "----". An error is one of the scenario file, with file and
  // line, or of the surroundings.
  absl::StatusOr<std::string> Run(const Scenario& scenario);

 private:
  explicit ScenarioRunner(std::unique_ptr<testing::ZooKeeperServer> zookeeper);

  const std::unique_ptr<testing::ZooKeeperServer> zookeeper_;
  SystemClock clock_;
  asio::io_context context_;
  std::unique_ptr<MetaStore> store_;
  int scenarios_run_ = 0;
};

}  // namespace metarec::scenarios
