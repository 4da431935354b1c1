#include "zk_store/topology/root_inspection.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/types/span.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::string_view kJournalFormat = "metarec-journal";
constexpr int32_t kJournalVersion = 1;
constexpr absl::string_view kWriting = "writing";
constexpr absl::string_view kFinished = "finished";

}  // namespace

std::string JournalTime(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

std::string EncodeJournal(const Journal& journal) {
  std::string out;
  JsonWriter json(&out);
  json.StartObject();
  json.String("format", kJournalFormat);
  json.Int("version", kJournalVersion);
  json.String("state", journal.finished ? kFinished : kWriting);
  json.String("plan_digest", journal.plan_digest);
  json.Int("tables", journal.tables);
  json.Int("partitions", journal.partitions);
  json.String("started_at", journal.started_at);
  json.String("finished_at", journal.finished_at);
  json.String("tool_version", journal.tool_version);
  if (!journal.carried.empty()) json.Strings("carried", journal.carried);
  json.EndObject();
  return out;
}

absl::StatusOr<Journal> DecodeJournal(absl::string_view path, absl::string_view json) {
  Journal journal;
  std::string format;
  int32_t version = 0;
  std::string state;
  JsonField fields[] = {{"format", &format},
                        {"version", &version},
                        {"state", &state},
                        {"plan_digest", &journal.plan_digest},
                        {"tables", &journal.tables},
                        {"partitions", &journal.partitions},
                        {"started_at", &journal.started_at},
                        {"finished_at", &journal.finished_at},
                        {"tool_version", &journal.tool_version},
                        {"carried", &journal.carried}};
  METAREC_RETURN_IF_ERROR(ReadJsonFields(path, json, absl::MakeSpan(fields)));
  if (format != kJournalFormat) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a journal of metarec"));
  }
  if (version == kJournalVersion && journal.plan_digest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a journal of metarec that names no plan (edited or damaged)"));
  }
  if (version != kJournalVersion || (state != kWriting && state != kFinished)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": a journal of version ", version, " in state \"", state,
        "\", which this program does not know; use the one that wrote it",
        journal.tool_version.empty() ? "" : absl::StrCat(" (", journal.tool_version, ")")));
  }
  journal.finished = state == kFinished;
  return journal;
}

namespace {

constexpr size_t kChildrenMax = 20;
constexpr size_t kCandidatesMax = 20;
constexpr size_t kShownBytesMax = 60;

std::string Shown(absl::string_view data) {
  return absl::StrCat("\"", absl::CHexEscape(data.substr(0, kShownBytesMax)),
                      data.size() > kShownBytesMax ? "..." : "", "\"");
}

class Inspector {
 public:
  Inspector(StoreReader* reader, std::string root, const RootInspectionOptions& options)
      : reader_(reader), paths_(root), own_lock_root_(options.lock_root) {
    inspection_.root = root;
    lock_roots_ = {root, root + "/lock"};
    if (!options.lock_root.empty() && !absl::c_linear_search(lock_roots_, options.lock_root)) {
      lock_roots_.push_back(options.lock_root);
    }
  }

  asio::awaitable<absl::StatusOr<RootInspection>> Run();

 private:
  asio::awaitable<absl::Status> ReadRoot();
  asio::awaitable<absl::Status> ReadCandidates(std::string lock_root);
  asio::awaitable<absl::Status> ReadOurs();
  // Adds to strangers_ what is below `directory`, which leads to a lock directory, beside that.
  asio::awaitable<absl::Status> CollectStrangers(std::string directory);

  // A lock directory, or a node on the way from the root to one.
  bool IsLockDirectory(absl::string_view path) const;
  bool LeadsToLockDirectory(absl::string_view path) const;
  bool HasForeignCandidate() const {
    return absl::c_any_of(inspection_.candidates, [](const LockCandidate& candidate) {
      return !candidate.ours && !candidate.waits_for_us;
    });
  }
  void Decide();
  void Foreign(std::string reason) {
    inspection_.root_case = RootCase::kForeign;
    inspection_.reason = std::move(reason);
  }

