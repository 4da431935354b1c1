// libzookeeper's types, codes and constants in our terms, and back.

#pragma once

#include <string>
#include <vector>

#include <zookeeper/zookeeper.h>

#include "zk_store/client/meta_store.h"
#include "zk_store/client/session_tracker.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/watch.h"

namespace metarec {

NodeStat FromNative(const Stat& native);
int ToNative(CreateMode mode);
SessionState FromNativeState(int state);
WatchEventType FromNativeEvent(int type);

// What a code other than ZOK means in a session that is in the state `session`.
StoreError StoreErrorOfCode(int code, SessionState session);

// What libzookeeper logs goes to glog, with its severity, or nowhere.
log_callback_fn LogCallback(bool to_glog);

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

}  // namespace metarec
