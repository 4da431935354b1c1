#include "tests/fuzz/fuzz_targets.h"

namespace metarec::fuzz {

absl::Span<const FuzzTarget> FuzzTargets() {
  static constexpr FuzzTarget kTargets[] = {
      {"frames", FuzzFrames},
      {"server", FuzzServer},
      {"client", FuzzClient},
      {"requests", FuzzRequests},
      {"responses", FuzzResponses},
      {"node_list", FuzzNodeList},
      {"evidence_file", FuzzEvidenceFile},
      {"plan_file", FuzzPlanFile},
      {"config_ini", FuzzConfigIni},
      {"arguments", FuzzArguments},
      {"znode_json", FuzzZnodeJson},
      {"root", FuzzRoot},
      {"recovery", FuzzRecovery},
  };
  return kTargets;
}

}  // namespace metarec::fuzz
