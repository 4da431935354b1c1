// What every program of ours does first.

#pragma once

#include <string>
#include <vector>

namespace metarec::tools {

// To be called first in main. Opens /dev/null for those of stdin, stdout and stderr that are
// missing: otherwise a file or a connection would get their number and receive what is printed.
// Writing to a stdout that was missing still fails, so that a lost result is noticed. Makes writing
// to a pipe without a reader fail instead of ending the process.
void PrepareStandardDescriptors();

// The arguments as CLI11 is to read them: dashes inside the names of long options become
// underscores, so that `--zk-auth-file` and `--zk_auth_file` are the same; `--option=` becomes
// `--option` and an empty word, since CLI11 would take the next word as the value. Values stay as
// they are, and so does everything after a bare `--`.
std::vector<std::string> ReadableArguments(const std::vector<std::string>& arguments);

}  // namespace metarec::tools
