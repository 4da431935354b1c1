#include "zk_store/tree/own_work.h"

#include <absl/algorithm/container.h>

#include "base/runtime/status_macros.h"
#include "zk_store/tree/acl_text.h"

namespace metarec {

absl::Status OwnWork::GoTo(absl::string_view path) {
  if (pass_before_ == nullptr) return absl::OkStatus();
  if (!began_) {
    began_ = true;
    METAREC_RETURN_IF_ERROR(pass_before_->Rewind());
    METAREC_ASSIGN_OR_RETURN(entry_, pass_before_->Next());
  }
  while (entry_.has_value() && ComparePaths(entry_->path, path) < 0) {
    METAREC_ASSIGN_OR_RETURN(entry_, pass_before_->Next());
  }
  here_ = entry_.has_value() && entry_->path == path;
  return absl::OkStatus();
}

bool OwnWork::OwnsData(const TreeNode& present) const {
  if (pass_before_ != nullptr) return here_ && entry_->content == FingerprintOf(present);
  if (!runs_before_.has_value()) return false;
  const RunsBefore& runs = *runs_before_;
  if (present.path.empty() && present.stat.mzxid == runs.root_mzxid) return true;
  return absl::c_binary_search(runs.marks.transactions, present.stat.mzxid) ||
         absl::c_binary_search(runs.marks.claims, ClaimOfData(present));
}

bool OwnWork::OwnsAcl(const TreeNode& present) const {
  if (!runs_before_.has_value()) return OwnsData(present);
  const RunsBefore& runs = *runs_before_;
  if (absl::c_binary_search(runs.marks.claims, ClaimOfAcl(present.path, present.acl))) return true;
  if (present.path.empty()) return present.stat.acl_version == runs.root_acl_version;
  if (present.stat.acl_version != 0) return false;
  return SameAcl(present.acl, runs.own) ||
         absl::c_binary_search(runs.marks.transactions, present.stat.czxid);
}

}  // namespace metarec
