#include "benchmarks/phases.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "benchmarks/raw_zookeeper.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/collector.h"
#include "replica_collector/node_list.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/topology/topology_verifier.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec::benchmarks {
namespace {

constexpr size_t kReadsInFlight = 256;
constexpr size_t kChecksInFlight = 4;
constexpr size_t kChecksPerRequest = 2000;

absl::Duration Timed(const std::function<void()>& work) {
  const absl::Time start = absl::Now();
  work();
  return absl::Now() - start;
}

// When the writer went over from one of its phases to the next.
class PhaseTimes final : public ProgressListener {
 public:
  void OnProgress(const Progress& progress) override {
    if (progress.phase == Phase::kWrite && progress.done > 0) written_ = absl::Now();
  }
  absl::Time written() const { return written_; }

 private:
  absl::Time written_;
};

class Measurement {
 public:
  explicit Measurement(const PhasesOptions& options) : options_(options) {
    result_.size = options.size;
  }

  absl::StatusOr<SizeResult> Run() {
    METAREC_RETURN_IF_ERROR(WarmUp());
    // First, since the system counts what a process held before it became another program.
    METAREC_RETURN_IF_ERROR(RunTheProgram());
    METAREC_RETURN_IF_ERROR(Collect());
    METAREC_RETURN_IF_ERROR(Plan());
    // In turn, since a server gets slower with what it holds, and quicker with what it has done.
    for (int i = 0; i < options_.repetitions; ++i) {
      if (i % 2 == 0) METAREC_RETURN_IF_ERROR(WriteBarely(i));
      METAREC_RETURN_IF_ERROR(Write(i));
      if (i % 2 == 1) METAREC_RETURN_IF_ERROR(WriteBarely(i));
    }
    NoteCeiling(Note("write", absl::InfiniteDuration(), 0), "bare pipelined multis", bare_write_);
    NoteCeiling(Note("check and unlock", absl::InfiniteDuration(), 0), "bare version checks",
                bare_check_);
    METAREC_RETURN_IF_ERROR(WriteOneByOne());
    for (int i = 0; i < options_.repetitions; ++i) METAREC_RETURN_IF_ERROR(Verify());
    return std::move(result_);
  }

 private:
  template <typename T>
  T Await(asio::awaitable<T> task) {
    std::optional<T> outcome;
    asio::co_spawn(context_, Engine(std::move(task), &outcome),
                   [](const std::exception_ptr& thrown) {
                     if (thrown) std::rethrow_exception(thrown);
                   });
    context_.restart();
    while (!outcome.has_value()) context_.run_one();
    return *std::move(outcome);
  }

  template <typename T>
  static asio::awaitable<void> Engine(asio::awaitable<T> task, std::optional<T>* outcome) {
    co_await asio::this_coro::throw_if_cancelled(false);
    *outcome = co_await std::move(task);
  }

  // Keeps the best of several measurements of one phase.
  PhaseResult& Note(absl::string_view name, absl::Duration took, int64_t units, int64_t bytes = 0) {
    const auto known = std::find_if(result_.phases.begin(), result_.phases.end(),
                                    [&](const PhaseResult& phase) { return phase.name == name; });
    if (known == result_.phases.end()) {
      return result_.phases.emplace_back(
          PhaseResult{std::string(name), took, units, bytes, "", absl::InfiniteDuration()});
    }
    known->took = std::min(known->took, took);
    return *known;
  }

  static void NoteCeiling(PhaseResult& phase, absl::string_view name, absl::Duration took) {
    phase.ceiling_name = std::string(name);
    phase.ceiling = std::min(phase.ceiling, took);
  }

  absl::Status Collect() {
    METAREC_ASSIGN_OR_RETURN(const NodeList nodes, ReadNodeListFile(options_.node_list_file));
    absl::Duration best = absl::InfiniteDuration();
    for (int i = 0; i < options_.repetitions; ++i) {
      rpc::Client client(context_.get_executor(), &clock_);
      RpcReplicaSource source(&client, &clock_);
      CollectorOptions collecting;
      collecting.node_timeout = absl::Seconds(100);
      collecting.attempt_timeout = absl::Seconds(100);
      SilentProgress silent;
      Collector collector(collecting, &source, &clock_, &silent, [] { return 0.5; });
      absl::StatusOr<Evidence> evidence = absl::UnknownError("not collected");
      best = std::min(best, Timed([&] { evidence = Await(collector.Collect(nodes)); }));
      METAREC_RETURN_IF_ERROR(evidence.status());
      evidence_ = *std::move(evidence);
    }
    for (const NodeEvidence& node : evidence_.nodes) {
      if (!node.complete()) {
        return absl::UnavailableError(absl::StrCat(node.name, ": ", node.error_detail));
      }
      result_.replicas += static_cast<int64_t>(node.replicas.size());
    }
    PhaseResult& phase = Note("collect", best, result_.replicas);
    MeasureDecoding(&phase);
    return absl::OkStatus();
  }

