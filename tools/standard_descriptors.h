#pragma once

namespace metarec::tools {

// To be called first in main. Opens /dev/null for those of stdin, stdout and stderr that are
// missing, so that no file or connection is taken for one of them; and has writing to a pipe that
// nobody reads any more fail instead of ending the process.
void PrepareStandardDescriptors();

}  // namespace metarec::tools
