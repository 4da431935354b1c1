// libzookeeper's types, codes and constants in our terms, and back.

#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <zookeeper/zookeeper.h>

#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_events.h"

namespace metarec {

NodeStat FromNative(const Stat& native);
Acl FromNative(const ACL_vector& native);
int ToNative(CreateMode mode);
SessionState FromNativeState(int state);
WatchEventType FromNativeEvent(int type);

// What a code other than ZOK means in a session that is in the state `session`.
StoreError StoreErrorOfCode(int code, SessionState session);

// What libzookeeper logs goes to glog, with its severity, or nowhere.
log_callback_fn LogCallback(bool to_glog);

// A node's data as libzookeeper wants them. Points into `data`.
struct NativeBytes {
  NativeBytes(const std::string& data, bool is_null)
      : bytes(is_null ? nullptr : data.data()),
        size(is_null ? -1 : static_cast<int>(data.size())) {}
  const char* bytes;
  int size;
};

// An ACL as libzookeeper wants it: pointers into strings that stay where they are.
class NativeAcl {
 public:
  explicit NativeAcl(Acl entries);
  NativeAcl(const NativeAcl&) = delete;
  NativeAcl& operator=(const NativeAcl&) = delete;

  const ACL_vector* vector() const { return &vector_; }

 private:
  Acl entries_;
  std::vector<ACL> native_;
  ACL_vector vector_ = {};
};

// A transaction in flight as libzookeeper wants it, which writes the results into it: it must stay
// where it is until that has completed.
class NativeMulti {
 public:
  // To be called once. What is returned points into this and into `acl`.
  std::vector<zoo_op_t> Prepare(std::vector<StoreOp> ops, const ACL_vector* acl);
  // Where the results go.
  zoo_op_result_t* results() { return results_.data(); }

  const std::vector<StoreOp>& ops() const { return ops_; }
  // Which operation failed with `code`, the code of the whole transaction. nullopt if the server
  // has not looked at the operations, as when the connection was lost.
  std::optional<size_t> FailedOp(int code) const;
  // Of a transaction that succeeded. To be called last.
  std::vector<StoreOpResult> TakeResults();

 private:
  zoo_op_t ToNativeOp(size_t i, const ACL_vector* acl);

  std::vector<StoreOp> ops_;
  std::vector<zoo_op_result_t> results_;
  std::vector<std::string> created_paths_;  // of the sequential creations, one after the other
  std::vector<Stat> stats_;                 // of the SetOps
  std::deque<NativeAcl> acls_;              // of the CreateOps that bring their own
};

// kFailedPrecondition if the program is linked so that SubmitMulti's protection does not work.
absl::Status CheckGuard(zhandle_t* zookeeper);

// zoo_amulti without its fault, which is to free memory of ours when it finds in the middle that
// the session has ended (zookeeper_native.cc). `ops` may be changed. ZINVALIDSTATE if nothing was
// queued because the session has ended. Thread-safe.
int SubmitMulti(zhandle_t* zookeeper, std::vector<zoo_op_t>* ops, zoo_op_result_t* results,
                void_completion_t done, const void* data);

}  // namespace metarec
