#include "zk_store/topology/refusal.h"

#include <utility>

#include <absl/strings/cord.h>

namespace metarec {
namespace {

constexpr absl::string_view kRefusedPayload = "metarec/refused";
constexpr absl::string_view kDisturbedPayload = "metarec/disturbed";
constexpr absl::string_view kMayBeFinishedPayload = "metarec/may_be_finished";

absl::Status Marked(absl::Status status, absl::string_view mark) {
  status.SetPayload(mark, absl::Cord("yes"));
  return status;
}

}  // namespace

absl::Status RefusedError(absl::string_view message) {
  return Marked(absl::FailedPreconditionError(message), kRefusedPayload);
}

bool IsRefused(const absl::Status& status) {
  return status.GetPayload(kRefusedPayload).has_value();
}

absl::Status DisturbedError(absl::string_view message) {
  return Marked(absl::AbortedError(message), kDisturbedPayload);
}

bool IsDisturbed(const absl::Status& status) {
  return status.GetPayload(kDisturbedPayload).has_value();
}

absl::Status MayBeFinishedError(absl::Status status) {
  return Marked(std::move(status), kMayBeFinishedPayload);
}

bool MayBeFinished(const absl::Status& status) {
  return status.GetPayload(kMayBeFinishedPayload).has_value();
}

}  // namespace metarec
