// Walks of a tree of a real ZooKeeper beside bare loops of pipelined reads over the same znodes, in
// the same run: docs/performance.md. `scripts/bench --zk` builds and runs it.

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "benchmarks/raw_zookeeper.h"
#include "testing/scratch_folder.h"
#include "testing/zookeeper_server.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::benchmarks {
namespace {

constexpr char kRoot[] = "/tree";
constexpr size_t kReadsInFlight = 512;
constexpr size_t kWritesInFlight = 8;
constexpr size_t kChildrenOfEach = 100;

struct TreeArguments {
  size_t znodes = 100'000;
  size_t bytes = 500;
  int repetitions = 3;
  int heap_mib = 1500;
};

// A hundred znodes below each of as many as it takes.
std::vector<RawZnode> SomeZnodes(const TreeArguments& arguments, size_t* parents) {
  const std::string data(arguments.bytes, 'x');
  *parents = (arguments.znodes + kChildrenOfEach) / (kChildrenOfEach + 1);
  std::vector<RawZnode> znodes;
  for (size_t i = 0; i < *parents; ++i) znodes.push_back({absl::StrCat(kRoot, "/", i), data});
  for (size_t i = 0; znodes.size() < arguments.znodes; ++i) {
    znodes.push_back(
        {absl::StrCat(znodes[i / kChildrenOfEach].path, "/", i % kChildrenOfEach), data});
  }
  return znodes;
}

template <typename Result>
Result Await(asio::io_context* io, asio::awaitable<Result> work) {
  std::optional<Result> result;
  asio::co_spawn(*io, std::move(work), [&](const std::exception_ptr& thrown, Result value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  io->restart();
  io->run();
  return *std::move(result);
}

asio::awaitable<absl::StatusOr<size_t>> CountZnodes(TreeSource* tree) {
  size_t count = 0;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TreeNode> nodes, co_await tree->Next());
    if (nodes.empty()) co_return count;
    count += nodes.size();
  }
}

class TreeBenchmark {
 public:
  explicit TreeBenchmark(const TreeArguments& arguments) : arguments_(arguments) {}

  absl::Status Run() {
    testing::ZooKeeperServerOptions zookeeper;
    zookeeper.heap_mib = arguments_.heap_mib;
    METAREC_ASSIGN_OR_RETURN(server_, testing::ZooKeeperServer::Start(zookeeper));
    METAREC_ASSIGN_OR_RETURN(raw_, RawZooKeeper::Connect(server_->hosts()));
    ZooKeeperOptions session;
    session.hosts = server_->hosts();
    METAREC_ASSIGN_OR_RETURN(store_, Await(&io_, ZooKeeperMetaStore::Connect(session, &clock_)));
    size_t parents = 0;
    znodes_ = SomeZnodes(arguments_, &parents);
    METAREC_RETURN_IF_ERROR(raw_->MakePath(kRoot));
    METAREC_RETURN_IF_ERROR(
        raw_->CreateInMultis(znodes_, parents, 1000, 512 << 10, kWritesInFlight));
    // The server's compiler works best on what has run for a while.
    METAREC_RETURN_IF_ERROR(raw_->GetAllWithAcls(znodes_, kReadsInFlight));
    METAREC_RETURN_IF_ERROR(Walk(true));
    return Measure();
  }

 private:
  absl::Status Walk(bool acls) {
    LiveTreeOptions options;
    options.read_acls = acls;
    LiveTree tree(store_.get(), &clock_, kRoot, options);
    METAREC_ASSIGN_OR_RETURN(const size_t count, Await(&io_, CountZnodes(&tree)));
    if (count == znodes_.size() + 1) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the walk gave ", count, " znodes"));
  }

  absl::Status Export() {
    LiveTree tree(store_.get(), &clock_, kRoot);
    return Await(&io_, WriteTreeFile(&tree, file(), {.overwrite = true})).status();
  }

  absl::Status DiffWithFile() {
    METAREC_ASSIGN_OR_RETURN(const auto expected, TreeFileReader::Open(file()));
    LiveTree tree(store_.get(), &clock_, kRoot);
    METAREC_ASSIGN_OR_RETURN(
        const TreeDiffResult diff,
        Await(&io_, DiffTrees(expected.get(), &tree, {}, [](const TreeDifference&) {})));
    return diff.equal() ? absl::OkStatus() : absl::InternalError("the trees differ");
  }

  // The best of the repetitions; the two take turns.
  absl::Status Compare(const char* name, const char* bare_name,
                       const std::function<absl::Status()>& work,
                       const std::function<absl::Status()>& bare) {
    absl::Duration took = absl::InfiniteDuration();
    absl::Duration bare_took = absl::InfiniteDuration();
    for (int i = 0; i < arguments_.repetitions; ++i) {
      for (const auto& [function, best] : {std::pair(&bare, &bare_took), std::pair(&work, &took)}) {
        const absl::Time began = absl::Now();
        METAREC_RETURN_IF_ERROR((*function)());
        *best = std::min(*best, absl::Now() - began);
      }
    }
    const double seconds = absl::ToDoubleSeconds(took);
    std::cout << absl::StrFormat("%-22s %7.3f s %8.0f/s  %-26s %7.3f s  %.2f\n", name, seconds,
                                 static_cast<double>(znodes_.size()) / seconds, bare_name,
                                 absl::ToDoubleSeconds(bare_took),
                                 absl::FDivDuration(bare_took, took))
              << std::flush;
    return absl::OkStatus();
  }

  absl::Status Measure() {
    const auto get_all = [&] { return raw_->GetAll(znodes_, kReadsInFlight); };
    const auto get_all_with_acls = [&] { return raw_->GetAllWithAcls(znodes_, kReadsInFlight); };
    std::cout << znodes_.size() << " znodes of " << arguments_.bytes << " bytes\n";
    METAREC_RETURN_IF_ERROR(Compare(
        "walk without ACLs", "bare gets", [&] { return Walk(false); }, get_all));
    METAREC_RETURN_IF_ERROR(Compare(
        "walk", "bare gets of data and ACL", [&] { return Walk(true); }, get_all_with_acls));
    METAREC_RETURN_IF_ERROR(Compare(
        "export", "bare gets of data and ACL", [&] { return Export(); }, get_all_with_acls));
    return Compare(
        "diff with the file", "bare gets of data and ACL", [&] { return DiffWithFile(); },
        get_all_with_acls);
  }

  std::string file() const { return folder_.Path("tree.jsonl"); }

  const TreeArguments arguments_;
  testing::ScratchFolder folder_;
  asio::io_context io_;
  SystemClock clock_;
  std::unique_ptr<testing::ZooKeeperServer> server_;
  std::unique_ptr<RawZooKeeper> raw_;
  std::unique_ptr<ZooKeeperMetaStore> store_;
  std::vector<RawZnode> znodes_;
};

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) {
  metarec::benchmarks::TreeArguments arguments;
  CLI::App app("Measures walks of a tree beside bare loops of reads.", "tree_benchmark");
  app.add_option("--znodes", arguments.znodes)->check(CLI::Range(1, 10'000'000));
  app.add_option("--bytes", arguments.bytes, "of data of each")->check(CLI::Range(0, 100'000));
  app.add_option("--repetitions", arguments.repetitions, "the best of so many counts")
      ->check(CLI::Range(1, 100));
  app.add_option("--heap_mib", arguments.heap_mib, "memory for ZooKeeper");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = metarec::benchmarks::TreeBenchmark(arguments).Run();
  if (status.ok()) return 0;
  std::cerr << "tree_benchmark: " << status.message() << std::endl;
  return 1;
}
