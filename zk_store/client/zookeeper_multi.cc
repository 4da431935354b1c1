// zoo_amulti (of libzookeeper 3.8) goes on with the operations behind one that it could not encode,
// and then frees what the last one left in a local variable: `free(): double free detected`, or
// anything else. In our use all operations are well-formed, so that this happens in one case only:
// the session is found to have ended before or while it encodes. The check for it is its own,
// and the thread that finds out is libzookeeper's own, too, so that no check of ours before the
// call can be enough.
//
// But that thread takes several steps from a connection to knowing that the session is over. One
// of them, after it has given up the old connection and before it reads the server's answer on a
// new one, is to log "initiated connection to server". In our log callback we make it wait for who
// is in zoo_amulti; and nobody enters that without a connection.

#include "zk_store/client/zookeeper_multi.h"

#include <chrono>
#include <mutex>
#include <utility>
#include <variant>

#include <absl/algorithm/container.h>

#include "zk_store/client/zookeeper_native.h"

namespace metarec {
namespace {

// How much longer than asked for a created path can be: a sequence number of 10 digits and the
// terminating zero, rounded up.
constexpr size_t kSequenceBytesMax = 16;

// Encoding the largest transaction takes milliseconds. That the wait for it ends in any case is for
// locks of libzookeeper that we do not know of.
constexpr std::chrono::seconds kSubmitTimeMax{1};

std::timed_mutex& SubmitMutex() {
  static std::timed_mutex* const mutex = new std::timed_mutex;  // outlives all handles
  return *mutex;
}

bool IsSequential(const StoreOp& op) {
  const auto* create = std::get_if<CreateOp>(&op);
  return create != nullptr && (create->mode == CreateMode::kPersistentSequential ||
                               create->mode == CreateMode::kEphemeralSequential);
}

bool IsSet(const StoreOp& op) { return std::holds_alternative<SetOp>(op); }

size_t Count(const std::vector<StoreOp>& ops, bool (*is_meant)(const StoreOp&)) {
  return static_cast<size_t>(absl::c_count_if(ops, is_meant));
}

thread_local bool is_submitting = false;  // what zoo_amulti itself logs waits for nobody

}  // namespace

int SubmitMulti(zhandle_t* zookeeper, const std::vector<zoo_op_t>& ops, zoo_op_result_t* results,
                void_completion_t done, const void* data) {
  const std::lock_guard<std::timed_mutex> lock(SubmitMutex());
  if (is_unrecoverable(zookeeper) != ZOK) return ZINVALIDSTATE;
  const int state = zoo_state(zookeeper);
  if (state != ZOO_CONNECTED_STATE && state != ZOO_READONLY_STATE) return ZCONNECTIONLOSS;
  is_submitting = true;
  const int code =
      zoo_amulti(zookeeper, static_cast<int>(ops.size()), ops.data(), results, done, data);
  is_submitting = false;
  return code;
}

void AwaitSubmittedMultis() {
  if (is_submitting) return;
  if (SubmitMutex().try_lock_for(kSubmitTimeMax)) SubmitMutex().unlock();
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
  if (const auto* create = std::get_if<CreateOp>(&ops_[i])) {
    char* made = nullptr;  // the path that was asked for
    size_t made_size = 0;
    if (IsSequential(ops_[i])) {
      made_size = create->path.size() + kSequenceBytesMax;
      made = created_paths_.emplace_back(made_size, '\0').data();
    }
    zoo_create_op_init(&native, create->path.c_str(), create->data.data(),
                       static_cast<int>(create->data.size()), acl, ToNative(create->mode), made,
                       static_cast<int>(made_size));
  } else if (const auto* set = std::get_if<SetOp>(&ops_[i])) {
    zoo_set_op_init(&native, set->path.c_str(), set->data.data(),
                    static_cast<int>(set->data.size()), set->version, &stats_.emplace_back());
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

}  // namespace metarec
