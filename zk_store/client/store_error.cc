#include "zk_store/client/store_error.h"

#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

constexpr absl::string_view kErrorPayload = "metarec/store_error";
constexpr absl::string_view kFailedOpPayload = "metarec/failed_op";

struct Meaning {
  absl::string_view name;
  absl::StatusCode code;
  absl::string_view text;
};

Meaning MeaningOf(StoreError error) {
  using absl::StatusCode;
  switch (error) {
    case StoreError::kNone:
      return {"None", StatusCode::kInternal, "no error"};
    case StoreError::kNoNode:
      return {"NoNode", StatusCode::kNotFound, "no such node"};
    case StoreError::kNodeExists:
      return {"NodeExists", StatusCode::kAlreadyExists, "the node exists already"};
    case StoreError::kBadVersion:
      return {"BadVersion", StatusCode::kAborted, "the node was changed by somebody else"};
    case StoreError::kNotEmpty:
      return {"NotEmpty", StatusCode::kFailedPrecondition, "the node has children"};
    case StoreError::kNoChildrenForEphemerals:
      return {"NoChildrenForEphemerals", StatusCode::kFailedPrecondition,
              "the parent is ephemeral and cannot have children"};
    case StoreError::kNoAuth:
      return {
          "NoAuth", StatusCode::kPermissionDenied,
          "the znode's ACL does not allow it; give credentials that it allows (--zk_auth_file)"};
    case StoreError::kAuthFailed:
      return {"AuthFailed", StatusCode::kUnauthenticated,
              "ZooKeeper refused the credentials; check their scheme, user and password"};
    case StoreError::kInvalidAcl:
      return {"InvalidAcl", StatusCode::kInvalidArgument,
              "ZooKeeper refused the ACL to create with; the scheme 'auth' needs credentials"};
    case StoreError::kAuthRequired:
      return {"AuthRequired", StatusCode::kUnauthenticated,
              "these ZooKeeper servers serve only clients that authenticate. If they take digest "
              "credentials, give them (--zk_auth_file). SASL and TLS metarec does not speak: "
              "docs/cli.md, \"ZooKeeper with SASL or TLS\", says how to go around them"};
    case StoreError::kQuotaExceeded:
      return {"QuotaExceeded", StatusCode::kResourceExhausted,
              "a quota of ZooKeeper's on this path, or on one above it, is used up; look at it "
              "(listquota) and raise it (setquota) in ZooKeeper's shell"};
    case StoreError::kUnsupported:
      return {"Unsupported", StatusCode::kUnimplemented,
              "these ZooKeeper servers do not do this: they are too old for it, or configured so"};
    case StoreError::kReadOnly:
      return {"ReadOnly", StatusCode::kUnavailable,
              "the server is read-only because it has lost its quorum; restore the ensemble first"};
    case StoreError::kTooLarge:
      return {"TooLarge", StatusCode::kResourceExhausted,
              "the request is too large for ZooKeeper and was not sent"};
    case StoreError::kBadArguments:
      return {"BadArguments", StatusCode::kInvalidArgument, "invalid arguments"};
    case StoreError::kSessionExpired:
      return {"SessionExpired", StatusCode::kUnavailable,
              "the session has expired; this was not executed"};
    case StoreError::kConnectionLoss:
      return {"ConnectionLoss", StatusCode::kUnavailable,
              "the connection to ZooKeeper was lost; whether this was executed is unknown"};
    case StoreError::kOperationTimeout:
      return {"OperationTimeout", StatusCode::kDeadlineExceeded,
              "ZooKeeper did not answer in time; whether this was executed is unknown"};
    case StoreError::kClosed:
      return {"Closed", StatusCode::kUnavailable,
              "the session was closed meanwhile; whether this was executed is unknown"};
    case StoreError::kRuntimeInconsistency:
      return {"RuntimeInconsistency", StatusCode::kAborted,
              "another operation of the same transaction failed"};
    case StoreError::kUnknown:
      break;
  }
  return {"Unknown", StatusCode::kUnknown, "unexpected error"};
}

}  // namespace

absl::string_view StoreErrorName(StoreError error) { return MeaningOf(error).name; }

absl::Status MakeStoreError(StoreError error, absl::string_view operation, absl::string_view path,
                            absl::string_view detail) {
  const Meaning meaning = MeaningOf(error);
  std::string message =
      absl::StrCat("ZooKeeper: ", operation, path.empty() ? "" : " ", path, ": ", meaning.text);
  if (!detail.empty()) absl::StrAppend(&message, " (", detail, ")");
  absl::Status status(meaning.code, message);
  status.SetPayload(kErrorPayload, absl::Cord(absl::StrCat(static_cast<int>(error))));
  return status;
}

absl::Status MakeMultiError(StoreError error, size_t index, size_t count,
                            absl::string_view operation, absl::string_view path) {
  absl::Status status =
      MakeStoreError(error, operation, path,
                     absl::StrCat("operation ", index + 1, " of ", count,
                                  " of one transaction, none of which took effect"));
  status.SetPayload(kFailedOpPayload, absl::Cord(absl::StrCat(index)));
  return status;
}

StoreError StoreErrorOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrorPayload);
  int error = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &error)) {
    return StoreError::kNone;
  }
  return static_cast<StoreError>(error);
}

std::optional<size_t> FailedOpOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFailedOpPayload);
  uint64_t index = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &index)) {
    return std::nullopt;
  }
  return static_cast<size_t>(index);
}

absl::Status Annotate(const absl::Status& error, absl::string_view text) {
  absl::Status annotated(error.code(), absl::StrCat(error.message(), text));
  error.ForEachPayload([&annotated](absl::string_view type, const absl::Cord& payload) {
    annotated.SetPayload(type, payload);
  });
  return annotated;
}

bool OutcomeUnknown(const absl::Status& status) {
  switch (StoreErrorOf(status)) {
    case StoreError::kConnectionLoss:
    case StoreError::kOperationTimeout:
    case StoreError::kClosed:
    case StoreError::kUnknown:
      return true;
    case StoreError::kNone:
      return absl::IsCancelled(status);
    default:
      return false;
  }
}

}  // namespace metarec
