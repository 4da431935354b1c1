#include "tests/scenarios/scenario_runner.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/status_macros.h"
#include "testing/child_process.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_cluster.h"
#include "testing/simulated_servers.h"
#include "tests/scenarios/world.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec::scenarios {
namespace {

absl::Status ErrorAt(absl::string_view path, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", what));
}

}  // namespace

absl::StatusOr<Scenario> ParseScenario(absl::string_view path, absl::string_view text) {
  Scenario scenario;
  scenario.path = std::string(path);
  scenario.name = std::filesystem::path(scenario.path).stem().string();

  int number = 0;
  bool complete = false;
  bool continued = false;
  absl::string_view rest = text;
  while (!rest.empty() && !complete) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const absl::string_view line = absl::StripSuffix(rest.substr(0, end + 1), "\n");
    rest.remove_prefix(end + 1);
    ++number;
    if (number == 1 && !absl::StartsWith(line, "# ")) {
      return ErrorAt(path, number, "a scenario begins with '# ' and a sentence on what it shows");
    }
    absl::string_view content = absl::StripTrailingAsciiWhitespace(line);
    if (continued) {
      continued = absl::ConsumeSuffix(&content, "\\");
      absl::StrAppend(&scenario.commands.back().text, content);
    } else if (content == "----") {
      complete = true;
    } else if (absl::ConsumePrefix(&content, "$ ")) {
      continued = absl::ConsumeSuffix(&content, "\\");
      scenario.commands.push_back({number, std::string(content)});
    } else if (content.empty() || content[0] == '#') {
      continue;
    } else if (!scenario.commands.empty()) {
      return ErrorAt(path, number,
                     "the world is described before the first command; change it later with a "
                     "command, as in '$ no fault n4'");
    } else {
      scenario.directives.push_back({number, std::string(content)});
    }
  }
  if (!complete) return ErrorAt(path, number, "the line '----' is missing below the commands");
  if (scenario.commands.empty()) return ErrorAt(path, number, "no command ('$ metarec ...')");
  scenario.expected = std::string(rest);
  scenario.head = std::string(text.substr(0, text.size() - rest.size()));
  if (!absl::EndsWith(scenario.head, "\n")) scenario.head += "\n";
  return scenario;
}

absl::StatusOr<Scenario> ReadScenario(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return ParseScenario(path, text.str());
}

namespace {

// Makes the output of two runs comparable: what the kernel or the clock chose is replaced by fixed
// text.
class OutputMask {
 public:
  // Every `found` becomes `shown`.
  void Replace(std::string found, std::string shown);

  // The replacements, then digests become sha256:DIGEST, points in time TIME (but for
  // 2023-11-14, the day on which the tables of scenarios are created), and durations with a
  // fraction ("0.053 s") N.
  std::string Apply(absl::string_view text) const;

 private:
  std::vector<std::pair<std::string, std::string>> replacements_;
};

void OutputMask::Replace(std::string found, std::string shown) {
  replacements_.emplace_back(std::move(found), std::move(shown));
}

std::string OutputMask::Apply(absl::string_view text) const {
  static const auto* const patterns = new std::vector<std::pair<std::regex, std::string>>{
      {std::regex("\\b(sha256:)?[0-9a-f]{64}\\b"), "sha256:DIGEST"},
      {std::regex("\\b(?!2023-11-14)20[2-9][0-9]-[0-9]{2}-[0-9]{2}[T _][0-9]{2}:[0-9]{2}:[0-9]{2}"
                  "(\\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2}| UTC)?"),
       "TIME"},
      {std::regex("\\b[0-9]+\\.[0-9]+ ?(s|ms|us|seconds)\\b"), "N s"},
      {std::regex("\\b[0-9]+ ?(ms|us)\\b"), "N s"},
      // What is printed when something takes longer than a second.
      {std::regex("\n(! )?(collecting|waiting for leases to run out|planning|writing|verifying): "
                  "[^\n]*(?=\n)"),
       ""},
      {std::regex("\n! \\{\"progress\":[^\n]*(?=\n)"), ""},
      {std::regex("\nWait recovery for [0-9]+ seconds(?=\n)"), ""},
  };
  std::string masked = absl::StrReplaceAll(text, replacements_);
  for (const auto& [pattern, shown] : *patterns) {
    masked = std::regex_replace(masked, pattern, shown);
  }
  return masked;
}

struct SnapshotEntry {
  std::string path;
  std::string data;
  NodeStat stat;
};

constexpr size_t kNodesMax = 10'000;

bool BeforeInTree(const std::string& a, const std::string& b) {
  const bool numbers = a.find_first_not_of("0123456789") == std::string::npos &&
                       b.find_first_not_of("0123456789") == std::string::npos;
  return numbers && a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::string DescribeStat(const NodeStat& stat) {
  return absl::StrCat("version ", stat.version, ", child version ", stat.child_version, ", czxid ",
                      stat.czxid, ", mzxid ", stat.mzxid, ", pzxid ", stat.pzxid);
}

// `root` and everything below it, by path, numbers in numeric order; empty if there is no such
// node.
asio::awaitable<absl::StatusOr<std::vector<SnapshotEntry>>> TakeSnapshot(MetaStore* store,
                                                                         std::string root) {
  std::vector<SnapshotEntry> entries;
  std::vector<std::string> pending = {root};
  while (!pending.empty()) {
    if (entries.size() == kNodesMax) co_return absl::ResourceExhaustedError("too many znodes");
    const std::string path = std::move(pending.back());
    pending.pop_back();
    absl::StatusOr<NodeData> node = co_await store->Get(path);
    if (StoreErrorOf(node.status()) == StoreError::kNoNode) continue;
    METAREC_CO_RETURN_IF_ERROR(node.status());
    entries.push_back({path, node->data, node->stat});
    absl::StatusOr<NodeChildren> children = co_await store->Children(path);
    METAREC_CO_RETURN_IF_ERROR(children.status());
    std::sort(children->names.begin(), children->names.end(), BeforeInTree);
    for (auto name = children->names.rbegin(); name != children->names.rend(); ++name) {
      pending.push_back(absl::StrCat(path == "/" ? "" : path, "/", *name));
    }
  }
  co_return entries;
}

// Creates or sets a node, and its missing parents.
asio::awaitable<absl::Status> PutZnode(MetaStore* store, std::string path, std::string data) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const auto parent = co_await store->Create(path.substr(0, slash), "");
    if (!parent.ok() && StoreErrorOf(parent.status()) != StoreError::kNodeExists) {
      co_return parent.status();
    }
  }
  const auto created = co_await store->Create(path, data);
  if (StoreErrorOf(created.status()) != StoreError::kNodeExists) co_return created.status();
  const auto set = co_await store->Set(path, data);
  co_return set.status();
}

