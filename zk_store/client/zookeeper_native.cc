#include "zk_store/client/zookeeper_native.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/string_view.h>
#include <glog/logging.h>

#include "zk_store/client/zookeeper_multi.h"

namespace metarec {
namespace {

// The server's UNKNOWNSESSION, of which libzookeeper has no name: to what was still on its way when
// the session ended.
constexpr int kUnknownSessionCode = -12;

void LogToGlog(const char* message) {
  AwaitSubmittedMultis();
  const absl::string_view text(message);
  if (absl::StrContains(text, "ZOO_ERROR")) {
    LOG(ERROR) << message;
  } else if (absl::StrContains(text, "ZOO_WARN")) {
    LOG(WARNING) << message;
  } else {
    LOG(INFO) << message;
  }
}

void LogNowhere(const char*) { AwaitSubmittedMultis(); }

}  // namespace

NodeStat FromNative(const Stat& native) {
  NodeStat stat;
  stat.czxid = native.czxid;
  stat.mzxid = native.mzxid;
  stat.pzxid = native.pzxid;
  stat.ctime_ms = native.ctime;
  stat.mtime_ms = native.mtime;
  stat.version = native.version;
  stat.child_version = native.cversion;
  stat.ephemeral_owner = native.ephemeralOwner;
  stat.data_bytes = native.dataLength;
  stat.num_children = native.numChildren;
  return stat;
}

int ToNative(CreateMode mode) {
  switch (mode) {
    case CreateMode::kPersistent:
      return ZOO_PERSISTENT;
    case CreateMode::kEphemeral:
      return ZOO_EPHEMERAL;
    case CreateMode::kPersistentSequential:
      return ZOO_PERSISTENT_SEQUENTIAL;
    case CreateMode::kEphemeralSequential:
      return ZOO_EPHEMERAL_SEQUENTIAL;
  }
  return ZOO_PERSISTENT;
}

SessionState FromNativeState(int state) {
  if (state == ZOO_CONNECTED_STATE) return SessionState::kConnected;
  if (state == ZOO_READONLY_STATE) return SessionState::kReadOnly;
  if (state == ZOO_EXPIRED_SESSION_STATE) return SessionState::kExpired;
  if (state == ZOO_AUTH_FAILED_STATE) return SessionState::kAuthFailed;
  return SessionState::kConnecting;
}

WatchEventType FromNativeEvent(int type) {
  if (type == ZOO_CREATED_EVENT) return WatchEventType::kCreated;
  if (type == ZOO_DELETED_EVENT) return WatchEventType::kDeleted;
  if (type == ZOO_CHANGED_EVENT) return WatchEventType::kDataChanged;
  return WatchEventType::kChildrenChanged;
}

StoreError StoreErrorOfCode(int code, SessionState session) {
  switch (code) {
    case ZNONODE:
      return StoreError::kNoNode;
    case ZNODEEXISTS:
      return StoreError::kNodeExists;
    case ZBADVERSION:
      return StoreError::kBadVersion;
    case ZNOTEMPTY:
      return StoreError::kNotEmpty;
    case ZNOCHILDRENFOREPHEMERALS:
      return StoreError::kNoChildrenForEphemerals;
    case ZNOAUTH:
      return StoreError::kNoAuth;
    case ZAUTHFAILED:
      return StoreError::kAuthFailed;
    case ZINVALIDACL:
      return StoreError::kInvalidAcl;
    case ZNOTREADONLY:
      return StoreError::kReadOnly;
    case ZBADARGUMENTS:
      return StoreError::kBadArguments;
    case ZSESSIONEXPIRED:
    case kUnknownSessionCode:
      return StoreError::kSessionExpired;
    case ZRUNTIMEINCONSISTENCY:
      return StoreError::kRuntimeInconsistency;
    case ZOPERATIONTIMEOUT:
      return StoreError::kOperationTimeout;
    case ZCLOSING:
      return StoreError::kClosed;
    case ZCONNECTIONLOSS:
    case ZSESSIONMOVED:
    case ZTHROTTLEDOP:
      return StoreError::kConnectionLoss;
    case ZINVALIDSTATE:  // the handle takes no requests any more
      if (session == SessionState::kAuthFailed) return StoreError::kAuthFailed;
      if (session == SessionState::kClosed) return StoreError::kClosed;
      return StoreError::kSessionExpired;
    default:
      return StoreError::kUnknown;
  }
}

log_callback_fn LogCallback(bool to_glog) { return to_glog ? &LogToGlog : &LogNowhere; }

NativeAcl::NativeAcl(Acl entries) : entries_(std::move(entries)) {
  for (AclEntry& entry : entries_) {
    native_.push_back(ACL{entry.permissions, Id{entry.scheme.data(), entry.id.data()}});
  }
  vector_.count = static_cast<int32_t>(native_.size());
  vector_.data = native_.data();
}

}  // namespace metarec
