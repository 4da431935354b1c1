#include "zk_store/tree/tree_ledger.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include "base/line_file/sha256.h"
#include "base/runtime/status_macros.h"
#include "zk_store/tree/acl_text.h"

namespace metarec {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

std::string LedgerFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

absl::Status LedgerError() {
  return absl::UnavailableError(
      absl::StrCat("cannot keep in ", LedgerFolder(),
                   " what was read of the tree, which takes about 60 bytes for each znode: ",
                   std::strerror(errno), "; set TMPDIR to another folder"));
}

// What is written in front of the end of the path.
struct Record {
  uint32_t shared_bytes;  // with the path before it
  uint32_t further_bytes;
  int64_t czxid;
  int64_t mzxid;
  int64_t pzxid;
  int32_t child_version;
  int32_t acl_version;
  NodeFingerprint content;
};
static_assert(std::is_trivially_copyable_v<Record> && sizeof(Record) == 56);

void AppendSized(absl::string_view text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text);
}

void AppendAcl(const Acl& acl, std::string* out) {
  Acl sorted;
  if (acl.size() > 1) sorted = CanonicalAcl(acl);
  for (const AclEntry& entry : sorted.empty() ? acl : sorted) {
    AppendSized(entry.scheme, out);
    AppendSized(entry.id, out);
    absl::StrAppend(out, entry.permissions);
  }
}

NodeFingerprint FingerprintOfText(absl::string_view text) {
  const Sha256::Digest digest = Sha256::Of(text);
  NodeFingerprint fingerprint;
  std::copy_n(digest.begin(), fingerprint.size(), fingerprint.begin());
  return fingerprint;
}

}  // namespace

NodeFingerprint FingerprintOf(const TreeNode& node) {
  std::string text;
  text.reserve(node.data.size() + 64);
  text.push_back(node.null_data ? 'n' : 'd');
  AppendSized(node.data, &text);
  AppendAcl(node.acl, &text);
  return FingerprintOfText(text);
}

NodeFingerprint ClaimOfData(const TreeNode& node) {
  std::string text = node.null_data ? "n" : "d";
  AppendSized(node.path, &text);
  AppendSized(node.data, &text);
  return FingerprintOfText(text);
}

NodeFingerprint ClaimOfAcl(absl::string_view path, const Acl& acl) {
  std::string text = "a";
  AppendSized(path, &text);
  AppendAcl(acl, &text);
  return FingerprintOfText(text);
}

bool LedgerEntry::HasStatOf(const NodeStat& stat) const {
  return czxid == stat.czxid && mzxid == stat.mzxid && pzxid == stat.pzxid &&
         child_version == stat.child_version && acl_version == stat.acl_version;
}

absl::StatusOr<TreeLedger> TreeLedger::Create() {
  std::string path = absl::StrCat(LedgerFolder(), "/metarec-tree-XXXXXX");
  const int descriptor = mkstemp(path.data());
  if (descriptor < 0) return LedgerError();
  unlink(path.c_str());
  std::FILE* file = fdopen(descriptor, "w+b");
  if (file == nullptr) {
    const absl::Status error = LedgerError();
    close(descriptor);
    return error;
  }
  TreeLedger ledger(file);
  (void)std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  return ledger;
}

absl::Status TreeLedger::Append(const TreeNode& node, const NodeFingerprint& content) {
  const auto [mine, theirs] =
      std::mismatch(last_path_.begin(), last_path_.end(), node.path.begin(), node.path.end());
  const auto shared = static_cast<size_t>(mine - last_path_.begin());
  const Record record = {static_cast<uint32_t>(shared),
                         static_cast<uint32_t>(node.path.size() - shared),
                         node.stat.czxid,
                         node.stat.mzxid,
                         node.stat.pzxid,
                         node.stat.child_version,
                         node.stat.acl_version,
                         content};
  const size_t further = record.further_bytes;
  if (std::fwrite(&record, sizeof(record), 1, file_.get()) != 1 ||
      std::fwrite(node.path.data() + shared, 1, further, file_.get()) != further) {
    return LedgerError();
  }
  last_path_ = node.path;
  return absl::OkStatus();
}

absl::Status TreeLedger::Rewind() {
  last_path_.clear();
  // Unlike rewind(), this says when what is in the buffer cannot be written.
  if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) {
    return LedgerError();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LedgerEntry>> TreeLedger::Next() {
  Record record;
  if (std::fread(&record, sizeof(record), 1, file_.get()) != 1) {
    if (std::ferror(file_.get()) != 0) return LedgerError();
    return std::nullopt;
  }
  last_path_.resize(record.shared_bytes + record.further_bytes);
  if (std::fread(last_path_.data() + record.shared_bytes, 1, record.further_bytes, file_.get()) !=
      record.further_bytes) {
    return LedgerError();
  }
  LedgerEntry entry;
  entry.path = last_path_;
  entry.czxid = record.czxid;
  entry.mzxid = record.mzxid;
  entry.pzxid = record.pzxid;
  entry.child_version = record.child_version;
  entry.acl_version = record.acl_version;
  entry.content = record.content;
  return entry;
}

}  // namespace metarec
