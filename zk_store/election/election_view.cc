#include "zk_store/election/election_view.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

// nullopt: there is no such znode.
template <typename T>
absl::StatusOr<std::optional<T>> IfThere(absl::StatusOr<T> result) {
  if (result.ok()) return std::optional<T>(*std::move(result));
  if (StoreErrorOf(result.status()) == StoreError::kNoNode) return std::optional<T>();
  return std::move(result).status();
}

absl::Status MadeByHand(const absl::Status& error, absl::string_view path) {
  return Annotate(error, absl::StrCat(" (in ", path,
                                      "): somebody wrote into it by hand; give it back what it had "
                                      "(docs/election.md)"));
}

}  // namespace

asio::awaitable<absl::StatusOr<ElectionView>> LookAtElection(
    MetaStore* store, const ElectionPlace* place, std::shared_ptr<Watch> record_watch,
    std::shared_ptr<Watch> candidates_watch) {
  ElectionView view;
  // The record first: who reads that candidates may stand here alone must see all who stood here
  // before that was written.
  METAREC_CO_RETURN_IF_ERROR(co_await store->Sync(place->paths.directory()));
  auto got = co_await store->Get(place->paths.phase(), std::move(record_watch));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> record, IfThere(std::move(got)));
  if (record.has_value()) {
    auto parsed = ParsePhaseRecord(record->data);
    if (!parsed.ok()) co_return MadeByHand(parsed.status(), place->paths.phase());
    view.record = *std::move(parsed);
    view.record_version = record->stat.version;
  }
  auto listed = co_await store->Children(place->paths.directory(), std::move(candidates_watch));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              IfThere(std::move(listed)));
  if (!children.has_value()) co_return view;
  view.has_directory = true;
  // child_version counts creations and deletions.
  view.counter = (int64_t{children->stat.child_version} + children->stat.num_children) / 2;
  view.candidates = CandidatesInOrder(children->names, place->prefix);
  if (view.record.has_value()) std::erase(view.candidates, view.record->guard);
  if (view.candidates.size() > place->candidates_max) {
    co_return absl::ResourceExhaustedError(
        absl::StrCat(place->paths.directory(), " has ", view.candidates.size(),
                     " candidates for leadership, more than ", place->candidates_max,
                     ": find out who makes them"));
  }
  co_return view;
}

asio::awaitable<absl::StatusOr<std::vector<ElectionCandidate>>> ReadElectionCandidates(
    MetaStore* store, const ElectionPlace* place, const ElectionView* view) {
  std::vector<ElectionCandidate> candidates;
  for (const std::string& name : view->candidates) {
    auto got = co_await store->Get(place->paths.candidate(name));
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, IfThere(std::move(got)));
    if (!node.has_value()) continue;
    ElectionCandidate& candidate = candidates.emplace_back();
    candidate.name = name;
    candidate.data = node->data;
    candidate.session_id = node->stat.ephemeral_owner;
    candidate.czxid = node->stat.czxid;
    auto marked = co_await store->Get(place->paths.marker(candidate.session_id));
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> marker, IfThere(std::move(marked)));
    if (!marker.has_value()) continue;
    auto parsed = ParseCandidateMarker(marker->data);
    if (!parsed.ok()) {
      co_return MadeByHand(parsed.status(), place->paths.marker(candidate.session_id));
    }
    candidate.marker = *std::move(parsed);
  }
  co_return candidates;
}

void AppendRaises(const ElectionPlace& place, int64_t raises, std::vector<StoreOp>* ops) {
  const std::string step = place.paths.candidate("raise");
  for (; raises > 0; --raises) {
    ops->push_back(CreateOp{step, ""});
    ops->push_back(DeleteOp{step});
  }
}

asio::awaitable<absl::Status> MakeElectionZnodes(MetaStore* store, const ElectionPlace* place) {
  std::string path;
  std::vector<std::string> paths;
  const absl::string_view directory = place->paths.directory();
  for (const absl::string_view component : absl::StrSplit(directory.substr(1), '/')) {
    absl::StrAppend(&path, "/", component);
    paths.push_back(path);
  }
  paths.push_back(place->paths.linked());
  paths.push_back(place->paths.fence());
  for (const std::string& each : paths) {
    // Asked first, as who may use a directory need not be allowed to create in its parent.
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> there, co_await store->Exists(each));
    if (there.has_value()) continue;
    const auto created = co_await store->Create(each, "");
    if (StoreErrorOf(created.status()) == StoreError::kNodeExists) continue;
    METAREC_CO_RETURN_IF_ERROR(created.status());
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> MakeUnlinkedRecord(MetaStore* store, const ElectionPlace* place) {
  METAREC_CO_RETURN_IF_ERROR(co_await MakeElectionZnodes(store, place));
  const auto created =
      co_await store->Create(place->paths.phase(), EncodePhaseRecord(PhaseRecord()));
  if (StoreErrorOf(created.status()) == StoreError::kNodeExists) co_return absl::OkStatus();
  co_return created.status();
}

}  // namespace metarec
