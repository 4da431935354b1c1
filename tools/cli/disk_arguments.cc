#include "tools/cli/disk_arguments.h"

#include <memory>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/this_coro.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "replica_collector/disk/disk_evidence.h"
#include "replica_collector/disk/replica_folders.h"
#include "replica_collector/evidence_file.h"
#include "replica_collector/node_list.h"
#include "tools/cli/interrupts.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

absl::Status AddNode(NodeEvidence node, Evidence* evidence, std::string* notes) {
  const std::string name = Printable(node.listed_as.front());
  METAREC_ASSIGN_OR_RETURN(const bool counts, AddNodeOnDisk(std::move(node), evidence));
  if (!counts) {
    absl::StrAppend(notes, "note: ", name, " answered; what was read from its disks is not used\n");
  }
  return absl::OkStatus();
}

}  // namespace

void DiskArguments::AddTo(Command& verb) {
  constexpr auto kGroup = "SERVERS THAT DO NOT RUN";
  CommandOption data_dirs =
      verb.Add("--data_dirs", &data_dirs_,
               "the data directories of such a server, on this machine: what it has is read from "
               "its replicas' folders, and nothing is written there")
          .TypeName("DIR,...")
          .Group(kGroup);
  CommandOption as =
      verb.Add("--as", &as_, "that server, as a node list would name it").TypeName("HOST:PORT");
  as.Group(kGroup);
  data_dirs.Needs(as);
  as.Needs(data_dirs);
  verb.Add("--add_evidence", &files_,
           "adds such servers from an evidence file that --data_dirs wrote on another machine")
      .TypeName("FILE")
      .Repeatable()
      .Group(kGroup);
}

absl::Status DiskArguments::Check() const {
  if (as_.empty()) return absl::OkStatus();
  const absl::Status entry = ParseNodeListEntry(as_).status();
  if (entry.ok()) return entry;
  return absl::InvalidArgumentError(absl::StrCat("--as: ", entry.message()));
}

asio::awaitable<absl::StatusOr<NodeEvidence>> DiskArguments::ReadDisks(
    Clock* clock, absl::Duration identify_timeout) const {
  METAREC_CO_ASSIGN_OR_RETURN(const NodeListEntry entry, ParseNodeListEntry(as_));
  NodeAccess access(co_await asio::this_coro::executor, clock);
  const absl::StatusOr<NodeIdentity> identity =
      co_await access.source()->Identify(entry, clock->Now() + identify_timeout);
  if (!identity.ok()) co_return Annotate(identity.status(), " (--as)");
  const std::vector<std::string> data_dirs =
      absl::StrSplit(data_dirs_, ',', absl::SkipWhitespace());
  const auto found = std::make_shared<std::optional<absl::StatusOr<ReplicasOnDisk>>>();
  // Named: see cancellation.h on temporaries beside a co_await.
  const std::function<void()> read = [found, data_dirs] { *found = ReadReplicaFolders(data_dirs); };
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitBlockingCall(clock, absl::InfiniteFuture(), read));
  if (!(*found)->ok()) co_return (*found)->status();
  co_return NodeOnDisk(*identity, entry.text, *std::move(**found));
}

asio::awaitable<absl::Status> DiskArguments::AddEvidence(Clock* clock,
                                                         absl::Duration identify_timeout,
                                                         Evidence* evidence,
                                                         std::string* notes) const {
  if (!data_dirs_.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(NodeEvidence node, co_await ReadDisks(clock, identify_timeout));
    METAREC_CO_RETURN_IF_ERROR(AddNode(std::move(node), evidence, notes));
  }
  for (const std::string& file : files_) {
    EvidenceFileOptions options;
    options.interrupt_descriptor = InterruptSignals::descriptor();
    METAREC_CO_ASSIGN_OR_RETURN(Evidence other, ReadEvidenceFile(file, options));
    bool has_disks = false;
    for (NodeEvidence& node : other.nodes) {
      if (!node.disk.has_value()) continue;
      has_disks = true;
      const absl::Status added = AddNode(std::move(node), evidence, notes);
      if (!added.ok()) co_return Annotate(added, absl::StrCat(" (--add_evidence ", file, ")"));
    }
    if (has_disks) continue;
    co_return absl::InvalidArgumentError(
        absl::StrCat("--add_evidence ", file,
                     ": no server in it was read from its disks; give a file that `metarec collect "
                     "--data_dirs` wrote, and list servers that run in NODES"));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec::tools
