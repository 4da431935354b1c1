// libzookeeper's fault, and how it does no harm.
//
// zoo_amulti (of libzookeeper 3.8) goes on with the operations behind one that it could not encode,
// and then frees what that one left in a local variable: its path, which is ours, once for every
// further operation (`free(): double free detected`, or anything else). It does not do so if the
// further operation's path is the very same pointer. All our operations are well-formed, so that
// one thing only can go wrong while it encodes them: the session ends, which libzookeeper's own
// thread finds out at any moment. No check before the call is enough, and no lock keeps that thread
// away.
//
// But for each operation zoo_amulti asks is_unrecoverable whether the session has ended. That is a
// public function of its shared library, so that a program's function of the same name takes its
// place, inside the library too. Ours, at the end of this file, answers the same, and when it must
// say that the session has ended while this thread is in zoo_amulti, it first makes all operations
// share the path of the one in turn. Then nothing is freed. CheckGuard finds out whether the
// program is linked so that libzookeeper calls it.

#include "zk_store/client/zookeeper_native.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/string_view.h>
#include <glog/logging.h>

namespace metarec {
namespace {

// The server's UNKNOWNSESSION, for which libzookeeper has no name: its answer to what was still on
// its way when the session ended.
constexpr int kUnknownSessionCode = -12;

// The server's QUOTAEXCEEDED (since 3.7), likewise.
constexpr int kQuotaExceededCode = -125;

// How much longer than asked for a created path can be: a sequence number of 10 digits and the
// terminating zero, rounded up.
constexpr size_t kSequenceBytesMax = 16;

bool IsSequential(const StoreOp& op) {
  const auto* create = std::get_if<CreateOp>(&op);
  return create != nullptr && (create->mode == CreateMode::kPersistentSequential ||
                               create->mode == CreateMode::kEphemeralSequential);
}

bool IsSet(const StoreOp& op) { return std::holds_alternative<SetOp>(op); }

size_t Count(const std::vector<StoreOp>& ops, bool (*is_meant)(const StoreOp&)) {
  return static_cast<size_t>(absl::c_count_if(ops, is_meant));
}

// The transaction that this thread hands over at the moment.
struct Submission {
  std::vector<zoo_op_t>* ops;
  size_t checked = 0;  // operations that were found to have a session
  bool session_has_ended = false;
};
thread_local Submission* submission = nullptr;
thread_local bool was_called = false;

const char*& PathOf(zoo_op_t* op) {
  if (op->type == ZOO_DELETE_OP) return op->delete_op.path;
  if (op->type == ZOO_SETDATA_OP) return op->set_op.path;
  if (op->type == ZOO_CHECK_OP) return op->check_op.path;
  return op->create_op.path;
}

// Called by libzookeeper's is_unrecoverable, once for each operation, in order.
void OnSessionChecked(bool has_ended) {
  was_called = true;
  if (submission == nullptr || submission->session_has_ended) return;
  if (!has_ended) {
    ++submission->checked;
    return;
  }
  submission->session_has_ended = true;
  const size_t failed = std::min(submission->checked, submission->ops->size() - 1);
  const char* const path = PathOf(&(*submission->ops)[failed]);
  for (zoo_op_t& op : *submission->ops) PathOf(&op) = path;
}

void LogToGlog(const char* message) {
  const absl::string_view text(message);
  if (absl::StrContains(text, "ZOO_ERROR")) {
    LOG(ERROR) << message;
  } else if (absl::StrContains(text, "ZOO_WARN")) {
    LOG(WARNING) << message;
  } else {
    LOG(INFO) << message;
  }
}

void LogNowhere(const char*) {}

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
  stat.acl_version = native.aversion;
  stat.ephemeral_owner = native.ephemeralOwner;
  stat.data_bytes = native.dataLength;
  stat.num_children = native.numChildren;
  return stat;
}

Acl FromNative(const ACL_vector& native) {
  Acl acl;
  for (int32_t i = 0; i < native.count; ++i) {
    const ACL& entry = native.data[i];
    acl.push_back(AclEntry{entry.id.scheme, entry.id.id, entry.perms});
  }
  return acl;
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
    case CreateMode::kContainer:
      return ZOO_CONTAINER;
    case CreateMode::kTtl:
      return ZOO_PERSISTENT_WITH_TTL;
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
    case ZSESSIONCLOSEDREQUIRESASLAUTH:
      return StoreError::kAuthRequired;
    case kQuotaExceededCode:
      return StoreError::kQuotaExceeded;
    case ZUNIMPLEMENTED:
    case ZEPHEMERALONLOCALSESSION:
    case ZRECONFIGDISABLED:
      return StoreError::kUnsupported;
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

std::vector<zoo_op_t> NativeMulti::Prepare(std::vector<StoreOp> ops, const ACL_vector* acl) {
  ops_ = std::move(ops);
  results_.resize(ops_.size());
  // What is handed out points into them.
  created_paths_.reserve(Count(ops_, IsSequential));
  stats_.reserve(Count(ops_, IsSet));
  std::vector<zoo_op_t> native(ops_.size());
  for (size_t i = 0; i < ops_.size(); ++i) native[i] = ToNativeOp(i, acl);
  return native;
}

zoo_op_t NativeMulti::ToNativeOp(size_t i, const ACL_vector* acl) {
  zoo_op_t native = {};
  if (auto* create = std::get_if<CreateOp>(&ops_[i])) {
    if (create->acl.has_value()) acl = acls_.emplace_back(*create->acl).vector();
    const NativeBytes data(create->data, create->null_data);
    char* made = nullptr;  // the path that was asked for
    size_t made_size = 0;
    if (IsSequential(ops_[i])) {
      made_size = create->path.size() + kSequenceBytesMax;
      made = created_paths_.emplace_back(made_size, '\0').data();
    }
    zoo_create_op_init(&native, create->path.c_str(), data.bytes, data.size, acl,
                       ToNative(create->mode), made, static_cast<int>(made_size));
  } else if (const auto* set = std::get_if<SetOp>(&ops_[i])) {
    const NativeBytes data(set->data, set->null_data);
    zoo_set_op_init(&native, set->path.c_str(), data.bytes, data.size, set->version,
                    &stats_.emplace_back());
  } else if (const auto* remove = std::get_if<DeleteOp>(&ops_[i])) {
    zoo_delete_op_init(&native, remove->path.c_str(), remove->version);
  } else {
    const CheckOp& check = std::get<CheckOp>(ops_[i]);
    zoo_check_op_init(&native, check.path.c_str(), check.version);
  }
  return native;
}

std::optional<size_t> NativeMulti::FailedOp(int code) const {
  for (size_t i = 0; i < results_.size(); ++i) {
    // Left as they were by a server that has not looked at them.
    if (results_[i].err == code) return i;
  }
  return std::nullopt;
}

std::vector<StoreOpResult> NativeMulti::TakeResults() {
  std::vector<StoreOpResult> results(ops_.size());
  size_t sequential = 0;
  size_t sets = 0;
  for (size_t i = 0; i < ops_.size(); ++i) {
    if (IsSequential(ops_[i])) {
      results[i].created_path = created_paths_[sequential++].c_str();
    } else if (auto* create = std::get_if<CreateOp>(&ops_[i])) {
      results[i].created_path = std::move(create->path);
    } else if (std::holds_alternative<SetOp>(ops_[i])) {
      results[i].stat = FromNative(stats_[sets++]);
    }
  }
  return results;
}

// By a transaction whose second path is invalid, so that it is not sent. What zoo_amulti leaks of
// it, it leaks once.
static bool IsGuardCalled(zhandle_t* zookeeper) {
  zoo_op_t ops[2] = {};
  zoo_op_result_t results[2] = {};
  zoo_check_op_init(&ops[0], "/", 0);
  zoo_check_op_init(&ops[1], "", 0);
  was_called = false;
  zoo_amulti(
      zookeeper, 2, ops, results, [](int, const void*) {}, nullptr);
  return was_called;
}

absl::Status CheckGuard(zhandle_t* zookeeper) {
  static const bool is_called = IsGuardCalled(zookeeper);
  if (is_called) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this program is linked so that libzookeeper does not call metarec's is_unrecoverable, which "
      "keeps it from freeing memory twice when a session ends; link libzookeeper_mt dynamically");
}

int SubmitMulti(zhandle_t* zookeeper, std::vector<zoo_op_t>* ops, zoo_op_result_t* results,
                void_completion_t done, const void* data) {
  // zoo_amulti leaks what it has encoded when it finds that out itself.
  if (zoo_state(zookeeper) < 0) return ZINVALIDSTATE;
  Submission ours{ops};
  submission = &ours;
  const int code =
      zoo_amulti(zookeeper, static_cast<int>(ops->size()), ops->data(), results, done, data);
  submission = nullptr;
  return ours.session_has_ended ? ZINVALIDSTATE : code;
}

}  // namespace metarec

// Weak, so that a program can be linked with a static libzookeeper; CheckGuard refuses it.
extern "C" __attribute__((weak, visibility("default"))) int is_unrecoverable(zhandle_t* zookeeper) {
  const bool has_ended = zoo_state(zookeeper) < 0;
  metarec::OnSessionChecked(has_ended);
  return has_ended ? ZINVALIDSTATE : ZOK;
}
