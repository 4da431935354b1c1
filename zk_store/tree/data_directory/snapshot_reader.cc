#include "zk_store/tree/data_directory/snapshot_reader.h"

#include <algorithm>
#include <string>

#include "zk_store/tree/data_directory/jute_reader.h"

namespace metarec {
namespace {

constexpr int32_t kSnapshotMagic = 0x5a4b534e;  // "ZKSN"
constexpr int32_t kSnapshotVersion = 2;
constexpr size_t kSnapshotHeaderBytes = 16;
constexpr size_t kSessionBytes = 12;
constexpr int64_t kNumberOfOpenAcl = -1;
constexpr size_t kStatBytes = 60;
constexpr int32_t kBinaryDigestVersion = 2;  // before it, digests were hexadecimal strings

class SnapshotFile {
 public:
  SnapshotFile(int descriptor, uint16_t file, ReplayedTree* tree, SnapshotContent* content)
      : stream_(descriptor, true), file_(file), tree_(*tree), content_(*content) {}

  SnapshotDamage Read() {
    const bool is_sound = ReadHeader() && ReadSessions() && ReadAcls() && ReadZnodes() &&
                          ReadSeal() && ReadDigest() && ReadLastZxid() && AtEnd();
    return is_sound ? SnapshotDamage() : SnapshotDamage{damage_, offset_};
  }

 private:
  // Notes where what is read now begins, for the damage.
  bool Bad(DataDamage damage) {
    damage_ = damage;
    return false;
  }
  const char* Take(size_t size) {
    const char* bytes = stream_.Take(size);
    if (bytes == nullptr) damage_ = stream_.damage();
    return bytes;
  }
  bool TakeInt(int32_t* value) {
    const char* bytes = Take(4);
    if (bytes != nullptr) *value = JuteInt(bytes);
    return bytes != nullptr;
  }
  bool TakeLong(int64_t* value) {
    const char* bytes = Take(8);
    if (bytes != nullptr) *value = JuteLong(bytes);
    return bytes != nullptr;
  }
  // Valid until the next Take. -1 is no bytes.
  bool TakeBytes(absl::string_view* bytes, bool* is_null) {
    int32_t length = 0;
    if (!TakeInt(&length)) return false;
    *is_null = length == -1;
    *bytes = absl::string_view();
    if (length <= 0) return length == -1 || length == 0 || Bad(DataDamage::kBadLength);
    const char* taken = Take(static_cast<size_t>(length));
    if (taken == nullptr) return false;
    *bytes = absl::string_view(taken, static_cast<size_t>(length));
    return true;
  }
  bool TakeString(std::string* text) {
    absl::string_view bytes;
    bool is_null = false;
    if (!TakeBytes(&bytes, &is_null)) return false;
    text->assign(bytes.data(), bytes.size());
    return true;
  }
  void Mark() { offset_ = stream_.offset(); }

  bool ReadHeader() {
    Mark();
    const char* header = Take(kSnapshotHeaderBytes);
    if (header == nullptr) return false;
    if (JuteInt(header) != kSnapshotMagic) return Bad(DataDamage::kBadMagic);
    return JuteInt(header + 4) == kSnapshotVersion || Bad(DataDamage::kBadVersion);
  }

  bool ReadSessions() {
    Mark();
    int32_t count = 0;
    if (!TakeInt(&count)) return false;
    if (count < 0) return Bad(DataDamage::kBadLength);
    for (int32_t i = 0; i < count; ++i) {
      const char* session = Take(kSessionBytes);
      if (session == nullptr) return false;
      content_.sessions[JuteLong(session)] = JuteInt(session + 8);
    }
    return true;
  }

  bool ReadAcls() {
    int32_t count = 0;
    Mark();
    if (!TakeInt(&count)) return false;
    if (count < 0) return Bad(DataDamage::kBadLength);
    std::string list;
    for (int32_t i = 0; i < count; ++i) {
      Mark();
      int64_t number = 0;
      if (!TakeLong(&number) || !ReadAcl(&list)) return false;
      if (!tree_.acls().Add(list, &acls_[number])) return Bad(DataDamage::kBadContent);
    }
    return true;
  }

