// Names of errors as they travel and as operators know them (INTEROP.md section 4.3).

#pragma once

namespace metarec::idl {

inline constexpr char kErrOk[] = "ERR_OK";
inline constexpr char kErrUnknown[] = "ERR_UNKNOWN";

// Who may be asked, and when.
inline constexpr char kErrUnderRecovery[] = "ERR_UNDER_RECOVERY";
inline constexpr char kErrServiceNotActive[] = "ERR_SERVICE_NOT_ACTIVE";
inline constexpr char kErrServiceAlreadyRunning[] = "ERR_SERVICE_ALREADY_RUNNING";
inline constexpr char kErrForwardToOthers[] = "ERR_FORWARD_TO_OTHERS";
inline constexpr char kErrAclDeny[] = "ERR_ACL_DENY";
inline constexpr char kErrStateFreezed[] = "ERR_STATE_FREEZED";

// Recovery.
inline constexpr char kErrTryAgain[] = "ERR_TRY_AGAIN";

// Transport.
inline constexpr char kErrTimeout[] = "ERR_TIMEOUT";
inline constexpr char kErrNetworkFailure[] = "ERR_NETWORK_FAILURE";
inline constexpr char kErrHandlerNotFound[] = "ERR_HANDLER_NOT_FOUND";
inline constexpr char kErrInvalidData[] = "ERR_INVALID_DATA";

// Handlers.
inline constexpr char kErrObjectNotFound[] = "ERR_OBJECT_NOT_FOUND";
inline constexpr char kErrAppNotExist[] = "ERR_APP_NOT_EXIST";
inline constexpr char kErrAppExist[] = "ERR_APP_EXIST";
inline constexpr char kErrBusy[] = "ERR_BUSY";
inline constexpr char kErrInvalidParameters[] = "ERR_INVALID_PARAMETERS";
inline constexpr char kErrInvalidState[] = "ERR_INVALID_STATE";

// Storage.
inline constexpr char kErrNodeAlreadyExist[] = "ERR_NODE_ALREADY_EXIST";
inline constexpr char kErrZookeeperOperation[] = "ERR_ZOOKEEPER_OPERATION";
inline constexpr char kErrInconsistentState[] = "ERR_INCONSISTENT_STATE";

}  // namespace metarec::idl
