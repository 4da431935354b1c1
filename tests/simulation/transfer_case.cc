#include "transfer_case.h"

#include <absl/strings/str_cat.h>

#include "simulated_zookeeper.h"

namespace metarec::simulation {

std::string Describe(const TransferItem& item) {
  static constexpr absl::string_view kNames[kTransferItemKinds] = {
      "store fault",   "disconnect", "lag",      "kill",         "interrupt",
      "writer",        "stranger",   "rival",    "kill at call", "call fault",
      "command fault", "supervisor", "node down"};
  const absl::string_view name = kNames[static_cast<int>(item.kind)];
  std::string text = absl::StrCat(name, " ", SideName(item.side), " a=", item.a, " b=", item.b);
  if (item.kind == TransferItemKind::kStoreFault) {
    absl::StrAppend(&text, " (", StoreFaultName(static_cast<StoreFaultKind>(item.b)), ")");
  }
  if (item.at != absl::ZeroDuration()) {
    absl::StrAppend(&text, " at ", absl::FormatDuration(item.at));
  }
  if (item.lasts != absl::ZeroDuration()) {
    absl::StrAppend(&text, " for ", absl::FormatDuration(item.lasts));
  }
  return text;
}

bool IsTimed(TransferItemKind kind) {
  switch (kind) {
    case TransferItemKind::kStoreFault:
    case TransferItemKind::kKill:
    case TransferItemKind::kInterrupt:
    case TransferItemKind::kStranger:
    case TransferItemKind::kKillAtCall:
    case TransferItemKind::kCallFault:
    case TransferItemKind::kCommandFault:
      return false;
    case TransferItemKind::kDisconnect:
    case TransferItemKind::kLag:
    case TransferItemKind::kWriter:
    case TransferItemKind::kRival:
    case TransferItemKind::kSupervisor:
    case TransferItemKind::kNodeDown:
      return true;
  }
  return true;
}

TransferItem RandomMisfortune(int64_t requests, absl::Duration lasts_max, Random* random) {
  TransferItem item;
  item.side = random->OneIn(2) ? Side::kFrom : Side::kTo;
  item.lasts = random->Span(absl::Milliseconds(20), lasts_max);
  switch (random->Pick(0, 9)) {
    case 0:
      item.kind = TransferItemKind::kDisconnect;
      item.at = random->Span(absl::ZeroDuration(), absl::Seconds(5));
      break;
    case 1:
      item.kind = TransferItemKind::kLag;
      item.at = random->Span(absl::ZeroDuration(), absl::Seconds(5));
      item.lasts *= 5;
      item.a = random->Pick(1, 2);
      item.b = random->Pick(20, 2000);
      break;
    case 2:
    case 3:
    case 4:
      item.kind = random->OneIn(5) ? TransferItemKind::kInterrupt : TransferItemKind::kKill;
      item.a = random->Pick(0, requests);
      item.b = random->Pick(0, 1);
      item.lasts = absl::ZeroDuration();
      break;
    default:
      item.kind = TransferItemKind::kStoreFault;
      item.a = random->Pick(0, requests);
      item.b = random->Pick(1, kStoreFaultKinds - 1);
      break;
  }
  return item;
}

}  // namespace metarec::simulation