  // The bytes of one list, put together again.
  bool ReadAcl(std::string* list) {
    list->clear();
    int32_t count = 0;
    if (!TakeInt(&count)) return false;
    AppendInt(count, list);
    std::string text;
    for (int32_t i = 0; i < count; ++i) {
      int32_t permissions = 0;
      if (!TakeInt(&permissions)) return false;
      AppendInt(permissions, list);
      for (int part = 0; part < 2; ++part) {  // scheme, id
        if (!TakeString(&text)) return false;
        AppendInt(static_cast<int32_t>(text.size()), list);
        *list += text;
      }
    }
    return true;
  }
  static void AppendInt(int32_t value, std::string* bytes) {
    for (int i = 3; i >= 0; --i) {
      bytes->push_back(static_cast<char>(static_cast<uint32_t>(value) >> (8 * i)));
    }
  }

  bool ReadZnodes() {
    std::string path;
    std::string data;
    while (true) {
      Mark();
      if (!TakeString(&path)) return false;
      if (path == "/") return true;
      DataPlace place;
      absl::string_view view;
      if (!TakeBytes(&view, &place.is_null)) return false;
      data.assign(view.data(), view.size());
      place.offset = static_cast<uint64_t>(stream_.offset()) - data.size();
      place.file = file_;
      const char* rest = Take(sizeof(int64_t) + kStatBytes);
      if (rest == nullptr) return false;
      const int64_t acl_number = JuteLong(rest);
      uint32_t acl = AclTable::kOpen;
      if (acl_number != kNumberOfOpenAcl) {
        // One that was new while the snapshot was written is missing; the log has it.
        const auto found = acls_.find(acl_number);
        acl = found == acls_.end() ? AclTable::kUnknown : found->second;
      }
      const ReplayedTree::Stat stat = ReadStat(rest + sizeof(int64_t));
      if (tree_.Insert(path, data, place, acl, stat) != ChangeFit::kFits) {
        return Bad(DataDamage::kBadContent);
      }
      content_.zxid_max = std::max({content_.zxid_max, stat.czxid, stat.mzxid, stat.pzxid});
      content_.time_max_ms = std::max({content_.time_max_ms, stat.ctime_ms, stat.mtime_ms});
    }
  }

  static ReplayedTree::Stat ReadStat(const char* bytes) {
    ReplayedTree::Stat stat;
    stat.czxid = JuteLong(bytes);
    stat.mzxid = JuteLong(bytes + 8);
    stat.ctime_ms = JuteLong(bytes + 16);
    stat.mtime_ms = JuteLong(bytes + 24);
    stat.version = JuteInt(bytes + 32);
    stat.child_version = JuteInt(bytes + 36);
    stat.acl_version = JuteInt(bytes + 40);
    stat.owner = JuteLong(bytes + 44);
    stat.pzxid = JuteLong(bytes + 52);
    return stat;
  }

  bool ReadSeal() {
    Mark();
    const uint32_t actual = stream_.Adler();
    int64_t sum = 0;
    std::string end;
    if (!TakeLong(&sum) || !TakeString(&end)) return false;
    if (end != "/") return Bad(DataDamage::kBadContent);
    return sum == static_cast<int64_t>(actual) || Bad(DataDamage::kBadChecksum);
  }

  // What is left then tells what it is: 3.9 writes a zxid and a seal alone if digests are disabled.
  bool ReadDigest() {
    constexpr int64_t kZxidAndSealBytes = 8 + 13;
    if (stream_.remaining() == 0 || stream_.remaining() == kZxidAndSealBytes) return true;
    Mark();
    LoggedDigest digest;
    if (!TakeLong(&content_.digest_zxid) || !TakeInt(&digest.version)) return false;
    if (digest.version < kBinaryDigestVersion) {
      std::string text;
      if (!TakeString(&text)) return false;
    } else if (!TakeLong(&digest.value)) {
      return false;
    }
    content_.digest = digest;
    return ReadSeal();
  }

  bool ReadLastZxid() {
    if (stream_.remaining() == 0) return true;
    Mark();
    int64_t zxid = 0;
    return TakeLong(&zxid) && ReadSeal();
  }

  bool AtEnd() {
    Mark();
    return stream_.remaining() == 0 || Bad(DataDamage::kTrailingBytes);
  }

  ByteStream stream_;
  const uint16_t file_;
  ReplayedTree& tree_;
  SnapshotContent& content_;
  absl::flat_hash_map<int64_t, uint32_t> acls_;  // by the snapshot's numbers
  DataDamage damage_ = DataDamage::kNone;
  int64_t offset_ = 0;
};

}  // namespace

SnapshotDamage ReadSnapshot(int descriptor, uint16_t file, ReplayedTree* tree,
                            SnapshotContent* content) {
  return SnapshotFile(descriptor, file, tree, content).Read();
}

}  // namespace metarec
