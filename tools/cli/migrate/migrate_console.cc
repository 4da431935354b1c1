#include "tools/cli/migrate/migrate_console.h"

#include <iostream>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"

namespace metarec::tools {

void MigrateConsole::Say(const std::string& line) {
  progress_->Clear();
  std::cerr << Printable(line) << std::endl;
}

void MigrateConsole::OnBegin(const Step& step, const Deed& deed) {
  is_undoing_ = &deed == &step.back.deed;
  Say(absl::StrCat(step.name, ": ", deed.title));
}

void MigrateConsole::OnRequest(const std::string& request) { Say(absl::StrCat("  >>> ", request)); }

void MigrateConsole::OnWait(const std::string& seen, absl::Duration left) {
  Say(absl::StrCat("  waiting: ", seen, " (gives up in ",
                   absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))), ")"));
}

void MigrateConsole::OnActing(const Step& step, absl::Duration for_so_long) {
  Say(absl::StrCat("  ", step.name, ": still under way, after ",
                   absl::FormatDuration(absl::Floor(for_so_long, absl::Seconds(1)))));
}

void MigrateConsole::OnWayBack(const Step& step, const std::string& seen) {
  Say(absl::StrCat("  ", step.name, " can be undone: ", seen));
}

void MigrateConsole::OnEnd(const Step& step, const std::string& seen) {
  Say(absl::StrCat("  ", step.name, is_undoing_ ? " is undone: " : " is done: ", seen));
}

}  // namespace metarec::tools
