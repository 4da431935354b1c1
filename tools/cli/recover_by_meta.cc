#include "tools/cli/recover_by_meta.h"

#include <iostream>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/report/finding_text.h"
#include "rpc/pegasus_status.h"
#include "tools/cli/recover_output.h"

namespace metarec::tools {
namespace {

struct Meaning {
  absl::string_view error_name;
  RecoveryOutcome outcome;
  ExitCode exit_code;
  absl::string_view advice;  // after the server's name; "": the hints say why it failed
};

const Meaning& MeaningOf(absl::string_view error_name) {
  static const Meaning kMeanings[] = {
      {idl::kErrOk, RecoveryOutcome::kRecovered, ExitCode::kDone, ""},
      {idl::kErrTryAgain, RecoveryOutcome::kTryAgain, ExitCode::kFailed,
       " wrote nothing: fix what the hints name and run the same command again, or accept it with "
       "-b (nodes) or -l (partitions, which are then created EMPTY)"},
      {idl::kErrInvalidState, RecoveryOutcome::kConflict, ExitCode::kConflict,
       " wrote nothing: a conflict needs a decision. metarecd takes it when it starts, as the hint "
       "above says. Other meta servers cannot be told: stop them, and use metarec recover with "
       "--settle, and --zk and --root in place of --meta"},
      {idl::kErrNodeAlreadyExist, RecoveryOutcome::kRootRefused, ExitCode::kRefused,
       " wrote nothing: its cluster_root is not empty. The hint above says what is there and how "
       "to "
       "go on"},
      {idl::kErrServiceAlreadyRunning, RecoveryOutcome::kRootRefused, ExitCode::kRefused,
       " changed nothing: it has its metadata already, and recovers no others. metarec ls with the "
       "same --meta shows them"},
      {idl::kErrInconsistentState, RecoveryOutcome::kRootDiffers, ExitCode::kDifferences,
       " wrote nothing: what it recovered before is not there any more as it was written. The hint "
       "above says what differs"},
      {idl::kErrBusy, RecoveryOutcome::kFailed, ExitCode::kRefused,
       " is in the middle of another recovery, with other nodes or flags. Wait for its end"},
      {idl::kErrAclDeny, RecoveryOutcome::kFailed, ExitCode::kRefused,
       " takes no recovery from this machine (metarecd: --operators)"},
      {idl::kErrTimeout, RecoveryOutcome::kTimedOut, ExitCode::kFailed,
       " was not done in time. Run the same command again, with a longer -w: it gets the result "
       "or goes on"},
  };
  static const Meaning kOther = {"", RecoveryOutcome::kFailed, ExitCode::kFailed, ""};
  for (const Meaning& meaning : kMeanings) {
    if (meaning.error_name == error_name) return meaning;
  }
  return kOther;
}

// The reason of a failure that has no advice of its own: the last error among the hints, which is
// what metarecd gives for it. Stock meta servers give none.
std::string ReasonAmong(absl::string_view hints, absl::string_view error_name) {
  constexpr absl::string_view kError = "ERROR: ";
  absl::string_view reason;
  for (absl::string_view line : absl::StrSplit(hints, '\n')) {
    if (absl::ConsumePrefix(&line, kError)) reason = line;
  }
  if (!reason.empty()) return absl::StrCat(" failed: ", reason);
  return absl::StrCat(" failed with ", error_name,
                      " and gave no reason; look into its log for start_recovery");
}

// The tables that stock shells refuse for their new names (INTEROP.md section 5).
std::vector<std::string> NamesForStockShellsToTripOver(absl::string_view hints) {
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(hints, '\n')) {
    const size_t found = line.find(kRenamedHint);
    const size_t end = line.rfind(')');
    if (found == absl::string_view::npos || end == absl::string_view::npos) continue;
    const size_t begin = found + kRenamedHint.size();
    if (end <= begin) continue;
    const absl::string_view name = line.substr(begin, end - begin);
    if (absl::StrContains(name, "-")) names.emplace_back(name);
  }
  return names;
}

constexpr size_t kHazardsShown = 3;

// What metarecd says of hazards that stock meta servers do not know. The hints have them all.
void AddHazardsAmong(absl::string_view hints, std::vector<std::string>* hazards) {
  int64_t more = 0;
  size_t shown = 0;
  for (absl::string_view line : absl::StrSplit(hints, '\n')) {
    if (!absl::ConsumePrefix(&line, kHazardHint)) continue;
    if (shown == kHazardsShown) {
      ++more;
    } else {
      hazards->emplace_back(line);
      ++shown;
    }
  }
  if (more == 0) return;
  hazards->push_back(absl::StrCat("the hints above have ", Counted(more, "hazard"), " more"));
}

int64_t CountLinesWith(absl::string_view text, absl::string_view hints) {
  int64_t count = 0;
  for (const absl::string_view line : absl::StrSplit(hints, '\n')) {
    if (absl::StrContains(line, text)) ++count;
  }
  return count;
}

std::string EmptyPartitions(absl::string_view hints) {
  const int64_t count = CountLinesWith(kLostPartitionHint, hints);
  if (count == 0) return "";
  return absl::StrCat(", with ", Counted(count, "partition"),
                      " created EMPTY, which the hints above name");
}

}  // namespace