  StoreReader* const reader_;
  const ClusterPaths paths_;
  const std::string own_lock_root_;
  std::vector<std::string> lock_roots_;
  RootInspection inspection_;
  bool exists_ = false;
  std::string root_data_;
  std::vector<std::string> strangers_;  // paths that are neither ours nor for locks
  std::string journal_error_;
};

bool Inspector::IsLockDirectory(absl::string_view path) const {
  return absl::c_any_of(lock_roots_, [path](const std::string& lock_root) {
    return path == LockDirectoryPath(lock_root);
  });
}

bool Inspector::LeadsToLockDirectory(absl::string_view path) const {
  return absl::c_any_of(lock_roots_,
                        [path](const std::string& lock_root) { return IsWithin(lock_root, path); });
}

asio::awaitable<absl::StatusOr<RootInspection>> Inspector::Run() {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_->Sync(paths_.root()));
  METAREC_CO_ASSIGN_OR_RETURN(inspection_.enclosing,
                              co_await FindEnclosingTree(reader_, paths_.root(), own_lock_root_));
  if (inspection_.enclosing.has_value()) {
    Foreign(inspection_.enclosing->what);
    co_return std::move(inspection_);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await ReadRoot());
  for (size_t i = 0; i < lock_roots_.size(); ++i) {
    METAREC_CO_RETURN_IF_ERROR(co_await ReadCandidates(lock_roots_[i]));
  }
  if (exists_) {
    METAREC_CO_RETURN_IF_ERROR(co_await ReadOurs());
    METAREC_CO_RETURN_IF_ERROR(co_await CollectStrangers(paths_.root()));
  }
  Decide();
  co_return std::move(inspection_);
}

asio::awaitable<absl::Status> Inspector::ReadRoot() {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> node, co_await reader_->Get(paths_.root()));
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(paths_.root()));
  if (!node.has_value() || !children.has_value()) co_return absl::OkStatus();
  exists_ = true;
  root_data_ = std::move(node->data);
  inspection_.children_count = static_cast<int64_t>(children->names.size());
  absl::c_sort(children->names);
  children->names.resize(std::min(children->names.size(), kChildrenMax));
  inspection_.children = std::move(children->names);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Inspector::ReadCandidates(std::string lock_root) {
  const std::string directory = LockDirectoryPath(lock_root);
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(directory));
  if (!children.has_value()) co_return absl::OkStatus();
  std::optional<bool> we_lead;
  const std::vector<std::string> names = CandidatesInOrder(children->names);
  for (const std::string& name : names) {
    if (inspection_.candidates.size() >= kCandidatesMax) break;
    LockCandidate candidate;
    candidate.path = absl::StrCat(directory, "/", name);
    METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> node,
                                co_await reader_->Get(candidate.path));
    if (!node.has_value()) continue;  // gone meanwhile
    candidate.name = std::move(node->data);
    candidate.ours = node->stat.ephemeral_owner != 0 &&
                     node->stat.ephemeral_owner == reader_->store()->session_id();
    if (!we_lead.has_value()) we_lead = candidate.ours;
    candidate.waits_for_us = *we_lead && !candidate.ours;
    inspection_.candidates.push_back(std::move(candidate));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Inspector::ReadOurs() {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> journal,
                              co_await reader_->Get(paths_.journal()));
  if (journal.has_value()) {
    auto decoded = DecodeJournal(paths_.journal(), journal->data);
    if (decoded.ok()) {
      inspection_.journal = *std::move(decoded);
      inspection_.journal_version = journal->stat.version;
    } else {
      journal_error_ = std::string(decoded.status().message());
    }
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> apps, co_await reader_->Get(paths_.apps()));
  if (apps.has_value()) {
    inspection_.apps_data = apps->data.substr(0, kShownBytesMax + 1);
    inspection_.apps_version = apps->stat.version;
    inspection_.tables = apps->stat.num_children;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Inspector::CollectStrangers(std::string directory) {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(directory));
  if (!children.has_value()) co_return absl::OkStatus();
  absl::c_sort(children->names);
  for (const std::string& name : children->names) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (path == paths_.apps() || path == paths_.journal() || IsLockDirectory(path)) continue;
    if (LeadsToLockDirectory(path)) {
      METAREC_CO_RETURN_IF_ERROR(co_await CollectStrangers(path));
    } else if (strangers_.size() < kChildrenMax) {
      strangers_.push_back(path);
    }
  }
  co_return absl::OkStatus();
}

