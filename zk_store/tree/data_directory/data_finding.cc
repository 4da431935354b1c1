#include "zk_store/tree/data_directory/data_finding.h"

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"

namespace metarec {

DataFindingSeverity SeverityOf(DataFindingKind kind) {
  switch (kind) {
    case DataFindingKind::kSnapshotTooNew:
    case DataFindingKind::kLogTorn:
    case DataFindingKind::kLogEmpty:
      return DataFindingSeverity::kNotice;
    default:
      return DataFindingSeverity::kWarning;
  }
}

absl::string_view DataFindingKindName(DataFindingKind kind) {
  switch (kind) {
    case DataFindingKind::kSnapshotDamaged:
      return "snapshot_damaged";
    case DataFindingKind::kSnapshotTooNew:
      return "snapshot_too_new";
    case DataFindingKind::kSnapshotFuzzy:
      return "snapshot_fuzzy";
    case DataFindingKind::kSnapshotDiffers:
      return "snapshot_differs";
    case DataFindingKind::kLogTorn:
      return "log_torn";
    case DataFindingKind::kLogDamaged:
      return "log_damaged";
    case DataFindingKind::kLogEmpty:
      return "log_empty";
    case DataFindingKind::kLogUnreadRest:
      return "log_unread_rest";
    case DataFindingKind::kGap:
      return "gap";
    case DataFindingKind::kZxidGoesBack:
      return "zxid_goes_back";
    case DataFindingKind::kDigestDiffers:
      return "digest_differs";
    case DataFindingKind::kDoesNotFit:
      return "does_not_fit";
    case DataFindingKind::kUnknownDigest:
      return "unknown_digest";
    case DataFindingKind::kUnknownAcl:
      return "unknown_acl";
    case DataFindingKind::kSystemFileSkipped:
      return "system_file_skipped";
  }
  return "unknown";
}

absl::string_view DataDamageText(DataDamage damage) {
  switch (damage) {
    case DataDamage::kNone:
      return "nothing is wrong";
    case DataDamage::kTruncated:
      return "the file ends too early";
    case DataDamage::kReadError:
      return "the file cannot be read";
    case DataDamage::kBadMagic:
      return "the file does not begin as such a file does";
    case DataDamage::kBadVersion:
      return "the version of the format is unknown";
    case DataDamage::kBadLength:
      return "a length is impossible";
    case DataDamage::kBadChecksum:
      return "the checksum is wrong";
    case DataDamage::kBadEndMark:
      return "a record lacks its end mark";
    case DataDamage::kBadContent:
      return "the content makes no sense";
    case DataDamage::kUnknownType:
      return "the type of the transaction is unknown";
    case DataDamage::kBadCompression:
      return "the compressed data are damaged";
    case DataDamage::kTrailingBytes:
      return "there are bytes behind its end";
  }
  return "unknown";
}

std::string ZxidText(int64_t zxid) {
  return absl::StrCat("0x", absl::Hex(static_cast<uint64_t>(zxid)));
}

namespace {

std::string WhatHappened(const DataFinding& finding) {
  const std::string zxid = ZxidText(finding.zxid);
  const std::string other = ZxidText(finding.other_zxid);
  switch (finding.kind) {
    case DataFindingKind::kSnapshotDamaged:
      return absl::StrCat(DataDamageText(finding.damage), "; this snapshot is not used");
    case DataFindingKind::kSnapshotTooNew:
      return absl::StrCat("it holds changes up to zxid ", other,
                          ", later than what is asked for; an older snapshot is taken");
    case DataFindingKind::kSnapshotFuzzy:
      return absl::StrCat("it was written while the server worked and needs the logs up to zxid ",
                          other, ", but they can be read only up to ", zxid);
    case DataFindingKind::kSnapshotDiffers:
      return absl::StrCat(
          "no transaction's digest equals that of the tree in this snapshot (up to ", "zxid ", zxid,
          "); it is not used");
    case DataFindingKind::kLogTorn:
      return absl::StrCat("the log ends within a record, after zxid ", zxid, " (",
                          DataDamageText(finding.damage),
                          "); that is usual for a server that was killed");
    case DataFindingKind::kLogDamaged:
      return absl::StrCat(DataDamageText(finding.damage), ", after zxid ", zxid,
                          "; the rest of this log is not used");
    case DataFindingKind::kLogEmpty:
      return "the log holds no transaction; that is usual for a server that was killed";
    case DataFindingKind::kLogUnreadRest:
      return absl::StrCat("behind the last record, zxid ", zxid,
                          ", are bytes that are not zero: transactions may be lost there");
    case DataFindingKind::kGap:
      return absl::StrCat(
          "zxid ", zxid, " follows ", other,
          ": the transactions between them are in no file. Nothing from here on is ", "used");
    case DataFindingKind::kZxidGoesBack:
      return absl::StrCat("zxid ", zxid, " follows ", other, "; this record is skipped");
    case DataFindingKind::kDigestDiffers:
      return absl::StrCat("after zxid ", zxid, " the tree is not the one whose digest the server ",
                          "logged. Nothing after zxid ", other, " is used");
    case DataFindingKind::kDoesNotFit:
      return absl::StrCat("the transaction with zxid ", zxid, " does not fit the tree at ",
                          Printable(finding.path));
    case DataFindingKind::kUnknownDigest:
      return absl::StrCat("digests have version ", finding.count,
                          ", which is unknown: the tree cannot be compared with them");
    case DataFindingKind::kUnknownAcl:
      return absl::StrCat("the ACL of ", Printable(finding.path), " is in no file");
    case DataFindingKind::kSystemFileSkipped:
      return "the name is not one that ZooKeeper gives; the file is not read";
  }
  return "";
}

}  // namespace

std::string DataFindingText(const DataFinding& finding) {
  std::string where = Printable(finding.file);
  if (finding.offset >= 0) absl::StrAppend(&where, ", offset ", finding.offset);
  if (!where.empty()) where += ": ";
  return absl::StrCat(where, WhatHappened(finding), ".");
}

}  // namespace metarec
