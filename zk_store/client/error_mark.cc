#include "zk_store/client/error_mark.h"

#include <cstdint>
#include <string>

#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

constexpr absl::string_view kPayload = "metarec/marks";

uint32_t BitOf(ErrorMark mark) { return uint32_t{1} << static_cast<int>(mark); }

uint32_t BitsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  uint32_t bits = 0;
  if (payload.has_value() && !absl::SimpleAtoi(std::string(*payload), &bits)) bits = 0;
  return bits;
}

}  // namespace

absl::Status MarkedError(ErrorMark mark, absl::string_view message) {
  const auto code = mark == ErrorMark::kRefused   ? absl::StatusCode::kFailedPrecondition
                    : mark == ErrorMark::kDiffers ? absl::StatusCode::kDataLoss
                                                  : absl::StatusCode::kAborted;
  return WithMark(absl::Status(code, message), mark);
}

absl::Status WithMark(absl::Status error, ErrorMark mark) {
  error.SetPayload(kPayload, absl::Cord(absl::StrCat(BitsOf(error) | BitOf(mark))));
  return error;
}

bool HasMark(const absl::Status& status, ErrorMark mark) {
  return (BitsOf(status) & BitOf(mark)) != 0;
}

}  // namespace metarec
