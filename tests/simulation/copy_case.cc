#include "copy_case.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "testing/znode_tree.h"

namespace metarec::simulation {
namespace {

// Some sort before '/', some are no ASCII.
constexpr absl::string_view kNames[] = {"a",   "b",        "a b", "a-b", "a.b", "lock",
                                        "%41", "\xc3\xa4", "0",   "~",   "B",   "apps"};
constexpr absl::string_view kRoots[] = {"/pegasus/sim", "/pegasus", "/a/b/c", "/"};

std::string NameAt(Random* random) {
  return std::string(kNames[random->Pick(0, std::ssize(kNames) - 1)]);
}

std::string DataAt(Random* random) {
  if (random->OneIn(12)) return std::string(static_cast<size_t>(random->Pick(500, 3000)), 'x');
  return absl::StrCat("d", random->Pick(0, 5));
}

CopyAcl AclAt(Random* random) {
  if (!random->OneIn(4)) return CopyAcl::kOpen;
  if (random->OneIn(12)) return CopyAcl::kHidden;
  return static_cast<CopyAcl>(random->Pick(0, kCopyAcls - 2));
}

std::vector<CopyNode> TreeAt(bool with_acls, Random* random) {
  std::vector<CopyNode> nodes(1);
  nodes[0].data = DataAt(random);
  const int64_t count = random->OneIn(8) ? random->Pick(15, 40) : random->Pick(0, 14);
  // A chain now and then, or one with many children.
  const int64_t shape = random->Pick(0, 3);
  for (int64_t i = 0; i < count; ++i) {
    CopyNode node;
    const auto last = std::ssize(nodes) - 1;
    const auto parent = static_cast<size_t>(shape == 0   ? last
                                            : shape == 1 ? std::min<int64_t>(last, 1)
                                                         : random->Pick(0, last));
    std::string name = NameAt(random);
    if (shape == 1) absl::StrAppend(&name, i);
    node.path = absl::StrCat(nodes[parent].path, "/", name);
    const bool is_there = std::any_of(nodes.begin(), nodes.end(),
                                      [&](const CopyNode& n) { return n.path == node.path; });
    // Where "/" is copied, "/zookeeper" is ZooKeeper's.
    if (is_there) continue;
    node.data = DataAt(random);
    node.null_data = random->OneIn(8);
    if (node.null_data) node.data.clear();
    if (random->OneIn(12)) node.mode = CreateMode::kContainer;
    if (with_acls) node.acl = AclAt(random);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

void AddItems(CopyCase* the_case, Random* random) {
  std::vector<TransferItem>& items = the_case->items;
  const auto nodes = std::ssize(the_case->source);
  const int64_t requests = 30 + 14 * nodes;
  if (!random->OneIn(4)) {
    for (int64_t i = random->Pick(0, 6); i > 0; --i) {
      items.push_back(RandomMisfortune(requests, absl::Seconds(4), random));
    }
  }
  if (random->OneIn(2)) {
    TransferItem writer;
    writer.kind = TransferItemKind::kWriter;
    writer.at = random->Span(absl::ZeroDuration(), absl::Milliseconds(300));
    // Some never stop.
    writer.lasts = random->OneIn(3) ? absl::Minutes(2)
                                    : random->Span(absl::Milliseconds(10), absl::Milliseconds(600));
    writer.b = writer.lasts == absl::Minutes(2) ? random->Pick(100, 3000) : random->Pick(3, 100);
    items.push_back(writer);
  }
  if (random->OneIn(4)) {
    for (int64_t i = random->Pick(1, 3); i > 0; --i) {
      TransferItem stranger;
      stranger.kind = TransferItemKind::kStranger;
      stranger.side = random->OneIn(3) ? Side::kFrom : Side::kTo;
      stranger.a = random->Pick(0, requests);
      stranger.b = random->Pick(0, kStrangerDeeds - 1);
      items.push_back(stranger);
    }
  }
  if (random->OneIn(10)) {
    TransferItem rival;
    rival.kind = TransferItemKind::kRival;
    rival.at = random->Span(absl::ZeroDuration(), absl::Seconds(1));
    rival.b = random->Pick(0, kRivalCommands - 1);
    items.push_back(rival);
  }
}

}  // namespace

std::pair<std::string, std::string> CopierIdentity() { return {"digest", "admin:hash"}; }
std::pair<std::string, std::string> OtherIdentity() { return {"digest", "carol:hash"}; }

Acl AclOf(CopyAcl acl) {
  const auto entry = [](const std::pair<std::string, std::string>& who, int32_t permissions) {
    return AclEntry{who.first, who.second, permissions};
  };
  switch (acl) {
    case CopyAcl::kOpen:
      return OpenAcl();
    case CopyAcl::kAdmin:
      return {entry(CopierIdentity(), 31)};
    case CopyAcl::kNarrow:
      return {entry(CopierIdentity(), 17), entry(OtherIdentity(), 31)};
    case CopyAcl::kReadable:
      return {entry({"world", "anyone"}, 1), entry(CopierIdentity(), 31)};
    case CopyAcl::kHidden:
      return {entry(OtherIdentity(), 31)};
  }
  return OpenAcl();
}

bool CopyCase::IsSimple() const {
  const auto is_open = [](const CopyNode& node) {
    return node.acl == CopyAcl::kOpen && node.data.size() < 500;
  };
  const bool all_open = std::all_of(source.begin(), source.end(), is_open) &&
                        std::all_of(occupied.begin(), occupied.end(), is_open);
  bool is_alone = true;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool is_another =
        items[i].kind == TransferItemKind::kStranger || items[i].kind == TransferItemKind::kRival;
    if (is_another && Has(i)) is_alone = false;
  }
  return all_open && is_alone && (acl != CopiedAcl::kCreator || has_credentials);
}

CopyCase MakeCopyCase(uint64_t seed, std::set<size_t> dropped) {
  Random random(seed);
  CopyCase the_case;
  the_case.seed = seed;
  the_case.dropped = std::move(dropped);
  the_case.session_timeout = random.Span(absl::Seconds(4), absl::Seconds(12));
  the_case.from_root = std::string(kRoots[random.Pick(0, random.OneIn(6) ? 3 : 2)]);
  the_case.to_root = std::string(kRoots[random.Pick(0, random.OneIn(6) ? 3 : 2)]);
  const bool with_acls = random.OneIn(2);
  the_case.source = TreeAt(with_acls, &random);
  if (the_case.from_root == "/") the_case.source[0].data.clear();
  if (random.OneIn(4)) {
    the_case.target = random.OneIn(2) ? CopyTarget::kEmpty : CopyTarget::kOccupied;
  }
  if (the_case.target == CopyTarget::kOccupied) {
    // Of each of the source's some are there, some say something else.
    for (const CopyNode& node : the_case.source) {
      const std::string parent = node.path.substr(0, std::max<size_t>(node.path.rfind('/'), 0));
      const bool has_parent =
          node.path.empty() || std::any_of(the_case.occupied.begin(), the_case.occupied.end(),
                                           [&](const CopyNode& n) { return n.path == parent; });
      if (!node.path.empty() && (!has_parent || random.OneIn(3))) continue;
      the_case.occupied.push_back(node);
      if (random.OneIn(3)) the_case.occupied.back().data = "other";
    }
    the_case.occupied.push_back({.path = "/extra", .data = "e"});
  }
  const int64_t acl = random.Pick(0, 5);
  the_case.acl = acl == 0 ? CopiedAcl::kOpen : acl == 1 ? CopiedAcl::kCreator : CopiedAcl::kKeep;
  the_case.has_acl_map = the_case.acl == CopiedAcl::kKeep && random.OneIn(8);
  the_case.plain_kinds = random.OneIn(8);
  the_case.has_credentials = !random.OneIn(with_acls ? 10 : 2);
  the_case.update = the_case.target == CopyTarget::kOccupied ? !random.OneIn(4) : random.OneIn(8);
  the_case.delete_extra = the_case.update && random.OneIn(2);
  the_case.passes_max = static_cast<int>(random.Pick(1, 5));
  the_case.ops_max = static_cast<size_t>(random.Pick(1, 12));
  the_case.in_flight_max = static_cast<size_t>(random.Pick(1, 6));
  if (random.OneIn(6)) {
    the_case.request_bytes_max = static_cast<size_t>(random.Pick(900, 4000));
  }
  AddItems(&the_case, &random);
  return the_case;
}

}  // namespace metarec::simulation
