#include "zk_store/tree/tree_digest.h"

#include <cstdint>

#include "base/line_file/sha256.h"
#include "zk_store/tree/acl_text.h"

namespace metarec {
namespace {

void AppendNumber(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift));
}

// With its length, so that no two lists of texts look the same.
void AppendText(absl::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text.data(), text.size());
}

bool IsEphemeral(const TreeNode& node) { return node.kind() == NodeKind::kEphemeral; }

// 0 but for TTL znodes.
int64_t TtlOf(const TreeNode& node) {
  return node.kind() == NodeKind::kTtl ? TtlOfOwner(node.stat.ephemeral_owner) : 0;
}

}  // namespace

bool SameData(const TreeNode& a, const TreeNode& b) {
  return a.null_data == b.null_data && a.data == b.data;
}

bool SameKind(const TreeNode& a, const TreeNode& b, bool has_kinds) {
  if (has_kinds) return a.kind() == b.kind() && TtlOf(a) == TtlOf(b);
  return IsEphemeral(a) == IsEphemeral(b);
}

TreeDigest::TreeDigest(Ephemerals ephemerals)
    : ephemerals_(ephemerals), sha256_(std::make_unique<Sha256>()) {}

TreeDigest::~TreeDigest() = default;
TreeDigest::TreeDigest(TreeDigest&&) noexcept = default;
TreeDigest& TreeDigest::operator=(TreeDigest&&) noexcept = default;

void TreeDigest::Add(const TreeNode& node) {
  if (ephemerals_ == Ephemerals::kLeftOut && IsEphemeral(node)) return;
  AppendText(node.path, &buffer_);
  buffer_.push_back(node.null_data ? '0' : '1');
  AppendText(node.data, &buffer_);
  const Acl acl = CanonicalAcl(node.acl);
  AppendNumber(acl.size(), &buffer_);
  for (const AclEntry& entry : acl) {
    AppendText(entry.scheme, &buffer_);
    AppendText(entry.id, &buffer_);
    AppendNumber(static_cast<uint64_t>(entry.permissions), &buffer_);
  }
  buffer_.push_back(IsEphemeral(node) ? 'e' : 'p');
  AddBuffer();
}

void TreeDigest::AddWord(absl::string_view word) {
  AppendText(word, &buffer_);
  AddBuffer();
}

void TreeDigest::AddBuffer() {
  sha256_->Add(buffer_);
  buffer_.clear();
}

std::string TreeDigest::Finish() { return sha256_->FinishAsText(); }

}  // namespace metarec
