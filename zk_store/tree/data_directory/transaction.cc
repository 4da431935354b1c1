#include "zk_store/tree/data_directory/transaction.h"

#include "zk_store/tree/data_directory/jute_reader.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {
namespace {

constexpr size_t kDigestBytes = 12;
constexpr size_t kZxidOffset = 12;
constexpr size_t kTimeOffset = 20;
constexpr int32_t kUnknownChildVersion = -1;  // written by ZooKeeper before 3.4.1

// The bytes of a vector of ACLs, which AclTable parses.
absl::string_view AclBytes(JuteReader* reader) {
  const size_t begin = reader->offset();
  const int32_t count = reader->Int();
  for (int32_t i = 0; i < count && reader->ok(); ++i) {
    reader->Int();
    reader->Bytes();
    reader->Bytes();
  }
  return reader->ok() ? reader->Since(begin) : absl::string_view();
}

void ReadData(JuteReader* reader, size_t base, ZnodeChange* change) {
  change->data = reader->Bytes(&change->null_data);
  change->data_offset = base + reader->offset() - change->data.size();
}

void ReadCreation(TransactionType type, JuteReader* reader, size_t base, int64_t session,
                  ZnodeChange* change) {
  change->kind = ZnodeChange::Kind::kCreate;
  change->path = reader->Bytes();
  ReadData(reader, base, change);
  change->acl = AclBytes(reader);
  change->owner = 0;
  if (type == TransactionType::kCreateContainer) {
    change->owner = OwnerOfContainer();
  } else if (type != TransactionType::kCreateTtl) {
    if (reader->Bool()) change->owner = session;
    if (type == TransactionType::kCreate && reader->remaining() == 0) {
      change->version = kUnknownChildVersion;
      return;
    }
  }
  change->version = reader->Int();
  if (type == TransactionType::kCreateTtl) {
    change->owner = OwnerOfTtl(reader->Long());
  }
}

// What one operation changes; `base` is where the reader's bytes begin in the record's. False if
// the type is not one of those that change a znode.
bool ReadChange(TransactionType type, JuteReader* reader, size_t base, int64_t session,
                ZnodeChange* change) {
  switch (type) {
    case TransactionType::kCreate:
    case TransactionType::kCreate2:
    case TransactionType::kCreateContainer:
    case TransactionType::kCreateTtl:
      ReadCreation(type, reader, base, session, change);
      return true;
    case TransactionType::kDelete:
    case TransactionType::kDeleteContainer:
      change->kind = ZnodeChange::Kind::kDelete;
      change->path = reader->Bytes();
      return true;
    case TransactionType::kSetData:
    case TransactionType::kReconfig:
      change->kind = ZnodeChange::Kind::kSetData;
      change->path = reader->Bytes();
      ReadData(reader, base, change);
      change->version = reader->Int();
      return true;
    case TransactionType::kSetAcl:
      change->kind = ZnodeChange::Kind::kSetAcl;
      change->path = reader->Bytes();
      change->acl = AclBytes(reader);
      change->version = reader->Int();
      return true;
    default:
      return false;
  }
}

// A multi with an error inside changes nothing, whatever else it holds.
DataDamage ReadMulti(JuteReader* reader, Transaction* transaction) {
  const int32_t count = reader->Int();
  bool has_failed = false;
  for (int32_t i = 0; i < count && reader->ok(); ++i) {
    const auto type = static_cast<TransactionType>(reader->Int());
    const absl::string_view body = reader->Bytes();
    if (type == TransactionType::kError) has_failed = true;
    if (type == TransactionType::kCheck || has_failed) continue;
    JuteReader inner(body);
    ZnodeChange change;
    if (!ReadChange(type, &inner, reader->offset() - body.size(), transaction->session, &change)) {
      // If another operation has failed, this one never mattered.
      if (reader->ok()) {
        transaction->changes.clear();
        return DataDamage::kUnknownType;
      }
      break;
    }
    if (!inner.ok() || inner.remaining() > 0) return DataDamage::kBadContent;
    transaction->changes.push_back(change);
  }
  if (has_failed) transaction->changes.clear();
  return DataDamage::kNone;
}

// Without paths until 3.5, and later if so configured; then what follows is the digest or nothing.
void ReadCloseSession(JuteReader* reader, absl::string_view bytes, Transaction* transaction) {
  const size_t left = reader->remaining();
  constexpr int32_t kDigestVersion = 2;
  if (left == 0) return;
  if (left == kDigestBytes && JuteInt(bytes.data() + reader->offset()) == kDigestVersion) return;
  transaction->has_deleted_paths = true;
  const int32_t count = reader->Int();
  for (int32_t i = 0; i < count && reader->ok(); ++i) {
    transaction->deleted_paths.push_back(reader->Bytes());
  }
}

}  // namespace

int64_t ZxidOfRecord(absl::string_view bytes) {
  return bytes.size() < kTimeOffset ? 0 : JuteLong(bytes.data() + kZxidOffset);
}

int64_t TimeOfRecord(absl::string_view bytes) {
  return bytes.size() < kTimeOffset + 8 ? 0 : JuteLong(bytes.data() + kTimeOffset);
}

DataDamage ParseTransaction(absl::string_view bytes, Transaction* transaction) {
  JuteReader reader(bytes);
  transaction->changes.clear();
  transaction->deleted_paths.clear();
  transaction->has_deleted_paths = false;
  transaction->digest.reset();
  transaction->session = reader.Long();
  reader.Int();  // the client's own number of the request
  transaction->zxid = reader.Long();
  transaction->time_ms = reader.Long();
  transaction->type = static_cast<TransactionType>(reader.Int());
  if (!reader.ok()) return DataDamage::kBadContent;
  switch (transaction->type) {
    case TransactionType::kCreateSession:
      transaction->session_timeout_ms = reader.Int();
      break;
    case TransactionType::kCloseSession:
      ReadCloseSession(&reader, bytes, transaction);
      break;
    case TransactionType::kError:
      reader.Int();  // which error
      break;
    case TransactionType::kMulti:
      if (const DataDamage damage = ReadMulti(&reader, transaction); damage != DataDamage::kNone) {
        return damage;
      }
      break;
    default: {
      ZnodeChange change;
      if (!ReadChange(transaction->type, &reader, 0, transaction->session, &change)) {
        return DataDamage::kUnknownType;
      }
      transaction->changes.push_back(change);
    }
  }
  if (!reader.ok()) return DataDamage::kBadContent;
  if (reader.remaining() == kDigestBytes) {
    LoggedDigest digest;
    digest.version = reader.Int();
    digest.value = reader.Long();
    transaction->digest = digest;
  }
  return reader.remaining() == 0 ? DataDamage::kNone : DataDamage::kBadContent;
}

}  // namespace metarec
