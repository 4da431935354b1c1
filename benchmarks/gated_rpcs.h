// The questions that the load asks, and which answers to them are right.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec::benchmarks {

struct GatedRpc {
  std::string task_code;
  std::string request;  // the body
  // Refused with ERR_UNDER_RECOVERY, byte for byte, or, once the cluster is recovered, answered.
  bool (*is_right)(const GatedRpc& rpc, absl::string_view answer) = nullptr;
  std::string refusal;
};

// `table` is one of the cluster's.
std::vector<GatedRpc> GatedRpcs(const std::string& table);

}  // namespace metarec::benchmarks
