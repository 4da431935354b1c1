// One record of a transaction log, taken apart.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <absl/strings/string_view.h>

#include "zk_store/tree/data_directory/data_finding.h"

namespace metarec {

// ZooKeeper's numbers.
enum class TransactionType : int32_t {
  kCreate = 1,
  kDelete = 2,
  kSetData = 5,
  kSetAcl = 7,
  kCheck = 13,
  kMulti = 14,
  kCreate2 = 15,
  kReconfig = 16,
  kCreateContainer = 19,
  kDeleteContainer = 20,
  kCreateTtl = 21,
  kCreateSession = -10,
  kCloseSession = -11,
  kError = -1,
};

// What a transaction does to one znode.
struct ZnodeChange {
  enum class Kind { kCreate, kDelete, kSetData, kSetAcl };

  Kind kind = Kind::kCreate;
  absl::string_view path;
  absl::string_view data;
  bool null_data = false;
  size_t data_offset = 0;  // in the record's bytes
  absl::string_view acl;   // as serialized
  int64_t owner = 0;       // of what is created
  int32_t version = 0;     // that it has afterwards; of a creation: the parent's child version
};

// A digest of the whole tree, as a server logs it.
struct LoggedDigest {
  int32_t version = 0;
  int64_t value = 0;
};

// Views point into the record's bytes. To be used again for the next record, which saves
// allocations.
struct Transaction {
  int64_t session = 0;
  int64_t zxid = 0;
  int64_t time_ms = 0;
  TransactionType type = TransactionType::kError;
  std::vector<ZnodeChange> changes;  // none of a multi that failed
  int32_t session_timeout_ms = 0;    // of kCreateSession
  // Of kCloseSession: what it deletes; without it, all ephemeral znodes of the session go.
  std::vector<absl::string_view> deleted_paths;
  bool has_deleted_paths = false;
  // Of the whole tree, after the transaction.
  std::optional<LoggedDigest> digest;
};

// The zxid alone; `bytes` has at least its header, or 0.
int64_t ZxidOfRecord(absl::string_view bytes);
int64_t TimeOfRecord(absl::string_view bytes);

// kNone, or why the bytes are no transaction.
DataDamage ParseTransaction(absl::string_view bytes, Transaction* transaction);

}  // namespace metarec