idl::configuration_recovery_request RecoveryRequestTo(const NodeList& nodes,
                                                      const std::vector<Ipv4Endpoint>& addresses,
                                                      RecoveryByMetaOptions options) {
  idl::configuration_recovery_request request;
  std::vector<idl::host_port> names;
  for (const NodeListEntry& entry : nodes.entries) names.emplace_back(entry.host, entry.port);
  for (const Ipv4Endpoint& address : addresses) {
    request.recovery_nodes.push_back(address.ToRpcAddress());
  }
  request.skip_bad_nodes = options.skip_bad_nodes;
  request.skip_lost_partitions = options.skip_lost_partitions;
  request.__set_hp_recovery_nodes(names);
  return request;
}

ExitCode RecoveryByMeta::exit_code() const {
  if (!answered()) return ExitCode::kFailed;
  if (error_name == idl::kErrOk && absl::StrContains(hints, kLostPartitionHint)) {
    return ExitCode::kAcceptedLosses;
  }
  return MeaningOf(error_name).exit_code;
}

absl::string_view RecoveryByMeta::outcome() const {
  return RecoveryOutcomeName(MeaningOf(error_name).outcome);
}

std::vector<std::string> RecoveryByMeta::Hazards() const {
  std::vector<std::string> hazards;
  if (const int64_t left_out = CountLinesWith(kSkippedNodeHint, hints); left_out > 0) {
    hazards.push_back(absl::StrCat(
        Counted(left_out, "node"), left_out == 1 ? " was" : " were",
        " left out, which the hints above name. A stock meta server deletes or refuses what such a "
        "node still holds of tables that it does not know: look at that before the node comes "
        "back"));
  }
  AddHazardsAmong(hints, &hazards);
  const std::vector<std::string> names = NamesForStockShellsToTripOver(hints);
  if (!names.empty()) {
    hazards.push_back(absl::StrCat(
        "with a '-' in a table's name, ls -d and nodes -d of stock shells fail for the whole "
        "cluster. Once a stock meta server serves it, such as: metarec rename ",
        ShellWord(Printable(names.front())), " NEW_NAME --meta HOST:PORT"));
  }
  return hazards;
}

std::string RecoveryByMeta::Advice(const std::string& again) const {
  if (!answered()) {
    return absl::StrCat(
        "metarec recover: ", failure,
        may_have_begun ? ".\nA recovery that has started continues; run the same command again "
                         "to get its result: "
                       : ".\nThe request reached nobody, so nothing has started. To send it "
                         "again: ",
        again, "\n");
  }
  if (error_name == idl::kErrOk) {
    std::string text;
    const std::vector<std::string> hazards = Hazards();
    for (const std::string& hazard : hazards) absl::StrAppend(&text, "hazard: ", hazard, "\n");
    return absl::StrCat(
        text, "recovered by ", server, EmptyPartitions(hints),
        "\nnext: ", hazards.empty() ? "" : "mind the hazards above, then ",
        "set [meta_server] recover_from_replica_server = false in its config.ini and restart it; "
        "if it is a metarecd, stop it and start the meta server\n");
  }
  return absl::StrCat("metarec recover: ", Reason(), "\n");
}

std::string RecoveryByMeta::Reason() const {
  if (!answered()) return failure;
  if (error_name == idl::kErrOk) return "";
  const absl::string_view advice = MeaningOf(error_name).advice;
  return absl::StrCat(server, advice.empty() ? ReasonAmong(hints, error_name) : advice);
}

ExitCode PrintRecoveryByMeta(const RecoveryByMeta& result, const std::string& again,
                             const OutputArguments& arguments, ShellOutput* output) {
  output->Print(result.answered() ? RecoverResultText(result.error_name, result.hints)
                                  : std::string(kWaitFailedLine));
  if (output->to_file()) {
    std::cout << "recover complete with err = " << result.error_name << std::endl;
  }
  std::cerr << result.Advice(again) << std::flush;
  absl::Status printed = output->status();
  if (output->to_file() && !std::cout.good()) {
    printed.Update(absl::UnavailableError("cannot write to stdout"));
  }
  if (arguments.json()) {
    std::vector<std::string> hazards;
    if (result.error_name == idl::kErrOk) {
      for (const std::string& hazard : result.Hazards()) hazards.push_back(JsonString(hazard));
    }
    printed.Update(arguments.Print(JsonObject()
                                       .Set("result", result.error_name)
                                       .Set("outcome", result.outcome())
                                       .Set("meta", result.server)
                                       .SetLines("message", result.Reason())
                                       .SetLines("hints", result.hints)
                                       .SetJson("hazards", JsonArray(hazards))
                                       .ToLine()));
  }
  if (printed.ok()) return result.exit_code();
  std::cerr << "metarec recover: "
            << (result.error_name == idl::kErrOk ? "recovered; only this failed: " : "")
            << printed.message() << std::endl;
  return result.error_name == idl::kErrOk ? ExitCode::kFailed : result.exit_code();
}

asio::awaitable<absl::StatusOr<RecoveryByMeta>> AskToRecover(
    MetaClient* client, idl::configuration_recovery_request request, absl::Duration timeout) {
  const absl::StatusOr<idl::configuration_recovery_response> response =
      co_await client->AskForLong<idl::configuration_recovery_response>(idl::kRpcCmStartRecovery,
                                                                        request, timeout);
  if (absl::IsCancelled(response.status())) co_return response.status();
  RecoveryByMeta result;
  if (response.ok()) {
    result.error_name = Printable(response->err.name);
    result.hints = PrintableLines(response->hint_message);
    result.server = client->server();
  } else {
    result.error_name = rpc::PegasusErrorName(response.status());
    result.failure = std::string(response.status().message());
    result.may_have_begun = !rpc::WasNotSent(response.status());
  }
  co_return result;
}

}  // namespace metarec::tools
