// The parts of a recovery that are plain computation, each by itself. The others, which wait for
// sockets and for ZooKeeper, are measured by recovery_benchmark.

#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "benchmarks/sized_cluster.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/table_record_pool.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::benchmarks {
namespace {

// One server's answer of about 30,000 replicas.
NodeEvidence LargeNode() {
  return std::move(MakeEvidence({"one node of many", 100, 50'000, 5}).nodes.front());
}

void DecodeAnswer(benchmark::State& state) {
  const std::string body = BodyOf(LargeNode());
  for (auto _ : state) {
    std::string error;
    int64_t sum = 0;
    const absl::Status read = idl::ReadQueryReplicaInfoResponse(
        body, &error, [&sum](const idl::replica_info& info) { sum += info.ballot; });
    if (!read.ok()) state.SkipWithError(std::string(read.message()).c_str());
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(DecodeAnswer);

// Records as they arrive from 100 nodes that all describe the same 1000 tables.
void ShareTableRecords(benchmark::State& state) {
  const Evidence evidence = MakeEvidence({"many tables", 1'000, 100'000, 100});
  int64_t records = 0;
  for (auto _ : state) {
    TableRecordPool pool;
    for (const NodeEvidence& node : evidence.nodes) {
      for (const TableRecord& record : node.tables) {
        benchmark::DoNotOptimize(pool.Share(record));
        ++records;
      }
    }
  }
  state.SetItemsProcessed(records);
}
BENCHMARK(ShareTableRecords);

// Items are replicas.
void Plan(benchmark::State& state) {
  const Evidence evidence = MakeEvidence({"", 1'000, static_cast<int32_t>(state.range(0)), 100});
  int64_t replicas = 0;
  for (const NodeEvidence& node : evidence.nodes) {
    replicas += static_cast<int64_t>(node.replicas.size());
  }
  const PlanOptions options;
  for (auto _ : state) benchmark::DoNotOptimize(MakePlan(evidence, options));
  state.SetItemsProcessed(state.iterations() * replicas);
}
BENCHMARK(Plan)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// Items are znodes, bytes those of paths and data.
void EncodeZnodes(benchmark::State& state) {
  const auto plan = MakePlan(MakeEvidence({"", 100, 10'000, 20}), PlanOptions());
  if (!plan.ok()) return state.SkipWithError("no plan");
  TopologyZnodes znodes(plan->topology, ClusterPaths("/pegasus/recovered"));
  int64_t bytes = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < znodes.size(); ++i) {
      bytes += static_cast<int64_t>(znodes.Path(i).size() + znodes.Data(i).size());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(znodes.size()));
  state.SetBytesProcessed(bytes);
}
BENCHMARK(EncodeZnodes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace metarec::benchmarks
