#pragma once

namespace metarec::tools {

// To be called first in main. Opens /dev/null for those of stdin, stdout and stderr that are
// missing, so that no file or connection is taken for one of them; writing to a stdout that was
// missing fails all the same, so that no result is taken for printed. Has writing to a pipe that
// nobody reads any more fail instead of ending the process.
void PrepareStandardDescriptors();

}  // namespace metarec::tools
