// The mark beside a root by which a run knows what it has begun (tree_transfer.h).

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "migration/zookeeper/tree_transfer.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

// Everything above `path`, "/" not included.
std::vector<std::string> Above(absl::string_view path) {
  std::vector<std::string> above;
  for (size_t slash = path.find('/', 1); slash != absl::string_view::npos;
       slash = path.find('/', slash + 1)) {
    above.emplace_back(path.substr(0, slash));
  }
  return above;
}

std::string MarkData(absl::string_view run_id) {
  std::string json;
  JsonWriter out(&json);
  out.StartObject();
  out.String("run_id", run_id);
  out.EndObject();
  return json;
}

struct Mark {
  std::string run_id;
  NodeStat stat;
};

// How often somebody else may change what is above the mark meanwhile.
constexpr int kRacesMax = 10;

asio::awaitable<absl::StatusOr<std::optional<Mark>>> ReadMark(TreePlace place, Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  const std::string path = MoveMarkPath(place.root);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync("/"));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader.Get(path));
  if (!node.has_value()) co_return std::nullopt;
  JsonDocument json;
  json.Parse(node->data);
  JsonFieldReader fields(json.root());
  Mark mark;
  mark.run_id = fields.String("run_id");
  mark.stat = node->stat;
  if (fields.ok()) co_return mark;
  co_return absl::DataLossError(
      absl::StrCat(path, " is not a mark of a run: ", Printable(fields.error())));
}

}  // namespace

std::string MoveMarkPath(absl::string_view root) { return absl::StrCat(root, ".metarec_move"); }

asio::awaitable<absl::StatusOr<std::optional<std::string>>> ReadMoveMark(TreePlace place,
                                                                         Clock* clock) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<Mark> mark, co_await ReadMark(place, clock));
  if (!mark.has_value()) co_return std::nullopt;
  co_return mark->run_id;
}

asio::awaitable<absl::Status> WriteMoveMark(TreePlace place, std::string run_id, Clock* clock) {
  const std::string path = MoveMarkPath(place.root);
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  absl::Status made;
  for (int i = 0; i < kRacesMax; ++i) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<Mark> mark, co_await ReadMark(place, clock));
    if (mark.has_value()) {
      if (mark->run_id == run_id) co_return absl::OkStatus();
      co_return absl::FailedPreconditionError(
          absl::StrCat(place.text, " is being written by another run, ", Printable(mark->run_id)));
    }
    std::vector<StoreOp> ops;
    const std::vector<std::string> way = Above(path);
    for (const std::string& above : way) {
      METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                  co_await reader.Exists(above));
      if (!stat.has_value()) ops.emplace_back(CreateOp{above, ""});
    }
    ops.emplace_back(CreateOp{path, MarkData(run_id)});
    made = (co_await place.store->Multi(std::move(ops))).status();
    if (StoreErrorOf(made) != StoreError::kNodeExists &&
        StoreErrorOf(made) != StoreError::kNoNode) {
      co_return made;
    }
  }
  co_return made;
}

asio::awaitable<absl::Status> RemoveMoveMark(TreePlace place, std::string run_id, Clock* clock) {
  const std::string path = MoveMarkPath(place.root);
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  absl::Status removed;
  for (int i = 0; i < kRacesMax; ++i) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<Mark> mark, co_await ReadMark(place, clock));
    if (!mark.has_value()) co_return absl::OkStatus();
    if (mark->run_id != run_id) {
      co_return absl::FailedPreconditionError(
          absl::StrCat(path, " is the mark of another run, ", Printable(mark->run_id)));
    }
    std::vector<StoreOp> ops;
    ops.emplace_back(DeleteOp{path, mark->stat.version});
    std::vector<std::string> way = Above(path);
    std::reverse(way.begin(), way.end());
    for (const std::string& above : way) {
      METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                  co_await reader.Exists(above));
      // Its only child is the one that goes before it.
      const bool is_ours =
          stat.has_value() && stat->czxid == mark->stat.czxid && stat->num_children == 1;
      if (!is_ours) break;
      ops.emplace_back(DeleteOp{above, stat->version});
    }
    removed = (co_await place.store->Multi(std::move(ops))).status();
    const StoreError error = StoreErrorOf(removed);
    const bool has_changed = error == StoreError::kNotEmpty || error == StoreError::kNoNode ||
                             error == StoreError::kBadVersion;
    if (!has_changed) co_return removed;
  }
  co_return removed;
}

}  // namespace metarec
