// `recover` by a meta server in recovery mode, as Pegasus's shell does it: one start_recovery
// (INTEROP.md sections 3.3 and 7.1).

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "idl/ipv4_endpoint.h"
#include "idl/meta_server_types.h"
#include "pegasus_client/meta_client.h"
#include "replica_collector/node_list.h"
#include "tools/cli/output_arguments.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

struct RecoveryByMetaOptions {
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;
};

// `addresses` are those of the list's entries; the names go along as they are listed.
idl::configuration_recovery_request RecoveryRequestTo(const NodeList& nodes,
                                                      const std::vector<Ipv4Endpoint>& addresses,
                                                      RecoveryByMetaOptions options);

// How a recovery by a meta server ended.
struct RecoveryByMeta {
  std::string error_name;       // of the answer; of the failure if there was none
  std::string hints;            // as they came
  std::string server;           // who answered; empty: nobody
  std::string failure;          // why nobody did, and what to do
  bool may_have_begun = false;  // although nobody answered

  bool answered() const { return !server.empty(); }
  ExitCode exit_code() const;
  // The word for it in JSON, one of RecoveryOutcomeName's.
  absl::string_view outcome() const;
  // Why it did not recover, and what to do, in one sentence or two; empty if it did.
  std::string Reason() const;
  // What to know of a recovery that went well, a line each: "1 node was left out: ...".
  std::vector<std::string> Hazards() const;
  // For stderr, lines with their ends: what it means and what to do. `again`: the command as typed.
  std::string Advice(const std::string& again) const;
};

// The shell's last lines, an object with --format json, and the advice.
ExitCode PrintRecoveryByMeta(const RecoveryByMeta& result, const std::string& again,
                             const OutputArguments& arguments, ShellOutput* output);

// kCancelled is the only error.
asio::awaitable<absl::StatusOr<RecoveryByMeta>> AskToRecover(
    MetaClient* client, idl::configuration_recovery_request request, absl::Duration timeout);

}  // namespace metarec::tools
