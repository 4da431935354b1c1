#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec::tools {

// What is next once the tree is written.
std::string HowToStart(absl::string_view root);

}  // namespace metarec::tools
