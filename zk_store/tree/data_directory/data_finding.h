// What is noticed while a data directory is read: typed values, and the one place that makes text.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// Why bytes of a file cannot be used.
enum class DataDamage {
  kNone,
  kTruncated,       // the file ends within something
  kReadError,       // the operating system could not read it
  kBadMagic,        // it does not begin as such a file does
  kBadVersion,      // of the file format
  kBadLength,       // no such length is possible there
  kBadChecksum,     // Adler-32 of the bytes differs
  kBadEndMark,      // the byte behind a record of a log is not 'B'
  kBadContent,      // the bytes are intact and make no sense
  kUnknownType,     // of a transaction: written by a ZooKeeper that is newer than this reader
  kBadCompression,  // gzip or snappy
  kTrailingBytes,   // more bytes than a snapshot has
};

enum class DataFindingKind {
  // A snapshot was passed over.
  kSnapshotDamaged,  // damage, offset
  kSnapshotTooNew,   // --at: holds changes up to `other_zxid`, which come later
  kSnapshotFuzzy,    // needs the logs up to `other_zxid`; they end at `zxid`
  kSnapshotDiffers,  // no digest of any transaction ever equals that of its tree
  // Where a log ends.
  kLogTorn,        // within its last record: usual after a crash
  kLogDamaged,     // damage, offset; `zxid` is the last one before
  kLogEmpty,       // holds no transaction: usual after a crash
  kLogUnreadRest,  // bytes behind the last record that are not zero
  // Between records.
  kGap,           // after `other_zxid` comes `zxid`: what is between is nowhere
  kZxidGoesBack,  // after `other_zxid` comes `zxid`; the record was skipped
  // What the records say about the tree.
  kDigestDiffers,      // at `zxid`; it was equal up to `other_zxid`
  kDoesNotFit,         // the transaction changes `path`, which the tree does not hold as it says
  kUnknownDigest,      // the digest's version is `count`
  kUnknownAcl,         // the ACL of `path` is in no file
  kSystemFileSkipped,  // its name looks like a snapshot's or log's, and is none
};

enum class DataFindingSeverity {
  kNotice,   // usual for a server that was killed; nothing is lost by it
  kWarning,  // something is missing or not as it should be
};

struct DataFinding {
  DataFindingKind kind = DataFindingKind::kGap;
  std::string file;     // its name, without the folder
  int64_t offset = -1;  // in the file, uncompressed; -1: none
  int64_t zxid = 0;
  int64_t other_zxid = 0;
  DataDamage damage = DataDamage::kNone;
  std::string path;
  int64_t count = 0;
};

DataFindingSeverity SeverityOf(DataFindingKind kind);
// "gap", "log_torn", ...: for JSON.
absl::string_view DataFindingKindName(DataFindingKind kind);
// "the checksum is wrong", ...
absl::string_view DataDamageText(DataDamage damage);
// One sentence, fit for a terminal.
std::string DataFindingText(const DataFinding& finding);

// "0x1f".
std::string ZxidText(int64_t zxid);

}  // namespace metarec
