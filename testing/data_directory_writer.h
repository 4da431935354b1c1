// Writes snapshots and logs as ZooKeeper servers write them, without a server: for files that no
// server of today makes, for damaged ones, and for large ones. Its digests are summed by a second,
// naive writing of ZooKeeper's rule.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"

namespace metarec::testing {

// What follows a snapshot's first seal.
enum class SnapshotTail {
  kNothing,        // until 3.5, or digests are disabled
  kDigest,         // 3.6 to 3.8
  kZxid,           // 3.9, digests are disabled
  kDigestAndZxid,  // 3.9
};

class DataDirectoryWriter {
 public:
  struct Znode {
    std::string data;
    Acl acl = OpenAcl();
    int64_t czxid = 0, mzxid = 0, pzxid = 0, ctime_ms = 0, mtime_ms = 0, owner = 0;
    int32_t version = 0, child_version = 0, acl_version = 0;
  };
  // Of a log's record; what a server writes by default.
  struct Record {
    int32_t type = 0;
    std::string body;
    int64_t session = 0x100;
  };

  // The tree of a new server, without any transaction.
  DataDirectoryWriter();

  bool with_digests = true;
  int64_t time_ms = 1'700'000'000'000;  // grows by 1 with each transaction

  // Each is one transaction that succeeds; returns its zxid.
  int64_t Create(const std::string& path, const std::string& data, int64_t session = 0);
  int64_t CreateWithAcl(const std::string& path, const std::string& data, const Acl& acl);
  int64_t CreateContainer(const std::string& path);
  int64_t CreateTtl(const std::string& path, int64_t ttl_ms);
  int64_t Set(const std::string& path, const std::string& data);
  int64_t SetAcl(const std::string& path, const Acl& acl);
  int64_t Delete(const std::string& path);
  int64_t CreateSession(int64_t session, int32_t timeout_ms);
  // With the paths that it deletes, as since 3.6, or without.
  int64_t CloseSession(int64_t session, bool with_paths = true);
  // A request that failed.
  int64_t Fail();
  // Creations and deletions (those without data) in one transaction.
  int64_t Multi(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes);
  // Any record; the tree stays as it is. `with_digest`: that of the tree.
  int64_t Append(const Record& record, bool with_digest);
  // The next transaction begins this epoch.
  void BeginEpoch(int64_t epoch);
  // A transaction that is executed, and in no log.
  void LoseNext() { loses_next_ = true; }

  // The log since the last TakeLog, and the zxid that its name has.
  std::string TakeLog(int64_t* first_zxid);
  // Of the tree as it is now.
  std::string Snapshot(SnapshotTail tail = SnapshotTail::kDigest) const;
  // Of `tree`, as if it had been written up to `fuzzy_end`.
  std::string SnapshotOf(const std::map<std::string, Znode>& tree, SnapshotTail tail,
                         int64_t fuzzy_end, uint64_t digest) const;

  int64_t zxid() const { return zxid_; }
  uint64_t digest() const { return digest_; }
  const std::map<std::string, Znode>& tree() const { return tree_; }  // the root is ""

  // A record with its checksum, and the seal of a snapshot's bytes.
  static std::string SealedRecord(absl::string_view transaction);
  static std::string Seal(absl::string_view bytes);
  static std::string LogHeader();
  static void PutInt(int64_t value, int bytes, std::string* out);
  static void PutBytes(absl::string_view bytes, std::string* out);
  static void PutAcl(const Acl& acl, std::string* out);

 private:
  void Begin();
  int64_t End(int32_t type, const std::string& body, int64_t session);
  void DoCreate(const std::string& path, const std::string& data, const Acl& acl, int64_t owner);
  void DoDelete(const std::string& path);
  std::string CreateBody(const std::string& path, const std::string& data, const Acl& acl,
                         bool is_ephemeral);
  Znode& Parent(const std::string& path);
  void Sum(const std::string& path, bool add);

  std::map<std::string, Znode> tree_;
  std::map<int64_t, int32_t> sessions_;
  int64_t zxid_ = 0;
  int64_t next_zxid_ = 0;
  uint64_t digest_ = 0;
  std::string log_;
  int64_t first_zxid_ = 0;
  bool loses_next_ = false;
};

}  // namespace metarec::testing