  // Decodes what all the nodes answered from memory, without network and without keeping anything.
  void MeasureDecoding(PhaseResult* phase) {
    std::vector<std::string> bodies;
    for (const NodeEvidence& node : evidence_.nodes) bodies.push_back(BodyOf(node));
    for (const std::string& body : bodies) phase->bytes += static_cast<int64_t>(body.size());
    int64_t sum = 0;
    const absl::Duration took = Timed([&] {
      std::string copy;
      for (const std::string& body : bodies) {
        copy.assign(body);
        std::string error;
        const absl::Status read = idl::ReadQueryReplicaInfoResponse(
            copy, &error, [&sum](const idl::replica_info& info) { sum += info.ballot; });
        sum += read.ok() ? 0 : 1;
      }
    });
    NoteCeiling(*phase, sum > 0 ? "copy and parse" : "nothing parsed", took);
  }

  absl::Status Plan() {
    PlanOptions planning;
    planning.rename_separator = "_";
    for (int i = 0; i < options_.repetitions; ++i) {
      absl::StatusOr<RecoveryPlan> plan = absl::UnknownError("not planned");
      const absl::Duration took = Timed([&] { plan = MakePlan(evidence_, planning); });
      METAREC_RETURN_IF_ERROR(plan.status());
      plan_ = *std::move(plan);
      Note("plan", took, result_.replicas);
    }
    if (plan_.outcome != PlanOutcome::kReady) return absl::InternalError("the plan is not ready");
    evidence_ = Evidence();
    absl::StatusOr<std::string> digest = absl::UnknownError("no digest");
    const absl::Duration took = Timed([&] { digest = TopologyDigest(plan_.topology); });
    METAREC_RETURN_IF_ERROR(digest.status());
    digest_ = *std::move(digest);
    result_.znodes =
        static_cast<int64_t>(plan_.topology.tables.size() + plan_.topology.partitions.size());
    result_.znode_bytes = MeasureTopology(plan_.topology, ClusterPaths("/raw")).bytes;
    Note("name what is written", took, result_.znodes, result_.znode_bytes);
    return absl::OkStatus();
  }

  std::vector<RawZnode> RawZnodesUnder(const std::string& root) const {
    const ClusterPaths paths(root);
    TopologyZnodes znodes(plan_.topology, paths);
    std::vector<RawZnode> raw;
    raw.reserve(znodes.size());
    for (size_t i = 0; i < znodes.size(); ++i) raw.push_back({znodes.Path(i), znodes.Data(i)});
    return raw;
  }

