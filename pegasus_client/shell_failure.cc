#include "pegasus_client/shell_failure.h"

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>
#include <absl/types/optional.h>

#include "base/text/printable.h"
#include "idl/error_names.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

constexpr char kPayloadType[] = "metarec/shell_text";

std::string AdviceOn(absl::string_view error_name, const std::string& server, bool is_change) {
  if (error_name == idl::kErrUnderRecovery && is_change) {
    return absl::StrCat(
        server,
        " changes nothing: it is a metarecd, or a meta server in recovery mode. If its metadata "
        "are "
        "recovered already, start a stock meta server on them, with recover_from_replica_server = "
        "false, and run this again; if not, recover first");
  }
  if (error_name == idl::kErrUnderRecovery) {
    return absl::StrCat(server,
                        " is in recovery mode and tells nothing before the metadata are recovered: "
                        "metarec recover -f recover_node_list --meta ",
                        server);
  }
  if (error_name == idl::kErrServiceNotActive) {
    return absl::StrCat(server, " is still starting: wait some seconds and run this again");
  }
  if (error_name == idl::kErrAclDeny) {
    return absl::StrCat(server, " does not allow this from this machine");
  }
  if (error_name == idl::kErrBusy) {
    return absl::StrCat(server, " is in the middle of something else: run this again later");
  }
  if (error_name == idl::kErrObjectNotFound || error_name == idl::kErrAppNotExist) {
    return absl::StrCat(server, " has no available table of this name; metarec ls -a --meta ",
                        server, " lists all");
  }
  return absl::StrCat(server, " answers ", Printable(error_name), "; its log may say why");
}

}  // namespace

absl::Status AnswerStatus(const std::string& server, const idl::error_code& error,
                          absl::string_view hint, bool is_change) {
  if (error.ok()) return absl::OkStatus();
  const std::string advice = AdviceOn(error.name, server, is_change);
  return rpc::PegasusError(error.name,
                           hint.empty() ? advice : absl::StrCat(Printable(hint), "\n", advice));
}

absl::Status ShellFailure(const absl::Status& why, absl::string_view shell_text) {
  if (why.ok() || absl::IsCancelled(why)) return why;
  absl::Status status = why;
  status.SetPayload(kPayloadType, absl::Cord(Printable(shell_text)));
  return status;
}

absl::Status ShellFailureOf(absl::string_view beginning, const absl::Status& why) {
  return ShellFailure(why, absl::StrCat(beginning, rpc::PegasusErrorName(why)));
}

std::string ShellTextOf(const absl::Status& status) {
  const absl::optional<absl::Cord> text = status.GetPayload(kPayloadType);
  return text.has_value() ? std::string(*text) : std::string();
}

}  // namespace metarec
