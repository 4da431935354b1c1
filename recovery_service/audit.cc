#include "recovery_service/audit.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"

namespace metarec {
namespace {

constexpr size_t kNodesNamedMax = 100;
constexpr size_t kDetailsMax = 20;
constexpr size_t kDetailBytesMax = 2000;
constexpr int64_t kEntriesMax = 100;
constexpr absl::Duration kWindow = absl::Seconds(10);

std::string NodesText(const RecoveryOrder& order) {
  std::vector<std::string> nodes;
  for (const NodeListEntry& entry : order.nodes.entries) nodes.push_back(entry.text);
  return absl::StrCat(Counted(static_cast<int64_t>(nodes.size()), "node"), " (",
                      CutList(nodes, kNodesNamedMax), ")");
}

std::string WhatWasAsked(const AuditEntry& entry) {
  if (!entry.order) {
    return entry.command.empty() ? "start_recovery"
                                 : absl::StrCat("remote command ", Shortened(entry.command));
  }
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  return absl::StrCat("start_recovery of ", NodesText(*entry.order),
                      ", skip_bad_nodes=", flag(entry.order->skip_bad_nodes),
                      ", skip_lost_partitions=", flag(entry.order->skip_lost_partitions));
}

std::string WhatBecameOfIt(const AuditEntry& entry) {
  const std::string reason = entry.reason.empty() ? "" : absl::StrCat(": ", entry.reason);
  switch (entry.event) {
    case AuditEntry::Event::kRunBegins:
      return "begins";
    case AuditEntry::Event::kRunEnds:
      return absl::StrCat("ended with ", entry.error_name, reason);
    case AuditEntry::Event::kAnswered:
      return absl::StrCat("was answered ", entry.error_name, reason);
    case AuditEntry::Event::kDenied:
      return absl::StrCat("was denied (", entry.error_name, ")", reason);
  }
  return "";
}

}  // namespace

bool AuditEntry::is_failure() const {
  return event != Event::kRunBegins && error_name != idl::kErrOk;
}

std::vector<std::string> AuditLines(const AuditEntry& entry) {
  std::vector<std::string> lines = {
      Printable(absl::StrCat("audit: ", WhatWasAsked(entry), " from ", entry.sender.ToString(), " ",
                             WhatBecameOfIt(entry)))};
  for (const std::string& detail : entry.details) {
    if (lines.size() > kDetailsMax) {
      lines.push_back(
          absl::StrCat("audit:   and ", entry.details.size() - kDetailsMax, " more lines"));
      break;
    }
    lines.push_back(absl::StrCat("audit:   ", Shortened(Printable(detail), kDetailBytesMax)));
  }
  return lines;
}

bool AuditLimit::Allows(absl::Time now) {
  if (now - window_began_ >= kWindow) {
    window_began_ = now;
    in_window_ = 0;
  }
  if (in_window_ >= kEntriesMax) {
    ++suppressed_;
    return false;
  }
  ++in_window_;
  return true;
}

int64_t AuditLimit::TakeSuppressed() { return std::exchange(suppressed_, 0); }

}  // namespace metarec