void Inspector::Decide() {
  const bool has_apps = inspection_.apps_data.has_value();
  const std::string apps_data = inspection_.apps_data.value_or("");
  const bool has_journal = inspection_.journal.has_value();
  if (has_journal && !inspection_.journal->finished && apps_data == kAppsLocked) {
    std::erase_if(strangers_, [this](const std::string& path) {
      return absl::c_any_of(inspection_.journal->carried, [&](const std::string& name) {
        return path == absl::StrCat(paths_.root(), "/", name);
      });
    });
  }
  // A cluster that lives on what a finished run wrote has leaders and further znodes.
  if (has_journal && inspection_.journal->finished && apps_data == kAppsUnlocked) {
    inspection_.root_case = RootCase::kFinishedRun;
  } else if (HasForeignCandidate()) {
    // Of a living cluster nobody should be told to stop the meta servers; on a run that is still
    // locked none can live.
    const bool is_locked_run =
        has_journal && !inspection_.journal->finished && apps_data == kAppsLocked;
    const bool is_cluster = (has_apps && !is_locked_run) || !strangers_.empty();
    Foreign(is_cluster ? "a living cluster works on it"
                       : "a meta server lives there; stop it first");
  } else if (!exists_) {
    inspection_.root_case = RootCase::kAbsent;
  } else if (!journal_error_.empty()) {
    Foreign(journal_error_);
  } else if (!strangers_.empty()) {
    Foreign(absl::StrCat("it holds ", absl::StrJoin(strangers_, ", ")));
  } else if (!root_data_.empty()) {
    Foreign(absl::StrCat("it has data of its own, ", Shown(root_data_)));
  } else if (has_journal && (!has_apps || inspection_.journal->finished)) {
    Foreign(absl::StrCat(paths_.journal(), " is there, but ", paths_.apps(),
                         has_apps ? " was changed since" : " is missing"));
  } else if (has_journal && apps_data != kAppsLocked) {
    Foreign(absl::StrCat(paths_.journal(), " is of an unfinished run, but ", paths_.apps(), " is ",
                         Shown(apps_data), " instead of \"", kAppsLocked, "\""));
  } else if (has_journal) {
    inspection_.root_case = RootCase::kUnfinishedRun;
  } else if (has_apps) {
    Foreign("it holds a cluster's metadata");
  } else {
    inspection_.root_case =
        inspection_.children.empty() ? RootCase::kEmpty : RootCase::kOnlyLockDirectory;
  }
}

std::string DescribeRun(const Journal& journal) {
  return absl::StrCat("plan ", journal.plan_digest, " (", Counted(journal.tables, "table"), ", ",
                      Counted(journal.partitions, "partition"), "; started ", journal.started_at,
                      journal.finished ? ", finished " : "", journal.finished_at, "; metarec ",
                      journal.tool_version, ")");
}

}  // namespace

std::string RootInspection::Describe() const {
  switch (root_case) {
    case RootCase::kAbsent:
      return absl::StrCat("root ", root, " does not exist");
    case RootCase::kEmpty:
      return absl::StrCat("root ", root, " is empty");
    case RootCase::kOnlyLockDirectory:
      return absl::StrCat("root ", root, " holds nothing but an unused lock directory");
    case RootCase::kUnfinishedRun:
      return absl::StrCat("root ", root, " holds an unfinished run of ", DescribeRun(*journal));
    case RootCase::kFinishedRun:
      return absl::StrCat("root ", root, " holds a finished run of ", DescribeRun(*journal));
    case RootCase::kForeign:
      break;
  }
  if (enclosing.has_value()) {
    return absl::StrCat("root ", root, " lies in a tree that is not its own: ", reason);
  }
  std::string text = absl::StrCat("root ", root, " is not empty: ", reason);
  if (apps_data.has_value()) {
    absl::StrAppend(&text, "; ", root, "/apps is ", Shown(*apps_data), " with ",
                    Counted(tables, "table"));
  }
  if (journal.has_value()) {
    absl::StrAppend(&text, "; ", root, "/metarec_journal is of ", DescribeRun(*journal));
  }
  for (const LockCandidate& candidate : candidates) {
    absl::StrAppend(&text, "; ", candidate.path, " is ", Shown(candidate.name),
                    candidate.ours ? " (ours)" : "");
  }
  if (children_count > 0) {
    absl::StrAppend(&text, "; its children are ", absl::StrJoin(children, ", "),
                    static_cast<size_t>(children_count) > children.size() ? ", ..." : "");
  }
  return text;
}

asio::awaitable<absl::StatusOr<RootInspection>> InspectRoot(StoreReader* reader, std::string root,
                                                            RootInspectionOptions options) {
  Inspector inspector(reader, std::move(root), options);
  co_return co_await inspector.Run();
}

}  // namespace metarec
