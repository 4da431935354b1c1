#pragma once

#include <string>
#include <vector>

namespace metarec::tools {

// The arguments with the dashes inside the names of long options turned into underscores, so that
// `--zk-auth-file` and `--zk_auth_file` are the same. Values are left alone, and so is everything
// after a bare `--`.
std::vector<std::string> WithUnderscoresInOptions(std::vector<std::string> arguments);

}  // namespace metarec::tools
