#include "zk_store/tree/tree_node.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "zk_store/client/znode_path.h"

namespace metarec {

absl::string_view NodeKindName(NodeKind kind) {
  switch (kind) {
    case NodeKind::kPersistent:
      return "persistent";
    case NodeKind::kEphemeral:
      return "ephemeral";
    case NodeKind::kContainer:
      return "container";
    case NodeKind::kTtl:
      return "ttl";
  }
  return "unknown";
}

namespace {
constexpr int64_t kContainerOwner = std::numeric_limits<int64_t>::min();
constexpr int kOwnerKindShift = 56;
constexpr uint64_t kTtlOwnerKind = 0xff;
constexpr int64_t kTtlMask = (int64_t{1} << 40) - 1;
}  // namespace

NodeKind KindOfOwner(int64_t ephemeral_owner) {
  if (ephemeral_owner == 0) return NodeKind::kPersistent;
  if (ephemeral_owner == kContainerOwner) return NodeKind::kContainer;
  if (static_cast<uint64_t>(ephemeral_owner) >> kOwnerKindShift == kTtlOwnerKind) {
    return NodeKind::kTtl;
  }
  return NodeKind::kEphemeral;
}

int64_t TtlOfOwner(int64_t ephemeral_owner) { return ephemeral_owner & kTtlMask; }

int64_t OwnerOfContainer() { return kContainerOwner; }

int64_t OwnerOfTtl(int64_t ttl_ms) {
  return static_cast<int64_t>((kTtlOwnerKind << kOwnerKindShift) |
                              static_cast<uint64_t>(ttl_ms & kTtlMask));
}

int ComparePaths(absl::string_view a, absl::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  size_t i = 0;
  // Most of two neighbours' paths is the same: eight bytes at a time.
  while (i + sizeof(uint64_t) <= common) {
    uint64_t eight_of_a = 0;
    uint64_t eight_of_b = 0;
    std::memcpy(&eight_of_a, a.data() + i, sizeof(uint64_t));
    std::memcpy(&eight_of_b, b.data() + i, sizeof(uint64_t));
    if (eight_of_a != eight_of_b) break;
    i += sizeof(uint64_t);
  }
  for (; i < common; ++i) {
    if (a[i] == b[i]) continue;
    if (a[i] == '/') return -1;
    if (b[i] == '/') return 1;
    return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[i]) ? -1 : 1;
  }
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

bool IsSystemPath(absl::string_view root, absl::string_view path) {
  return root == "/" && IsWithin(path, kSystemPath);
}

}  // namespace metarec
