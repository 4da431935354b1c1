#include "testing/data_directory_writer.h"

#include <limits>
#include <utility>

#include <absl/strings/match.h>
#include <zlib.h>

namespace metarec::testing {
namespace {

constexpr int32_t kCreateType = 1;
constexpr int32_t kDeleteType = 2;
constexpr int32_t kSetDataType = 5;
constexpr int32_t kSetAclType = 7;
constexpr int32_t kMultiType = 14;
constexpr int32_t kCreateContainerType = 19;
constexpr int32_t kCreateTtlType = 21;
constexpr int32_t kCreateSessionType = -10;
constexpr int32_t kCloseSessionType = -11;
constexpr int32_t kErrorType = -1;
constexpr int32_t kDigestVersionWritten = 2;
constexpr int64_t kTtlOwnerBits = static_cast<int64_t>(0xff00000000000000);

uint32_t Adler(absl::string_view bytes) {
  return static_cast<uint32_t>(
      adler32(1, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string ParentPath(const std::string& path) { return path.substr(0, path.rfind('/')); }

uint64_t DigestOf(const std::string& path, const DataDirectoryWriter::Znode& node) {
  if (absl::StartsWith(path, "/zookeeper/")) return 0;
  std::string bytes = path + node.data;
  for (const int64_t value : {node.czxid, node.mzxid, node.pzxid, node.ctime_ms, node.mtime_ms}) {
    DataDirectoryWriter::PutInt(value, 8, &bytes);
  }
  for (const int32_t value : {node.version, node.child_version, node.acl_version}) {
    DataDirectoryWriter::PutInt(value, 4, &bytes);
  }
  DataDirectoryWriter::PutInt(node.owner, 8, &bytes);
  return crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
}

}  // namespace

void DataDirectoryWriter::PutInt(int64_t value, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

void DataDirectoryWriter::PutBytes(absl::string_view bytes, std::string* out) {
  PutInt(static_cast<int64_t>(bytes.size()), 4, out);
  out->append(bytes.data(), bytes.size());
}

void DataDirectoryWriter::PutAcl(const Acl& acl, std::string* out) {
  PutInt(static_cast<int64_t>(acl.size()), 4, out);
  for (const AclEntry& entry : acl) {
    PutInt(entry.permissions, 4, out);
    PutBytes(entry.scheme, out);
    PutBytes(entry.id, out);
  }
}

std::string DataDirectoryWriter::LogHeader() {
  std::string header = "ZKLG";
  PutInt(2, 4, &header);
  PutInt(0, 8, &header);
  return header;
}

std::string DataDirectoryWriter::SealedRecord(absl::string_view transaction) {
  std::string record;
  PutInt(Adler(transaction), 8, &record);
  PutBytes(transaction, &record);
  record += 'B';
  return record;
}

std::string DataDirectoryWriter::Seal(absl::string_view bytes) {
  std::string seal;
  PutInt(Adler(bytes), 8, &seal);
  PutBytes("/", &seal);
  return seal;
}

DataDirectoryWriter::DataDirectoryWriter() {
  for (const char* path : {"", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"}) {
    tree_[path];
    Sum(path, true);
  }
  tree_["/zookeeper/config"].acl = {{"world", "anyone", 1}};
  tree_["/zookeeper/config"].acl_version = -1;
}

int64_t DataDirectoryWriter::Create(const std::string& path, const std::string& data,
                                    int64_t session) {
  Begin();
  DoCreate(path, data, OpenAcl(), session);
  return End(kCreateType, CreateBody(path, data, OpenAcl(), session != 0), session);
}

int64_t DataDirectoryWriter::CreateWithAcl(const std::string& path, const std::string& data,
                                           const Acl& acl) {
  Begin();
  DoCreate(path, data, acl, 0);
  return End(kCreateType, CreateBody(path, data, acl, false), 0);
}

int64_t DataDirectoryWriter::CreateContainer(const std::string& path) {
  Begin();
  DoCreate(path, "", OpenAcl(), std::numeric_limits<int64_t>::min());
  std::string body;
  PutBytes(path, &body);
  PutBytes("", &body);
  PutAcl(OpenAcl(), &body);
  PutInt(Parent(path).child_version, 4, &body);
  return End(kCreateContainerType, body, 0);
}

int64_t DataDirectoryWriter::CreateTtl(const std::string& path, int64_t ttl_ms) {
  Begin();
  DoCreate(path, "", OpenAcl(), kTtlOwnerBits | ttl_ms);
  std::string body;
  PutBytes(path, &body);
  PutBytes("", &body);
  PutAcl(OpenAcl(), &body);
  PutInt(Parent(path).child_version, 4, &body);
  PutInt(ttl_ms, 8, &body);
  return End(kCreateTtlType, body, 0);
}

int64_t DataDirectoryWriter::Set(const std::string& path, const std::string& data) {
  Begin();
  Sum(path, false);
  Znode& node = tree_.at(path);
  node.data = data;
  node.mzxid = zxid_;
  node.mtime_ms = time_ms;
  ++node.version;
  Sum(path, true);
  std::string body;
  PutBytes(path, &body);
  PutBytes(data, &body);
  PutInt(node.version, 4, &body);
  return End(kSetDataType, body, 0);
}

int64_t DataDirectoryWriter::SetAcl(const std::string& path, const Acl& acl) {
  Begin();
  Sum(path, false);
  Znode& node = tree_.at(path);
  node.acl = acl;
  ++node.acl_version;
  Sum(path, true);
  std::string body;
  PutBytes(path, &body);
  PutAcl(acl, &body);
  PutInt(node.acl_version, 4, &body);
  return End(kSetAclType, body, 0);
}

int64_t DataDirectoryWriter::Delete(const std::string& path) {
  Begin();
  DoDelete(path);
  std::string body;
  PutBytes(path, &body);
  return End(kDeleteType, body, 0);
}

int64_t DataDirectoryWriter::CreateSession(int64_t session, int32_t timeout_ms) {
  Begin();
  sessions_[session] = timeout_ms;
  std::string body;
  PutInt(timeout_ms, 4, &body);
  return End(kCreateSessionType, body, session);
}

int64_t DataDirectoryWriter::CloseSession(int64_t session, bool with_paths) {
  Begin();
  sessions_.erase(session);
  std::vector<std::string> paths;
  for (const auto& [path, node] : tree_) {
    if (node.owner == session) paths.push_back(path);
  }
  std::string body;
  if (with_paths) {
    PutInt(static_cast<int64_t>(paths.size()), 4, &body);
    for (const std::string& path : paths) PutBytes(path, &body);
  }
  for (const std::string& path : paths) DoDelete(path);
  return End(kCloseSessionType, body, session);
}

int64_t DataDirectoryWriter::Fail() {
  Begin();
  std::string body;
  PutInt(-101, 4, &body);
  const bool had_digests = std::exchange(with_digests, false);
  const int64_t zxid = End(kErrorType, body, 0);
  with_digests = had_digests;
  return zxid;
}

int64_t DataDirectoryWriter::Multi(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& changes) {
  Begin();
  std::string body;
  PutInt(static_cast<int64_t>(changes.size()), 4, &body);
  for (const auto& [path, data] : changes) {
    std::string inner;
    if (data.has_value()) {
      DoCreate(path, *data, OpenAcl(), 0);
      inner = CreateBody(path, *data, OpenAcl(), false);
    } else {
      DoDelete(path);
      PutBytes(path, &inner);
    }
    PutInt(data.has_value() ? kCreateType : kDeleteType, 4, &body);
    PutBytes(inner, &body);
  }
  return End(kMultiType, body, 0);
}

int64_t DataDirectoryWriter::Append(const Record& record, bool with_digest) {
  Begin();
  const bool had_digests = std::exchange(with_digests, with_digest);
  const int64_t zxid = End(record.type, record.body, record.session);
  with_digests = had_digests;
  return zxid;
}

void DataDirectoryWriter::BeginEpoch(int64_t epoch) { next_zxid_ = epoch << 32 | 1; }

std::string DataDirectoryWriter::TakeLog(int64_t* first_zxid) {
  *first_zxid = first_zxid_;
  first_zxid_ = 0;
  return LogHeader() + std::exchange(log_, "");
}

std::string DataDirectoryWriter::Snapshot(SnapshotTail tail) const {
  return SnapshotOf(tree_, tail, zxid_, digest_);
}

std::string DataDirectoryWriter::SnapshotOf(const std::map<std::string, Znode>& tree,
                                            SnapshotTail tail, int64_t fuzzy_end,
                                            uint64_t digest) const {
  std::string bytes = "ZKSN";
  PutInt(2, 4, &bytes);
  PutInt(-1, 8, &bytes);
  PutInt(static_cast<int64_t>(sessions_.size()), 4, &bytes);
  for (const auto& [id, timeout_ms] : sessions_) {
    PutInt(id, 8, &bytes);
    PutInt(timeout_ms, 4, &bytes);
  }
  std::map<std::string, int64_t> acls;
  const auto key = [](const Acl& acl) {
    std::string text;
    PutAcl(acl, &text);
    return text;
  };
  const std::string open = key(OpenAcl());
  for (const auto& [path, node] : tree) acls.emplace(key(node.acl), 0);
  acls.erase(open);
  PutInt(static_cast<int64_t>(acls.size()), 4, &bytes);
  int64_t number = 0;
  for (auto& [acl, number_of] : acls) {
    PutInt(number_of = ++number, 8, &bytes);
    bytes += acl;
  }
  acls[open] = -1;
  for (const auto& [path, node] : tree) {
    PutBytes(path, &bytes);
    PutBytes(node.data, &bytes);
    PutInt(acls.at(key(node.acl)), 8, &bytes);
    for (const int64_t value : {node.czxid, node.mzxid, node.ctime_ms, node.mtime_ms}) {
      PutInt(value, 8, &bytes);
    }
    for (const int32_t value : {node.version, node.child_version, node.acl_version}) {
      PutInt(value, 4, &bytes);
    }
    PutInt(node.owner, 8, &bytes);
    PutInt(node.pzxid, 8, &bytes);
  }
  PutBytes("/", &bytes);
  bytes += Seal(bytes);
  if (tail == SnapshotTail::kDigest || tail == SnapshotTail::kDigestAndZxid) {
    PutInt(fuzzy_end, 8, &bytes);
    PutInt(kDigestVersionWritten, 4, &bytes);
    PutInt(static_cast<int64_t>(digest), 8, &bytes);
    bytes += Seal(bytes);
  }
  if (tail == SnapshotTail::kZxid || tail == SnapshotTail::kDigestAndZxid) {
    PutInt(zxid_, 8, &bytes);
    bytes += Seal(bytes);
  }
  return bytes;
}

void DataDirectoryWriter::Begin() {
  zxid_ = next_zxid_ != 0 ? std::exchange(next_zxid_, 0) : zxid_ + 1;
  ++time_ms;
}

int64_t DataDirectoryWriter::End(int32_t type, const std::string& body, int64_t session) {
  if (std::exchange(loses_next_, false)) return zxid_;
  std::string transaction;
  PutInt(session, 8, &transaction);
  PutInt(1, 4, &transaction);
  PutInt(zxid_, 8, &transaction);
  PutInt(time_ms, 8, &transaction);
  PutInt(type, 4, &transaction);
  transaction += body;
  if (with_digests) {
    PutInt(kDigestVersionWritten, 4, &transaction);
    PutInt(static_cast<int64_t>(digest_), 8, &transaction);
  }
  if (first_zxid_ == 0) first_zxid_ = zxid_;
  log_ += SealedRecord(transaction);
  return zxid_;
}

void DataDirectoryWriter::DoCreate(const std::string& path, const std::string& data, const Acl& acl,
                                   int64_t owner) {
  Sum(ParentPath(path), false);
  Znode& parent = Parent(path);
  ++parent.child_version;
  parent.pzxid = zxid_;
  Sum(ParentPath(path), true);
  Znode& node = tree_[path];
  node.data = data;
  node.acl = acl;
  node.czxid = node.mzxid = node.pzxid = zxid_;
  node.ctime_ms = node.mtime_ms = time_ms;
  node.owner = owner;
  Sum(path, true);
}

void DataDirectoryWriter::DoDelete(const std::string& path) {
  Sum(path, false);
  tree_.erase(path);
  Sum(ParentPath(path), false);
  Parent(path).pzxid = zxid_;
  Sum(ParentPath(path), true);
}

// To be called after the parent's child version has been raised.
std::string DataDirectoryWriter::CreateBody(const std::string& path, const std::string& data,
                                            const Acl& acl, bool is_ephemeral) {
  std::string body;
  PutBytes(path, &body);
  PutBytes(data, &body);
  PutAcl(acl, &body);
  PutInt(is_ephemeral ? 1 : 0, 1, &body);
  PutInt(Parent(path).child_version, 4, &body);
  return body;
}

DataDirectoryWriter::Znode& DataDirectoryWriter::Parent(const std::string& path) {
  return tree_.at(ParentPath(path));
}

void DataDirectoryWriter::Sum(const std::string& path, bool add) {
  const uint64_t share = DigestOf(path, tree_.at(path));
  digest_ += add ? share : ~share + 1;
}

}  // namespace metarec::testing
