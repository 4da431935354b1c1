#include "zk_store/zookeeper_multi.h"

#include <utility>
#include <variant>

#include "zk_store/zookeeper_native.h"

namespace metarec {
namespace {

// How much longer than asked for a created path can be: a sequence number of 10 digits and the
// terminating zero, rounded up.
constexpr size_t kSequenceBytesMax = 16;

}  // namespace

std::vector<zoo_op_t> NativeMulti::Prepare(std::vector<StoreOp> ops, const ACL_vector* acl) {
  ops_ = std::move(ops);
  results_.resize(ops_.size());
  created_paths_.resize(ops_.size());
  stats_.resize(ops_.size());
  std::vector<zoo_op_t> native(ops_.size());
  for (size_t i = 0; i < ops_.size(); ++i) native[i] = ToNativeOp(i, acl);
  return native;
}

zoo_op_t NativeMulti::ToNativeOp(size_t i, const ACL_vector* acl) {
  zoo_op_t native = {};
  if (const auto* create = std::get_if<CreateOp>(&ops_[i])) {
    std::string& made = created_paths_[i];
    made.resize(create->path.size() + kSequenceBytesMax);
    zoo_create_op_init(&native, create->path.c_str(), create->data.data(),
                       static_cast<int>(create->data.size()), acl, ToNative(create->mode),
                       made.data(), static_cast<int>(made.size()));
  } else if (const auto* set = std::get_if<SetOp>(&ops_[i])) {
    zoo_set_op_init(&native, set->path.c_str(), set->data.data(),
                    static_cast<int>(set->data.size()), set->version, &stats_[i]);
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

std::vector<StoreOpResult> NativeMulti::Results() const {
  std::vector<StoreOpResult> results(ops_.size());
  for (size_t i = 0; i < ops_.size(); ++i) {
    if (std::holds_alternative<CreateOp>(ops_[i])) {
      results[i].created_path = created_paths_[i].c_str();
    } else if (std::holds_alternative<SetOp>(ops_[i])) {
      results[i].stat = FromNative(stats_[i]);
    }
  }
  return results;
}

}  // namespace metarec
