#include "tests/scenarios/scenario_runner.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/status_macros.h"
#include "testing/simulated_cluster_thread.h"
#include "testing/simulated_fault.h"
#include "tests/scenarios/output_mask.h"
#include "tests/scenarios/shell_process.h"
#include "tests/scenarios/world.h"
#include "tests/scenarios/znode_snapshot.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec::scenarios {
namespace {

constexpr char kShownRoot[] = "/pegasus/recovered";
constexpr int kFirstShownPort = 34801;
constexpr char kShownZooKeeper[] = "127.0.0.1:22181";
constexpr absl::Duration kCommandTimeout = absl::Seconds(300);

// Runs `start` to its end.
template <typename Result>
Result Await(asio::io_context& context, std::function<asio::awaitable<Result>()> start) {
  std::optional<Result> result;
  asio::co_spawn(context, start, [&](const std::exception_ptr& thrown, Result value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  context.restart();
  context.run();
  return *std::move(result);
}

class Folder {
 public:
  Folder() {
    std::string path =
        (std::filesystem::temp_directory_path() / "metarec-scenario-XXXXXX").string();
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Lines with `prefix` in front of each; a last line without its newline is made visible.
std::string Shown(absl::string_view text, absl::string_view prefix) {
  std::string shown;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const absl::string_view line = text.substr(0, end);
    absl::StrAppend(&shown, line.empty() ? absl::StripTrailingAsciiWhitespace(prefix) : prefix,
                    line, "\n");
    if (end == absl::string_view::npos) {
      absl::StrAppend(&shown, prefix, "(no newline at the end)\n");
      break;
    }
    text.remove_prefix(end + 1);
  }
  return shown;
}

absl::StatusOr<testing::SimulatedNode> Simulated(const WorldNode& node) {
  testing::SimulatedNode simulated;
  simulated.name = node.name;
  simulated.tables = node.tables;
  simulated.replicas = node.replicas;
  METAREC_ASSIGN_OR_RETURN(simulated.fault, testing::ParseFault(node.fault));
  return simulated;
}

bool SameAnswers(const WorldNode& a, const WorldNode& b) {
  return a.tables == b.tables && a.replicas == b.replicas && a.fault == b.fault;
}

// One run of one scenario.
class Run {
 public:
  Run(const Scenario& scenario, asio::io_context& context, MetaStore* store, std::string zookeeper,
      int number)
      : scenario_(scenario),
        context_(context),
        store_(store),
        zookeeper_(std::move(zookeeper)),
        prefix_(absl::StrCat("/scenario", 1000 + number)),
        root_(prefix_ + kShownRoot) {}

  absl::StatusOr<std::string> Execute() {
    for (const ScenarioLine& line : scenario_.directives) {
      METAREC_RETURN_IF_ERROR(At(line, world_.Apply(line.text)));
    }
    METAREC_RETURN_IF_ERROR(At(scenario_.commands.front(), SetUp()));
    for (const ScenarioLine& line : scenario_.commands) {
      absl::StrAppend(&transcript_, "$ ", line.text, "\n");
      METAREC_RETURN_IF_ERROR(At(line, Command(line.text)));
    }
    return mask_.Apply(transcript_);
  }

 private:
  absl::Status At(const ScenarioLine& line, const absl::Status& status) const {
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        absl::StrCat(scenario_.path, ":", line.number, ": ", status.message()));
  }

  absl::Status SetUp() {
    METAREC_RETURN_IF_ERROR(PutZnodes());
    METAREC_RETURN_IF_ERROR(Remember());
    if (folder_.path().empty()) return absl::InternalError("no temporary folder");
    testing::SimulatedCluster cluster;
    for (const WorldNode& node : world_.nodes()) {
      METAREC_ASSIGN_OR_RETURN(testing::SimulatedNode simulated, Simulated(node));
      cluster.nodes.push_back(std::move(simulated));
    }
    METAREC_ASSIGN_OR_RETURN(servers_, testing::SimulatedClusterThread::Start(std::move(cluster)));
    SetVariables();
    return WriteNodeList();
  }

  void SetVariables() {
    const char* const path = std::getenv("PATH");
    variables_ = {{"PATH", absl::StrCat(METAREC_BIN_DIR, ":", path == nullptr ? "" : path)},
                  {"TZ", "UTC"},
                  {"LC_ALL", "C.UTF-8"},
                  {"NODES", "-f recover_node_list"},
                  {"ZK", zookeeper_},
                  {"ROOT", root_},
                  {"STORE", absl::StrCat("--zk ", zookeeper_, " --root ", root_)},
                  {"EVIDENCE", "evidence.jsonl"},
                  {"PLAN", "plan.jsonl"}};
    for (size_t i = 0; i < servers_->endpoints().size(); ++i) {
      const std::string port = absl::StrCat(servers_->endpoints()[i].port);
      const std::string& name = world_.nodes()[i].name;
      variables_.push_back({name, absl::StrCat("localhost:", port)});
      variables_.push_back({absl::StrCat("a", name.substr(1)), absl::StrCat("127.0.0.1:", port)});
      mask_.Replace(absl::StrCat(":", port), absl::StrCat(":", kFirstShownPort + i));
    }
    mask_.Replace(zookeeper_, kShownZooKeeper);
    mask_.Replace(prefix_, "");
    mask_.Replace(folder_.path(), "FOLDER");
  }

  absl::Status WriteNodeList() {
    std::string text = servers_->node_list_text();
    if (world_.has_node_list()) {
      std::vector<std::pair<std::string, std::string>> replacements;
      // The longest names first, so that $n1 does not spoil $n10.
      for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable) {
        replacements.emplace_back(absl::StrCat("$", variable->first), variable->second);
      }
      text = absl::StrReplaceAll(world_.node_list(), replacements);
    }
    std::ofstream file(folder_.path() + "/recover_node_list", std::ios::binary);
    file << text << std::flush;
    return file.good() ? absl::OkStatus() : absl::InternalError("cannot write the node list");
  }

  absl::Status PutZnodes() {
    for (; znodes_put_ < world_.znodes().size(); ++znodes_put_) {
      const Znode& znode = world_.znodes()[znodes_put_];
      const std::string path = znode.path == "/" ? root_ : root_ + znode.path;
      METAREC_RETURN_IF_ERROR(
          Await<absl::Status>(context_, [&] { return PutZnode(store_, path, znode.data); }));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<SnapshotEntry>> Snapshot(const std::string& path) {
    return Await<absl::StatusOr<std::vector<SnapshotEntry>>>(
        context_, [&] { return TakeSnapshot(store_, path); });
  }

  absl::Status Remember() {
    METAREC_ASSIGN_OR_RETURN(remembered_, Snapshot(root_));
    return absl::OkStatus();
  }

  absl::Status Command(const std::string& text) {
    const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
    const std::string first = words.empty() ? "" : words.front();
    if (first == "tree") return Tree(words.size() > 1 ? words[1] : "");
    if (first == "remember") return Remember();
    if (first == "unchanged") return Unchanged();
    if (first == "no" || first == "fault" || first == "replica" || first == "record" ||
        first == "znode") {
      return ChangeWorld(text);
    }
    return Shell(text);
  }

  absl::Status Shell(const std::string& text) {
    METAREC_ASSIGN_OR_RETURN(const ShellResult result,
                             RunShell(text, folder_.path(), variables_, kCommandTimeout));
    absl::StrAppend(&transcript_, Shown(result.standard_output, ""),
                    Shown(result.standard_error, "! "));
    if (result.timed_out) {
      return absl::DeadlineExceededError(
          absl::StrCat("the command does not end. So far:\n", mask_.Apply(transcript_)));
    }
    absl::StrAppend(&transcript_, "exit ", result.exit_code, "\n");
    return absl::OkStatus();
  }

  absl::Status Tree(const std::string& below) {
    METAREC_ASSIGN_OR_RETURN(const std::vector<SnapshotEntry> entries, Snapshot(root_ + below));
    if (entries.empty()) absl::StrAppend(&transcript_, "nothing at ", root_, below, "\n");
    for (const SnapshotEntry& entry : entries) {
      absl::StrAppend(&transcript_, entry.path.substr(prefix_.size()),
                      entry.data.empty() ? "" : " ", entry.data, "\n");
    }
    return absl::OkStatus();
  }

  absl::Status Unchanged() {
    METAREC_ASSIGN_OR_RETURN(const std::vector<SnapshotEntry> now, Snapshot(root_));
    const std::string changes = DescribeChanges(remembered_, now);
    absl::StrAppend(&transcript_, changes.empty() ? "no znode has changed\n" : changes);
    return absl::OkStatus();
  }

  absl::Status ChangeWorld(const std::string& directive) {
    const World before = world_;
    METAREC_RETURN_IF_ERROR(world_.Apply(directive));
    for (size_t i = 0; i < world_.nodes().size(); ++i) {
      const WorldNode& node = world_.nodes()[i];
      if (SameAnswers(node, before.nodes()[i])) continue;
      METAREC_ASSIGN_OR_RETURN(testing::SimulatedNode simulated, Simulated(node));
      METAREC_RETURN_IF_ERROR(servers_->SetNode(std::move(simulated)));
    }
    return PutZnodes();
  }

  const Scenario& scenario_;
  asio::io_context& context_;
  MetaStore* const store_;
  const std::string zookeeper_;
  const std::string prefix_;  // of all paths of this run in ZooKeeper; not shown
  const std::string root_;

  World world_;
  Folder folder_;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  std::vector<std::pair<std::string, std::string>> variables_;
  size_t znodes_put_ = 0;
  std::vector<SnapshotEntry> remembered_;
  OutputMask mask_;
  std::string transcript_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScenarioRunner>> ScenarioRunner::Start() {
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<testing::ZooKeeperServer> zookeeper,
                           testing::ZooKeeperServer::Start());
  auto runner = std::unique_ptr<ScenarioRunner>(new ScenarioRunner(std::move(zookeeper)));
  using Connected = absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>>;
  Connected store = Await<Connected>(runner->context_, [&] {
    ZooKeeperOptions options;
    options.hosts = runner->zookeeper_->hosts();
    return ZooKeeperMetaStore::Connect(options, &runner->clock_);
  });
  METAREC_RETURN_IF_ERROR(store.status());
  runner->store_ = *std::move(store);
  return runner;
}

ScenarioRunner::ScenarioRunner(std::unique_ptr<testing::ZooKeeperServer> zookeeper)
    : zookeeper_(std::move(zookeeper)) {}

absl::StatusOr<std::string> ScenarioRunner::Run(const Scenario& scenario) {
  return scenarios::Run(scenario, context_, store_.get(), zookeeper_->hosts(), scenarios_run_++)
      .Execute();
}

}  // namespace metarec::scenarios