// What has happened between the two, a line each; empty if nothing, not even a change to the same
// data.
std::string DescribeChanges(const std::vector<SnapshotEntry>& before,
                            const std::vector<SnapshotEntry>& after) {
  std::map<std::string, const SnapshotEntry*> known;
  for (const SnapshotEntry& entry : before) known[entry.path] = &entry;
  std::string changes;
  for (const SnapshotEntry& entry : after) {
    const auto found = known.find(entry.path);
    if (found == known.end()) {
      absl::StrAppend(&changes, "new: ", entry.path, "\n");
      continue;
    }
    const std::string was = DescribeStat(found->second->stat);
    const std::string is = DescribeStat(entry.stat);
    if (was != is) absl::StrAppend(&changes, "changed: ", entry.path, ": ", was, " -> ", is, "\n");
    known.erase(found);
  }
  for (const auto& [path, entry] : known) absl::StrAppend(&changes, "gone: ", path, "\n");
  return changes;
}

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
  simulated.own_address = node.own_address;
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
    testing::SimulatedCluster cluster;
    for (const WorldNode& node : world_.nodes()) {
      METAREC_ASSIGN_OR_RETURN(testing::SimulatedNode simulated, Simulated(node));
      cluster.nodes.push_back(std::move(simulated));
    }
    METAREC_ASSIGN_OR_RETURN(servers_, testing::SimulatedClusterThread::Start(std::move(cluster)));
    SetVariables();
    METAREC_RETURN_IF_ERROR(WriteDeadServer());
    return WriteNodeList();
  }

  absl::Status WriteDeadServer() {
    const auto files = world_.dead_server().TakeFiles();
    if (files.empty()) return absl::OkStatus();
    const std::string folder = folder_.path() + "/dead/version-2";
    std::filesystem::create_directories(folder);
    for (const auto& [name, bytes] : files) {
      std::ofstream file(absl::StrCat(folder, "/", name), std::ios::binary);
      file << bytes << std::flush;
      if (!file.good()) return absl::InternalError(absl::StrCat("cannot write ", name));
    }
    return absl::OkStatus();
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
    METAREC_ASSIGN_OR_RETURN(
        const auto shell,
        testing::ChildProcess::Start(
            {"/bin/sh", "-c", text},
            {.folder = folder_.path(), .environment = variables_, .log = logs_.Path("command")}));
    const int exit_code = shell->Wait(kCommandTimeout);
    absl::StrAppend(&transcript_, Shown(shell->Output(), ""), Shown(shell->Errors(), "! "));
    if (shell->has_timed_out()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the command does not end. So far:\n", mask_.Apply(transcript_)));
    }
    absl::StrAppend(&transcript_, "exit ", exit_code, "\n");
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
  const testing::ScratchFolder folder_;  // of the commands
  const testing::ScratchFolder logs_;
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
