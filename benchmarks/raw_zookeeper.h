// Bare loops over libzookeeper: what a write and a read of the same bytes take at best, and what
// they take one znode at a time.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace metarec::benchmarks {

struct RawZnode {
  std::string path;
  std::string data;
};

// Blocks. Not thread-safe.
class RawZooKeeper {
 public:
  static absl::StatusOr<std::unique_ptr<RawZooKeeper>> Connect(const std::string& hosts);
  ~RawZooKeeper();
  RawZooKeeper(const RawZooKeeper&) = delete;
  RawZooKeeper& operator=(const RawZooKeeper&) = delete;

  // In transactions of at most so many creations and bytes, so many of them in flight. The first
  // `parents` znodes come alone, since the others are below them.
  absl::Status CreateInMultis(const std::vector<RawZnode>& znodes, size_t parents, size_t ops_max,
                              size_t bytes_max, size_t in_flight_max);
  // One asynchronous creation for each, all in flight: how Pegasus's meta server writes.
  absl::Status CreateOneByOne(const std::vector<RawZnode>& znodes);
  absl::Status GetAll(const std::vector<RawZnode>& znodes, size_t in_flight_max);
  // Of each znode its data and its ACL.
  absl::Status GetAllWithAcls(const std::vector<RawZnode>& znodes, size_t in_flight_max);
  // Transactions of version checks.
  absl::Status CheckAll(const std::vector<RawZnode>& znodes, size_t ops_max, size_t in_flight_max);

  // Creates a path of several components, each if it is not there.
  absl::Status MakePath(const std::string& path);

 private:
  struct Session;
  explicit RawZooKeeper(std::unique_ptr<Session> session);

  const std::unique_ptr<Session> session_;
};

}  // namespace metarec::benchmarks
