#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "tools/process/manual.h"

namespace metarec::tools {

struct ManPageOptions {
  int section = 1;
  std::string version{};                // "0.1.0"
  std::string date{};                   // "2026-11-29"; may be empty
  std::vector<std::string> see_also{};  // "metarecd(8)"
};

// What the page about a command is called: "metarec-plan", as the pages of git.
std::string PageName(absl::string_view command);

// A manual page in the macros of man(7).
std::string ManPage(const CommandManual& manual, const ManPageOptions& options);

}  // namespace metarec::tools
