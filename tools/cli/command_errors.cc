#include "tools/cli/command_errors.h"

#include <iostream>

#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"

namespace metarec::tools {

ExitCode Fail(absl::string_view verb, const absl::Status& status) {
  std::cout << std::flush;
  std::cerr << "metarec " << verb << ": " << PrintableLines(status.message()) << std::endl;
  return HasMark(status, ErrorMark::kRefused) || absl::IsDataLoss(status) ? ExitCode::kRefused
                                                                          : ExitCode::kFailed;
}

}  // namespace metarec::tools
