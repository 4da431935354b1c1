#include "zk_store/tree/data_directory/replayed_tree.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <absl/hash/hash.h>
#include <absl/strings/str_cat.h>
#include <zlib.h>

#include "base/text/printable.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/data_directory/jute_reader.h"

namespace metarec {
namespace {

constexpr char kEveryoneMayRead[] =
    "\0\0\0\1\0\0\0\1\0\0\0\5world\0\0\0\6anyone";  // a serialized vector of one ACL

uint32_t Crc(uint32_t crc, absl::string_view bytes) {
  // For a null pointer zlib returns the initial value, whatever `crc` is.
  if (bytes.empty()) return crc;
  return static_cast<uint32_t>(
      crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

void PutBigEndian(uint64_t value, int size, char** at) {
  for (int i = size - 1; i >= 0; --i) *(*at)++ = static_cast<char>(value >> (8 * i));
}

// What ZooKeeper's DigestCalculator (version 2) adds for one znode.
uint32_t ZnodeDigest(uint32_t content_crc, const ReplayedTree::Stat& stat) {
  char bytes[60];
  char* at = bytes;
  for (const int64_t value : {stat.czxid, stat.mzxid, stat.pzxid, stat.ctime_ms, stat.mtime_ms}) {
    PutBigEndian(static_cast<uint64_t>(value), 8, &at);
  }
  for (const int32_t value : {stat.version, stat.child_version, stat.acl_version}) {
    PutBigEndian(static_cast<uint32_t>(value), 4, &at);
  }
  PutBigEndian(static_cast<uint64_t>(stat.owner), 8, &at);
  return Crc(content_crc, absl::string_view(bytes, sizeof(bytes)));
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// As Java's String.getBytes() has it in a character set of one byte a character, whose characters
// are those below `end`.
std::string InBytes(absl::string_view utf8, uint32_t end) {
  std::string bytes;
  while (!utf8.empty()) {
    uint32_t code_point = 0;
    const size_t size = std::max<size_t>(Utf8Character(utf8, &code_point), 1);
    bytes += size > 1 || code_point < 0x80
                 ? (code_point < end ? static_cast<char>(code_point) : '?')
                 : '?';
    utf8.remove_prefix(size);
  }
  return bytes;
}

bool IsPath(absl::string_view path) {
  return !path.empty() && path[0] == '/' && path.back() != '/' &&
         path.find("//") == absl::string_view::npos && path.find('\0') == absl::string_view::npos;
}

}  // namespace

AclTable::AclTable() { acls_ = {OpenAcl(), Acl()}; }

bool AclTable::Add(absl::string_view bytes, uint32_t* number) {
  if (const auto found = numbers_.find(bytes); found != numbers_.end()) {
    *number = found->second;
    return true;
  }
  JuteReader reader(bytes);
  const int32_t count = reader.Int();
  Acl acl;
  for (int32_t i = 0; i < count && reader.ok(); ++i) {
    AclEntry entry;
    entry.permissions = reader.Int();
    entry.scheme = std::string(reader.Bytes());
    entry.id = std::string(reader.Bytes());
    acl.push_back(std::move(entry));
  }
  constexpr size_t kAclsMax = (size_t{1} << 30) - 1;
  if (!reader.ok() || reader.remaining() > 0 || acls_.size() >= kAclsMax) return false;
  // No list at all is everyone's.
  if (count < 0) {
    *number = kOpen;
  } else {
    *number = static_cast<uint32_t>(acls_.size());
    acls_.push_back(std::move(acl));
  }
  numbers_.emplace(bytes, *number);
  return true;
}

bool NameArena::Add(absl::string_view name, uint32_t* place) {
  constexpr size_t kBlockBytes = size_t{1} << kBlockBits;
  constexpr size_t kBlocksMax = size_t{1} << (32 - kBlockBits);
  if (name.size() > kNameBytesMax) return false;
  const bool is_long = name.size() >= 0xff;
  const size_t bytes = name.size() + (is_long ? 5 : 1);
  if (block_used_ + bytes > kBlockBytes) {
    if (blocks_.size() == kBlocksMax) return false;
    // Not value-initialized: pages of a block that are not used yet take no memory.
    blocks_.emplace_back(new char[kBlockBytes]);
    block_used_ = 0;
  }
  *place = static_cast<uint32_t>((blocks_.size() - 1) << kBlockBits | block_used_);
  char* at = blocks_.back().get() + block_used_;
  *at++ = static_cast<char>(is_long ? 0xff : name.size());
  if (is_long) {
    const uint32_t size = static_cast<uint32_t>(name.size());
    std::memcpy(at, &size, sizeof(size));
    at += sizeof(size);
  }
  if (!name.empty()) std::memcpy(at, name.data(), name.size());
  block_used_ += bytes;
  used_bytes_ += static_cast<int64_t>(bytes);
  return true;
}

absl::string_view NameArena::Get(uint32_t place) const {
  const char* at = blocks_[place >> kBlockBits].get() + (place & ((1u << kBlockBits) - 1));
  uint32_t size = static_cast<unsigned char>(*at++);
  if (size == 0xff) {
    std::memcpy(&size, at, sizeof(size));
    at += sizeof(size);
  }
  return absl::string_view(at, size);
}

void NameArena::Free(uint32_t place) {
  const int64_t bytes = static_cast<int64_t>(Get(place).size()) + 1;
  used_bytes_ -= bytes;
  freed_bytes_ += bytes;
}

ReplayedTree::ReplayedTree() { slots_.assign(1024, kNone); }

void ReplayedTree::BeginEmpty() {
  uint32_t readable = AclTable::kOpen;
  acls_.Add(absl::string_view(kEveryoneMayRead, sizeof(kEveryoneMayRead) - 1), &readable);
  const DataPlace nothing;
  const std::string system(kSystemPath);
  for (const std::string& path : {std::string(), system, system + "/quota"}) {
    Insert(path, "", nothing, AclTable::kOpen, {});
  }
  Stat config;
  config.acl_version = -1;
  Insert(system + "/config", "", nothing, readable, config);
}

ChangeFit ReplayedTree::Insert(absl::string_view path, absl::string_view data,
                               const DataPlace& place, uint32_t acl, const Stat& stat) {
  if (path.empty()) {
    if (size_ > 0) return ChangeFit::kNodeExists;
    return Add(path, kRoot, "", data, place, acl, stat) == kRoot ? ChangeFit::kFits
                                                                 : ChangeFit::kBadPath;
  }
  absl::string_view name;
  const uint32_t parent = FindParent(path, &name);
  if (parent == kNone) return IsPath(path) ? ChangeFit::kNoParent : ChangeFit::kBadPath;
  if (FindChild(parent, name) != kNone) return ChangeFit::kNodeExists;
  if (Add(path, parent, name, data, place, acl, stat) == kNone) return ChangeFit::kBadPath;
  return ChangeFit::kFits;
}

ChangeFit ReplayedTree::Create(const ZnodeChange& change, const DataPlace& place, uint32_t acl,
                               int64_t zxid, int64_t time_ms) {
  absl::string_view name;
  const uint32_t parent = FindParent(change.path, &name);
  if (parent == kNone) return IsPath(change.path) ? ChangeFit::kNoParent : ChangeFit::kBadPath;
  const uint32_t existing = FindChild(parent, name);
  const int32_t child_version =
      change.version == -1 ? Get(parent).stat.child_version + 1 : change.version;
  if (existing != kNone) {
    // A snapshot that was written meanwhile holds the znode, but perhaps not its ACL, and the
    // parent as it was before.
    At(existing).acl = acl;
    RaiseChildVersion(parent, child_version, zxid);
    return ChangeFit::kNodeExists;
  }
  Stat stat;
  stat.czxid = stat.mzxid = stat.pzxid = zxid;
  stat.ctime_ms = stat.mtime_ms = time_ms;
  stat.owner = change.owner;
  if (Add(change.path, parent, name, change.data, place, acl, stat) == kNone) {
    return ChangeFit::kBadPath;
  }
  RaiseChildVersion(parent, child_version, zxid);
  return ChangeFit::kFits;
}

ChangeFit ReplayedTree::SetData(const ZnodeChange& change, const DataPlace& place, int64_t zxid,
                                int64_t time_ms) {
  const uint32_t index = Find(change.path);
  if (index == kNone) return ChangeFit::kNoNode;
  Count(index, false);
  Znode& node = At(index);
  node.stat.mtime_ms = time_ms;
  node.stat.mzxid = zxid;
  node.stat.version = change.version;
  SetContent(index, change.path == "/" ? "" : change.path, change.data, place);
  Count(index, true);
  return ChangeFit::kFits;
}

ChangeFit ReplayedTree::SetAcl(const ZnodeChange& change, uint32_t acl) {
  const uint32_t index = Find(change.path);
  if (index == kNone) return ChangeFit::kNoNode;
  Count(index, false);
  At(index).stat.acl_version = change.version;
  At(index).acl = acl;
  Count(index, true);
  return ChangeFit::kFits;
}

ChangeFit ReplayedTree::Delete(absl::string_view path, int64_t zxid) {
  absl::string_view name;
  const uint32_t parent = FindParent(path, &name);
  if (parent == kNone) return IsPath(path) ? ChangeFit::kNoParent : ChangeFit::kBadPath;
  if (zxid > Get(parent).stat.pzxid) {
    Count(parent, false);
    At(parent).stat.pzxid = zxid;
    Count(parent, true);
  }
  const uint32_t index = FindChild(parent, name);
  if (index == kNone) return ChangeFit::kNoNode;
  const bool has_children = Get(index).num_children > 0;
  RemoveWithDescendants(index);
  return has_children ? ChangeFit::kHasChildren : ChangeFit::kFits;
}

void ReplayedTree::DeleteEphemerals(int64_t session, int64_t zxid) {
  const auto found = ephemerals_.find(session);
  if (found == ephemerals_.end()) return;
  const std::vector<uint32_t> indexes(found->second.begin(), found->second.end());
  std::vector<std::string> paths;
  paths.reserve(indexes.size());
  for (const uint32_t index : indexes) paths.push_back(Path(index));
  for (const std::string& path : paths) Delete(path, zxid);
  ephemerals_.erase(session);
}

bool ReplayedTree::HasDigest(int64_t digest) const {
  return std::any_of(digest_.begin(), digest_.end(),
                     [digest](uint64_t sum) { return sum == static_cast<uint64_t>(digest); });
}

uint32_t ReplayedTree::Find(absl::string_view path) const {
  if (size_ == 0) return kNone;
  if (path.empty() || path == "/") return kRoot;
  if (!IsPath(path)) return kNone;
  uint32_t index = kRoot;
  const size_t last_slash = path.rfind('/');
  if (last_parent_ != kNone && last_parent_path_ == path.substr(0, last_slash)) {
    return FindChild(last_parent_, path.substr(last_slash + 1));
  }
  size_t begin = 1;
  while (index != kNone && begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    index = FindChild(index, path.substr(begin, end - begin));
    begin = end + 1;
  }
  return index;
}

std::string ReplayedTree::Path(uint32_t index) const {
  std::vector<uint32_t> chain;
  for (; index != kRoot; index = Get(index).parent) chain.push_back(index);
  std::string path;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) absl::StrAppend(&path, "/", Name(*it));
  return path;
}

DataPlace ReplayedTree::Place(uint32_t index) const {
  const Znode& node = Get(index);
  return {.offset = node.data_offset,
          .bytes = node.data_bytes,
          .file = static_cast<uint16_t>(node.data_file),
          .is_null = node.data_is_null != 0};
}

uint32_t ReplayedTree::FindChild(uint32_t parent, absl::string_view name) const {
  for (uint32_t index = slots_[Slot(parent, name)]; index != kNone; index = Get(index).next) {
    if (Get(index).parent == parent && index != kRoot && Name(index) == name) return index;
  }
  return kNone;
}

uint32_t ReplayedTree::FindParent(absl::string_view path, absl::string_view* name) {
  if (!IsPath(path)) return kNone;
  const size_t last_slash = path.rfind('/');
  const absl::string_view parent_path = path.substr(0, last_slash);
  *name = path.substr(last_slash + 1);
  if (last_parent_ != kNone && last_parent_path_ == parent_path) return last_parent_;
  const uint32_t parent = Find(parent_path);
  if (parent != kNone) {
    last_parent_path_ = std::string(parent_path);
    last_parent_ = parent;
  }
  return parent;
}

uint32_t ReplayedTree::Add(absl::string_view path, uint32_t parent, absl::string_view name,
                           absl::string_view data, const DataPlace& place, uint32_t acl,
                           const Stat& stat) {
  uint32_t name_place = 0;
  if (!names_.Add(name, &name_place)) return kNone;
  uint32_t index = free_;
  if (index != kNone) {
    free_ = Get(index).next;
  } else {
    if (index_end_ == kNone) return kNone;
    index = index_end_++;
    if ((index >> kBlockBits) == blocks_.size()) {
      blocks_.push_back(std::make_unique<Znode[]>(size_t{1} << kBlockBits));
    }
  }
  if (static_cast<size_t>(size_) >= slots_.size()) Grow();
  Znode& node = At(index);
  node = Znode();
  node.stat = stat;
  node.parent = parent;
  node.name = name_place;
  node.acl = acl;
  node.is_used = 1;
  if (index != kRoot) {
    const Znode& above = Get(parent);
    const bool is_system =
        (above.parent == kRoot && parent != kRoot && Name(parent) == kSystemPath.substr(1));
    node.is_counted = above.is_counted != 0 && !is_system ? 1 : 0;
    ++At(parent).num_children;
    uint32_t& slot = slots_[Slot(parent, name)];
    node.next = slot;
    slot = index;
    if (KindOfOwner(stat.owner) == NodeKind::kEphemeral) ephemerals_[stat.owner].insert(index);
  } else {
    node.is_counted = 1;
    node.next = kNone;
  }
  ++size_;
  SetContent(index, path, data, place);
  Count(index, true);
  return index;
}

void ReplayedTree::SetContent(uint32_t index, absl::string_view path, absl::string_view data,
                              const DataPlace& place) {
  Znode& node = At(index);
  node.content_crc = Crc(Crc(0, path), data);
  node.data_bytes = static_cast<uint32_t>(data.size());
  node.data_offset = place.offset;
  node.data_file = place.file;
  node.data_is_null = place.is_null ? 1 : 0;
  if (!IsAscii(path)) {
    constexpr uint32_t kAsciiEnd = 0x80;
    constexpr uint32_t kLatin1End = 0x100;
    other_crcs_[index] = {Crc(Crc(0, InBytes(path, kAsciiEnd)), data),
                          Crc(Crc(0, InBytes(path, kLatin1End)), data)};
  }
}

void ReplayedTree::Count(uint32_t index, bool add) {
  const Znode& node = Get(index);
  if (node.is_counted == 0) return;
  const uint64_t share = ZnodeDigest(node.content_crc, node.stat);
  Sums shares = {share, share, share};
  if (!other_crcs_.empty()) {
    if (const auto found = other_crcs_.find(index); found != other_crcs_.end()) {
      for (int i = 1; i < kCharsets; ++i) shares[i] = ZnodeDigest(found->second[i - 1], node.stat);
    }
  }
  for (int i = 0; i < kCharsets; ++i) digest_[i] += add ? shares[i] : ~shares[i] + 1;
}

void ReplayedTree::RaiseChildVersion(uint32_t parent, int32_t child_version, int64_t zxid) {
  if (child_version <= Get(parent).stat.child_version) return;
  Count(parent, false);
  At(parent).stat.child_version = child_version;
  At(parent).stat.pzxid = zxid;
  Count(parent, true);
}

void ReplayedTree::Remove(uint32_t index) {
  Count(index, false);
  Unlink(index);
  Znode& node = At(index);
  if (KindOfOwner(node.stat.owner) == NodeKind::kEphemeral) {
    const auto found = ephemerals_.find(node.stat.owner);
    if (found != ephemerals_.end()) {
      found->second.erase(index);
      if (found->second.empty()) ephemerals_.erase(found);
    }
  }
  if (!other_crcs_.empty()) other_crcs_.erase(index);
  --At(node.parent).num_children;
  names_.Free(node.name);
  node = Znode();
  node.next = free_;
  free_ = index;
  --size_;
  if (last_parent_ == index) last_parent_ = kNone;
  if (names_.wants_gathering()) GatherNames();
}

// Only a snapshot that was written meanwhile holds children of a znode that is deleted: later ones,
// which are created again. They are rare, so that all znodes may be looked at.
void ReplayedTree::RemoveWithDescendants(uint32_t index) {
  if (Get(index).num_children > 0) {
    std::vector<uint32_t> found = {index};
    absl::flat_hash_map<uint32_t, std::vector<uint32_t>> children;
    for (uint32_t i = 1; i < index_end_; ++i) {
      if (Get(i).is_used != 0) children[Get(i).parent].push_back(i);
    }
    for (size_t i = 0; i < found.size(); ++i) {
      const auto below = children.find(found[i]);
      if (below == children.end()) continue;
      found.insert(found.end(), below->second.begin(), below->second.end());
    }
    for (size_t i = found.size(); i-- > 1;) Remove(found[i]);
  }
  Remove(index);
}

void ReplayedTree::Unlink(uint32_t index) {
  uint32_t* link = &slots_[Slot(Get(index).parent, Name(index))];
  while (*link != index) link = &At(*link).next;
  *link = Get(index).next;
}

size_t ReplayedTree::Slot(uint32_t parent, absl::string_view name) const {
  return absl::HashOf(parent, name) & (slots_.size() - 1);
}

void ReplayedTree::Grow() {
  slots_.assign(slots_.size() * 2, kNone);
  for (uint32_t index = 1; index < index_end_; ++index) {
    Znode& node = At(index);
    if (node.is_used == 0) continue;
    uint32_t& slot = slots_[Slot(node.parent, names_.Get(node.name))];
    node.next = slot;
    slot = index;
  }
}

void ReplayedTree::GatherNames() {
  NameArena gathered;
  for (uint32_t index = 0; index < index_end_; ++index) {
    Znode& node = At(index);
    if (node.is_used == 0) continue;
    uint32_t place = 0;
    // Cannot fail: it takes no more room than it had.
    (void)gathered.Add(names_.Get(node.name), &place);
    node.name = place;
  }
  names_ = std::move(gathered);
}

}  // namespace metarec
