#include "zk_store/client/meta_store.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/text/wording.h"

namespace metarec {
namespace {

// Jute, ZooKeeper's serialisation: strings and buffers have a length of 4 bytes before them.
constexpr size_t kLengthBytes = 4;
constexpr size_t kIntBytes = 4;
constexpr size_t kLongBytes = 8;
// Before each operation of a multi, and once behind the last: type, done, error.
constexpr size_t kMultiHeaderBytes = 9;
// xid and type; the length before them does not count towards jute.maxbuffer.
constexpr size_t kRequestHeaderBytes = 8;
static_assert(MetaStore::kMultiOverheadBytes == kRequestHeaderBytes + kMultiHeaderBytes);

template <typename Result>
asio::awaitable<Result> Fail(absl::Status status) {
  co_return status;
}

size_t AclBytes(const Acl& acl) {
  size_t bytes = kLengthBytes;
  for (const AclEntry& entry : acl) {
    bytes += kIntBytes + 2 * kLengthBytes + entry.scheme.size() + entry.id.size();
  }
  return bytes;
}

bool FitsIntoMulti(const StoreOp& op) {
  const auto* create = std::get_if<CreateOp>(&op);
  return !std::holds_alternative<SetAclOp>(op) &&
         (create == nullptr ||
          (create->mode != CreateMode::kContainer && create->mode != CreateMode::kTtl));
}

}  // namespace

Acl OpenAcl() { return {AclEntry()}; }

Acl CreatorOnlyAcl() { return {AclEntry{.scheme = "auth", .id = ""}}; }

absl::string_view OpName(const StoreOp& op) {
  static constexpr absl::string_view kNames[] = {"create", "set", "delete", "check",
                                                 "set the ACL of"};
  return kNames[op.index()];
}

const std::string& OpPath(const StoreOp& op) {
  return std::visit([](const auto& any_op) -> const std::string& { return any_op.path; }, op);
}

absl::Status CheckPath(absl::string_view operation, absl::string_view path, bool prefix) {
  const auto fail = [&](absl::string_view why) {
    return MakeStoreError(StoreError::kBadArguments, operation, path, why);
  };
  if (path.empty()) return fail("the path is empty");
  if (path.front() != '/') return fail("the path must start with '/'");
  if (path.find('\0') != absl::string_view::npos) return fail("the path contains a zero byte");
  if (path == "/") return absl::OkStatus();
  if (path.back() == '/') {
    if (!prefix) return fail("the path must not end with '/'");
    path.remove_suffix(1);
  }
  // In one pass, since a recovery checks millions of them.
  size_t begin = 1;
  for (size_t i = 1; i <= path.size(); ++i) {
    if (i < path.size() && path[i] != '/') {
      const auto c = static_cast<unsigned char>(path[i]);
      if (c < 0x20 || c == 0x7f) return fail("the path contains a control character");
      continue;
    }
    const absl::string_view component = path.substr(begin, i - begin);
    if (component.empty()) return fail("the path has an empty component");
    if (component == "." || component == "..") return fail("the path has a relative component");
    begin = i + 1;
  }
  return absl::OkStatus();
}

MetaStore::MetaStore(Acl acl, size_t request_bytes_max)
    : acl_(acl.empty() ? OpenAcl() : std::move(acl)),
      acl_bytes_(AclBytes(acl_)),
      request_bytes_max_(request_bytes_max) {}

size_t MetaStore::OpBytes(const StoreOp& op) const {
  const size_t common = kMultiHeaderBytes + kLengthBytes + OpPath(op).size();
  if (const auto* create = std::get_if<CreateOp>(&op)) {
    return common + kLengthBytes + create->data.size() +
           (create->acl.has_value() ? AclBytes(*create->acl) : acl_bytes_) + kIntBytes +
           (create->mode == CreateMode::kTtl ? kLongBytes : 0);
  }
  if (const auto* set = std::get_if<SetOp>(&op)) {
    return common + kLengthBytes + set->data.size() + kIntBytes;
  }
  if (const auto* set_acl = std::get_if<SetAclOp>(&op)) {
    return common + AclBytes(set_acl->acl) + kIntBytes;
  }
  return common + kIntBytes;
}

absl::Status MetaStore::CheckRequest(const StoreOp& op) const {
  const auto* create = std::get_if<CreateOp>(&op);
  const bool sequential = create != nullptr && (create->mode == CreateMode::kPersistentSequential ||
                                                create->mode == CreateMode::kEphemeralSequential);
  if (absl::Status status = CheckPath(OpName(op), OpPath(op), sequential); !status.ok()) {
    return status;
  }
  if (create != nullptr && create->mode == CreateMode::kTtl &&
      (create->ttl_ms < 1 || create->ttl_ms > kTtlMaxMs)) {
    return MakeStoreError(
        StoreError::kBadArguments, OpName(op), OpPath(op),
        absl::StrCat("the TTL is ", create->ttl_ms, " ms, it must be from 1 to ", kTtlMaxMs));
  }
  const size_t bytes = OpBytes(op) - kMultiHeaderBytes + kRequestHeaderBytes;
  if (bytes <= request_bytes_max_) return absl::OkStatus();
  return MakeStoreError(StoreError::kTooLarge, OpName(op), ShortenedInTheMiddle(OpPath(op)),
                        absl::StrCat(bytes, " bytes, the limit is ", request_bytes_max_));
}

asio::awaitable<absl::StatusOr<NodeData>> MetaStore::Get(std::string path,
                                                         std::shared_ptr<Watch> watch) {
  if (absl::Status status = CheckPath("get", path); !status.ok()) {
    return Fail<absl::StatusOr<NodeData>>(std::move(status));
  }
  return DoGet(std::move(path), std::move(watch));
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> MetaStore::Exists(
    std::string path, std::shared_ptr<Watch> watch) {
  if (absl::Status status = CheckPath("exists", path); !status.ok()) {
    return Fail<absl::StatusOr<std::optional<NodeStat>>>(std::move(status));
  }
  return DoExists(std::move(path), std::move(watch));
}

asio::awaitable<absl::StatusOr<NodeChildren>> MetaStore::Children(std::string path,
                                                                  std::shared_ptr<Watch> watch) {
  if (absl::Status status = CheckPath("children", path); !status.ok()) {
    return Fail<absl::StatusOr<NodeChildren>>(std::move(status));
  }
  return DoChildren(std::move(path), std::move(watch));
}

asio::awaitable<absl::StatusOr<NodeAcl>> MetaStore::GetAcl(std::string path) {
  if (absl::Status status = CheckPath("get the ACL of", path); !status.ok()) {
    return Fail<absl::StatusOr<NodeAcl>>(std::move(status));
  }
  return DoGetAcl(std::move(path));
}

asio::awaitable<absl::StatusOr<std::string>> MetaStore::Create(std::string path, std::string data,
                                                               CreateMode mode) {
  return Create(CreateOp{std::move(path), std::move(data), mode});
}

asio::awaitable<absl::StatusOr<std::string>> MetaStore::Create(CreateOp create) {
  StoreOp op = std::move(create);
  if (absl::Status status = CheckRequest(op); !status.ok()) {
    return Fail<absl::StatusOr<std::string>>(std::move(status));
  }
  return DoCreate(std::get<CreateOp>(std::move(op)));
}

asio::awaitable<absl::StatusOr<NodeStat>> MetaStore::Set(std::string path, std::string data,
                                                         int32_t version) {
  return Set(SetOp{std::move(path), std::move(data), version});
}

asio::awaitable<absl::StatusOr<NodeStat>> MetaStore::Set(SetOp set) {
  StoreOp op = std::move(set);
  if (absl::Status status = CheckRequest(op); !status.ok()) {
    return Fail<absl::StatusOr<NodeStat>>(std::move(status));
  }
  return DoSet(std::get<SetOp>(std::move(op)));
}

asio::awaitable<absl::Status> MetaStore::Delete(std::string path, int32_t version) {
  StoreOp op = DeleteOp{std::move(path), version};
  if (absl::Status status = CheckRequest(op); !status.ok()) {
    return Fail<absl::Status>(std::move(status));
  }
  return DoDelete(std::get<DeleteOp>(std::move(op)));
}

asio::awaitable<absl::Status> MetaStore::SetAcl(std::string path, Acl acl, int32_t acl_version) {
  StoreOp op = SetAclOp{std::move(path), std::move(acl), acl_version};
  if (absl::Status status = CheckRequest(op); !status.ok()) {
    return Fail<absl::Status>(std::move(status));
  }
  return DoSetAcl(std::get<SetAclOp>(std::move(op)));
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> MetaStore::Multi(
    std::vector<StoreOp> ops) {
  using Result = absl::StatusOr<std::vector<StoreOpResult>>;
  if (ops.empty()) {
    return Fail<Result>(
        MakeStoreError(StoreError::kBadArguments, "multi", "", "it has no operations"));
  }
  size_t bytes = kMultiOverheadBytes;
  for (const StoreOp& op : ops) {
    if (absl::Status status = CheckRequest(op); !status.ok()) return Fail<Result>(status);
    if (!FitsIntoMulti(op)) {
      return Fail<Result>(MakeStoreError(StoreError::kBadArguments, OpName(op), OpPath(op),
                                         "it cannot be a part of a multi"));
    }
    bytes += OpBytes(op);
  }
  if (bytes > request_bytes_max_) {
    return Fail<Result>(MakeStoreError(StoreError::kTooLarge, "multi",
                                       ShortenedInTheMiddle(OpPath(ops.front())),
                                       absl::StrCat(ops.size(), " operations, ", bytes,
                                                    " bytes, the limit is ", request_bytes_max_)));
  }
  return DoMulti(std::move(ops));
}

asio::awaitable<absl::Status> MetaStore::Sync(std::string path) {
  if (absl::Status status = CheckPath("sync", path); !status.ok()) {
    return Fail<absl::Status>(std::move(status));
  }
  return DoSync(std::move(path));
}

}  // namespace metarec
