// What went wrong in ZooKeeper, attached to an absl::Status as a payload.

#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

enum class StoreError {
  kNone = 0,                 // OK, or an error that did not come from a MetaStore
  kNoNode,                   // the node, or for a creation its parent, does not exist
  kNodeExists,               //
  kBadVersion,               // the node has another version than the one given
  kNotEmpty,                 // a node with children cannot be deleted
  kNoChildrenForEphemerals,  //
  kNoAuth,                   // the ACL does not allow it to this session
  kAuthFailed,               // ZooKeeper refused the credentials; the session is useless
  kInvalidAcl,               // e.g. scheme `auth` in a session without credentials
  kAuthRequired,             // the servers serve only who has authenticated, by a scheme of theirs
  kQuotaExceeded,            // a quota of ZooKeeper's, on the node or on one above it, is used up
  kUnsupported,              // the servers do not do this: they are too old, or configured so
  kReadOnly,                 // the server has lost its quorum and serves reads only
  kTooLarge,                 // the request exceeds request_bytes_max(); it was not sent
  kBadArguments,             // e.g. a relative path
  kSessionExpired,           // neither this operation nor any later one is executed
  kConnectionLoss,           // outcome unknown
  kOperationTimeout,         // outcome unknown
  kClosed,                   // the store was destroyed meanwhile; outcome unknown
  kRuntimeInconsistency,     // not executed because another operation of the multi failed
  kUnknown,                  // anything else; the message has ZooKeeper's code; outcome unknown
};

// "NoNode", "BadVersion", ...
absl::string_view StoreErrorName(StoreError error);

// The error as a status: code by kind (kNotFound, kAlreadyExists, kUnavailable, ...), payload, and
// the message "ZooKeeper: <operation> <path>: <what it means and what to do>[ (<detail>)]".
// `error` must not be kNone.
absl::Status MakeStoreError(StoreError error, absl::string_view operation, absl::string_view path,
                            absl::string_view detail = "");

// The error of a multi: as above, about the operation `index` of it, which is the one that failed.
absl::Status MakeMultiError(StoreError error, size_t index, size_t count,
                            absl::string_view operation, absl::string_view path);

// kNone for OK and for statuses that MakeStoreError did not make.
StoreError StoreErrorOf(const absl::Status& status);

// Which operation of a multi failed, if ZooKeeper said so. Those before it would have succeeded,
// those after it were not looked at; none took effect.
std::optional<size_t> FailedOpOf(const absl::Status& status);

// `error` with `text` behind its message and all that is attached to it.
absl::Status Annotate(const absl::Status& error, absl::string_view text);

// Whether a write that ended with `status` may have been executed nevertheless: the connection was
// lost, the answer did not come in time, or the wait for it was cancelled. What is there must then
// be read back.
bool OutcomeUnknown(const absl::Status& status);

}  // namespace metarec
