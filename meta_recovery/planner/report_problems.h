#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/findings_list.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// What single nodes said that makes no sense and was left out, counted by node and app.
class ReportProblems {
 public:
  // App ids below 1 are counted together, as 0.
  void Add(NodeIndex node, int32_t app_id, absl::string_view problem);

  void MoveTo(FindingsList& findings);

 private:
  std::map<std::pair<NodeIndex, int32_t>, std::map<std::string, int64_t, std::less<>>> problems_;
};

}  // namespace metarec