  // The server compiles what it runs often.
  absl::Status WarmUp() {
    METAREC_ASSIGN_OR_RETURN(raw_, RawZooKeeper::Connect(options_.zookeeper_hosts));
    std::vector<RawZnode> znodes;
    znodes.reserve(20'000);
    for (int i = 0; i < 20'000; ++i) {
      znodes.push_back({absl::StrCat("/warm/up/", i), std::string(400, 'x')});
    }
    METAREC_RETURN_IF_ERROR(raw_->MakePath("/warm/up"));
    METAREC_RETURN_IF_ERROR(raw_->CreateInMultis(znodes, 0, 1000, 512 << 10, 8));
    METAREC_RETURN_IF_ERROR(raw_->CheckAll(znodes, kChecksPerRequest, kChecksInFlight));
    return raw_->GetAll(znodes, kReadsInFlight);
  }

  absl::Status WriteBarely(int repetition) {
    const std::string root = absl::StrCat("/raw", repetition);
    const std::vector<RawZnode> znodes = RawZnodesUnder(root);
    const ZnodeCreatorLimits limits;
    METAREC_RETURN_IF_ERROR(raw_->MakePath(root + "/apps"));
    absl::Status status;
    const absl::Duration took = Timed([&] {
      status = raw_->CreateInMultis(znodes, plan_.topology.tables.size(), limits.ops_max,
                                    limits.request_bytes_max, limits.in_flight_max);
    });
    METAREC_RETURN_IF_ERROR(status);
    bare_write_ = std::min(bare_write_, took);
    const absl::Duration checked =
        Timed([&] { status = raw_->CheckAll(znodes, kChecksPerRequest, kChecksInFlight); });
    bare_check_ = std::min(bare_check_, checked);
    return status;
  }

  absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>> Connect() {
    ZooKeeperOptions zookeeper;
    zookeeper.hosts = options_.zookeeper_hosts;
    return Await(ZooKeeperMetaStore::Connect(zookeeper, &clock_));
  }

  absl::Status Write(int repetition) {
    const std::string root = absl::StrCat("/ours", repetition);
    METAREC_ASSIGN_OR_RETURN(const std::unique_ptr<ZooKeeperMetaStore> store, Connect());
    PhaseTimes times;
    TopologyWriter writer(TopologyWriterOptions(), store.get(), &clock_, &times);
    const absl::Time start = absl::Now();
    const auto written = Await(writer.Write(plan_.topology, root, digest_));
    const absl::Time end = absl::Now();
    METAREC_RETURN_IF_ERROR(written.status());
    Note("write", times.written() - start, result_.znodes, result_.znode_bytes);
    Note("check and unlock", end - times.written(), result_.znodes);
    root_ = root;
    return absl::OkStatus();
  }

  absl::Status WriteOneByOne() {
    const std::vector<RawZnode> znodes = RawZnodesUnder("/single");
    METAREC_RETURN_IF_ERROR(raw_->MakePath("/single/apps"));
    absl::Status status;
    result_.one_by_one = Timed([&] { status = raw_->CreateOneByOne(znodes); });
    return status;
  }

  absl::Status Verify() {
    METAREC_ASSIGN_OR_RETURN(const std::unique_ptr<ZooKeeperMetaStore> store, Connect());
    RetryBudget budget(&clock_);
    StoreReader reader(store.get(), &budget);
    SilentProgress silent;
    TopologyVerifier verifier(TopologyVerifierOptions(), &reader, &silent);
    absl::StatusOr<VerifyResult> found = absl::UnknownError("not verified");
    const absl::Duration took =
        Timed([&] { found = Await(verifier.Verify(plan_.topology, root_)); });
    METAREC_RETURN_IF_ERROR(found.status());
    if (!found->clean()) return absl::InternalError(Summarize(*found, 3));
    const std::vector<RawZnode> znodes = RawZnodesUnder(root_);
    absl::Status status;
    const absl::Duration bare = Timed([&] { status = raw_->GetAll(znodes, kReadsInFlight); });
    NoteCeiling(Note("verify", took, result_.znodes, result_.znode_bytes), "bare pipelined gets",
                bare);
    return status;
  }

  // As an operator does it: without, and then with an old tree that has all that was written.
  absl::Status RunTheProgram() {
    METAREC_ASSIGN_OR_RETURN(const ProgramRun alone, RunProgram(RecoverInto("/program")));
    result_.whole_job = alone.took;
    result_.peak_memory_bytes = alone.peak_memory_bytes;
    const std::string tree = options_.folder + "/old.jsonl";
    METAREC_RETURN_IF_ERROR(
        RunProgram({options_.metarec, "zk", "export",
                    absl::StrCat(options_.zookeeper_hosts, "/program"), tree, "--overwrite"})
            .status());
    std::vector<std::string> command = RecoverInto("/program_with_tree");
    command.insert(command.end(), {"--old_tree", tree});
    METAREC_ASSIGN_OR_RETURN(const ProgramRun with_tree, RunProgram(command));
    result_.whole_job_with_old_tree = with_tree.took;
    result_.peak_memory_with_old_tree_bytes = with_tree.peak_memory_bytes;
    return absl::OkStatus();
  }

  struct ProgramRun {
    absl::Duration took;
    int64_t peak_memory_bytes = 0;
  };

  std::vector<std::string> RecoverInto(const std::string& root) const {
    return {options_.metarec,         "recover", "-f", options_.node_list_file, "--zk",
            options_.zookeeper_hosts, "--root",  root, "--node_timeout",        "100"};
  }

  absl::StatusOr<ProgramRun> RunProgram(const std::vector<std::string>& command) const {
    const std::string log = options_.folder + "/program.log";
    const absl::Time start = absl::Now();
    const pid_t pid = fork();
    if (pid < 0) return absl::InternalError("fork failed");
    if (pid == 0) {
      std::vector<char*> arguments;
      arguments.reserve(command.size() + 1);
      for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    int status = 0;
    rusage usage = {};
    if (wait4(pid, &status, 0, &usage) != pid) return absl::InternalError("wait4 failed");
    const ProgramRun run = {absl::Now() - start, int64_t{usage.ru_maxrss} * 1024};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return run;
    return absl::InternalError(
        absl::StrCat(options_.metarec, " ", command[1], " failed: see ", log));
  }

  const PhasesOptions& options_;
  asio::io_context context_{1};
  SystemClock clock_;
  SizeResult result_;
  Evidence evidence_;
  RecoveryPlan plan_;
  std::string digest_;
  std::string root_;
  std::unique_ptr<RawZooKeeper> raw_;
  absl::Duration bare_write_ = absl::InfiniteDuration();
  absl::Duration bare_check_ = absl::InfiniteDuration();
};

}  // namespace

absl::StatusOr<SizeResult> MeasurePhases(const PhasesOptions& options) {
  return Measurement(options).Run();
}

}  // namespace metarec::benchmarks
