// The RPCs that a meta server registers (INTEROP.md section 3.7): how each is gated, and how it is
// refused.

#pragma once

#include <string>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "recovery_service/recovery_gate.h"

namespace metarec {

struct MetaRpc {
  absl::string_view task_code;
  GatePolicy policy = GatePolicy::kNever;
  // The body of an answer with this `err` and nothing else: all other fields have their defaults,
  // optional ones are absent, as stock servers write it.
  std::string (*encode_refusal)(absl::string_view error_name) = nullptr;
};

// All 44, in the order of INTEROP.md. Beacons, remote commands and HTTP are not among them.
absl::Span<const MetaRpc> MetaRpcs();

// As MetaRpc::encode_refusal, for an answer of which only this is known: `err` is its first field.
// Generated readers take the default of every field that is absent.
std::string EncodeBareRefusal(absl::string_view error_name);

}  // namespace metarec
