// How far a split is, as a file beside what it writes: a line for what is to be done, and one for
// each unit that is complete. It is appended to, so that a kill at any moment leaves at most a last
// line that is cut short, which is as if it had not been written.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>

#include "migration/split/split_worker.h"

namespace metarec {

// What a split is of, and what it makes. Work that was begun goes on only if all of it is the same.
struct SplitScope {
  std::string backup_digest;
  int32_t source_count = 0;
  std::string app_name;
  int32_t app_id = 0;
  int32_t target_count = 0;
  size_t units = 0;
  int32_t shard = 0;
  int32_t shards = 1;

  friend bool operator==(const SplitScope&, const SplitScope&) = default;
};

// Thread-safe.
class SplitState {
 public:
  // Reads the file, or begins it. kFailedPrecondition if it is of another split, kDataLoss if it is
  // damaged; the message says what to do.
  static absl::StatusOr<std::unique_ptr<SplitState>> Open(const std::string& path,
                                                          const SplitScope& scope,
                                                          uint32_t expired_before);
  // Only reads it. kNotFound if it is not there.
  static absl::StatusOr<std::unique_ptr<SplitState>> Read(const std::string& path,
                                                          const SplitScope& scope);
  ~SplitState();

  // That of the run which began it.
  uint32_t expired_before() const { return expired_before_; }
  std::map<size_t, SplitUnitResult> complete() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Notes a unit that is complete, on the disk when this returns.
  absl::Status Add(size_t unit, const SplitUnitResult& result) ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets one whose files are damaged.
  void Forget(size_t unit) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  SplitState(std::string path, const SplitScope& scope) : path_(std::move(path)), scope_(scope) {}
  absl::Status OpenFile(uint32_t expired_before) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Load();
  absl::Status ReadScope(absl::string_view line);
  absl::Status ReadUnit(absl::string_view line, int64_t number);
  absl::Status Append(absl::string_view line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const SplitScope scope_;
  uint32_t expired_before_ = 0;
  mutable absl::Mutex mutex_;
  int file_ ABSL_GUARDED_BY(mutex_) = -1;
  std::map<size_t, SplitUnitResult> complete_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metarec
