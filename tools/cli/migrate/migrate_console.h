// What `metarec migrate` tells while a procedure runs.

#pragma once

#include <string>

#include "migration/procedure/procedure.h"
#include "tools/cli/progress_printer.h"

namespace metarec::tools {

// Lines on stderr: each step as it begins and ends, what is waited for, and what the operator is
// asked to do.
class MigrateConsole final : public ProcedureListener {
 public:
  explicit MigrateConsole(ProgressPrinter* progress) : progress_(progress) {}

  void OnBegin(const Step& step, const Deed& deed) override;
  void OnRequest(const std::string& request) override;
  void OnWait(const std::string& seen, absl::Duration left) override;
  void OnActing(const Step& step, absl::Duration for_so_long) override;
  void OnWayBack(const Step& step, const std::string& seen) override;
  void OnEnd(const Step& step, const std::string& seen) override;

 private:
  void Say(const std::string& line);

  ProgressPrinter* const progress_;
  bool is_undoing_ = false;  // the step that began last
};

}  // namespace metarec::tools
