#include "rpc/pegasus_status.h"

#include <absl/strings/cord.h>
#include <absl/types/optional.h>

#include "idl/error_names.h"

namespace metarec::rpc {
namespace {

constexpr char kPayloadType[] = "metarec/pegasus_error_name";
constexpr char kNotSentType[] = "metarec/not_sent";

absl::StatusCode NearestCode(absl::string_view error_name) {
  // Not constexpr, for the reason given in idl/task_codes.cc.
  static const struct {
    absl::string_view name;
    absl::StatusCode code;
  } kCodes[] = {
      {idl::kErrTimeout, absl::StatusCode::kDeadlineExceeded},
      {idl::kErrNetworkFailure, absl::StatusCode::kUnavailable},
      {idl::kErrTryAgain, absl::StatusCode::kUnavailable},
      {idl::kErrForwardToOthers, absl::StatusCode::kUnavailable},
      {idl::kErrHandlerNotFound, absl::StatusCode::kUnimplemented},
      {idl::kErrInvalidData, absl::StatusCode::kDataLoss},
      {idl::kErrUnderRecovery, absl::StatusCode::kFailedPrecondition},
      {idl::kErrServiceNotActive, absl::StatusCode::kFailedPrecondition},
      {idl::kErrServiceAlreadyRunning, absl::StatusCode::kFailedPrecondition},
      {idl::kErrInvalidState, absl::StatusCode::kFailedPrecondition},
      {idl::kErrStateFreezed, absl::StatusCode::kFailedPrecondition},
      {idl::kErrAclDeny, absl::StatusCode::kPermissionDenied},
      {idl::kErrObjectNotFound, absl::StatusCode::kNotFound},
      {idl::kErrAppNotExist, absl::StatusCode::kNotFound},
      {idl::kErrAppExist, absl::StatusCode::kAlreadyExists},
      {idl::kErrNodeAlreadyExist, absl::StatusCode::kAlreadyExists},
      {idl::kErrInvalidParameters, absl::StatusCode::kInvalidArgument},
      {idl::kErrBusy, absl::StatusCode::kResourceExhausted},
  };
  for (const auto& known : kCodes) {
    if (known.name == error_name) return known.code;
  }
  return absl::StatusCode::kUnknown;
}

}  // namespace

absl::Status PegasusError(absl::string_view error_name, absl::string_view message) {
  if (error_name == idl::kErrOk) return absl::OkStatus();
  absl::Status status(NearestCode(error_name), message);
  status.SetPayload(kPayloadType, absl::Cord(error_name));
  return status;
}

std::string PegasusErrorName(const absl::Status& status) {
  if (status.ok()) return idl::kErrOk;
  const absl::optional<absl::Cord> name = status.GetPayload(kPayloadType);
  return name.has_value() ? std::string(*name) : std::string(idl::kErrUnknown);
}

absl::Status NotSent(absl::Status error) {
  if (!error.ok()) error.SetPayload(kNotSentType, absl::Cord());
  return error;
}

bool WasNotSent(const absl::Status& error) { return error.GetPayload(kNotSentType).has_value(); }

}  // namespace metarec::rpc
