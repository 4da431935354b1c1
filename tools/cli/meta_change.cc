#include "tools/cli/meta_change.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "idl/enum_names.h"
#include "idl/task_codes.h"
#include "pegasus_client/shell_failure.h"
#include "rpc/pegasus_status.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/shell_failure.h"

namespace metarec::tools {

asio::awaitable<absl::StatusOr<MetaChange>> SetMetaLevel(MetaClient* client,
                                                         idl::meta_function_level level) {
  idl::configuration_meta_control_request request;
  request.level = level;
  const absl::StatusOr<idl::configuration_meta_control_response> response =
      co_await client->Change<idl::configuration_meta_control_response>(idl::kRpcCmControlMeta,
                                                                        request);
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err, "", /*is_change=*/true)
                    : response.status();
  if (!status.ok()) co_return ShellFailureOf("control meta level got error ", status);
  const std::string old_level = idl::ToName(response->old_level);
  MetaChange done;
  done.text = absl::StrCat("control meta level ok, the old level is ", old_level, "\n");
  done.json = JsonObject().Set("level", idl::ToName(level)).Set("old_level", old_level).ToLine();
  co_return done;
}

asio::awaitable<absl::StatusOr<MetaChange>> RenameTable(MetaClient* client, std::string old_name,
                                                        std::string new_name) {
  idl::configuration_rename_app_request request;
  request.old_app_name = old_name;
  request.new_app_name = new_name;
  const absl::StatusOr<idl::configuration_rename_app_response> response =
      co_await client->Change<idl::configuration_rename_app_response>(idl::kRpcCmRenameApp,
                                                                      request);
  const std::string hint = response.ok() ? response->hint_message : "";
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err, hint, /*is_change=*/true)
                    : response.status();
  const std::string names =
      absl::StrCat("old_app_name(", old_name, "), new_app_name(", new_name, ")");
  if (!status.ok()) {
    co_return ShellFailure(status, absl::StrCat("rename app failed, ", names,
                                                ", failed: ", rpc::PegasusErrorName(status),
                                                hint.empty() ? "" : ", ", hint));
  }
  MetaChange done;
  done.text = absl::StrCat("rename app ok, ", names, "\n");
  done.json = JsonObject().Set("old_name", old_name).Set("new_name", new_name).ToLine();
  co_return done;
}

}  // namespace metarec::tools
