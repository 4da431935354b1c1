#include "tools/cli/start_advice.h"

#include <absl/strings/str_cat.h>

namespace metarec::tools {

std::string HowToStart(absl::string_view root) {
  return absl::StrCat("start one meta server with cluster_root = ", root,
                      " and recover_from_replica_server = false");
}

}  // namespace metarec::tools
