#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <zookeeper/zookeeper.h>

#include "zk_store/client/meta_store.h"

namespace metarec {

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
};

// zoo_amulti, but for its fault: while the session ends it frees memory that is ours. Without a
// connection nothing is queued (ZCONNECTIONLOSS, or ZINVALIDSTATE after the session's end).
// Thread-safe.
int SubmitMulti(zhandle_t* zookeeper, const std::vector<zoo_op_t>& ops, zoo_op_result_t* results,
                void_completion_t done, const void* data);

// Returns when no thread is within SubmitMulti's critical part. Every handle's log callback must
// begin with it.
void AwaitSubmittedMultis();

}  // namespace metarec
