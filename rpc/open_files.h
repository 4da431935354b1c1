// How many connections a process has room for: each is an open file.

#pragma once

#include <cstddef>

namespace metarec::rpc {

// Lets the process have as many open files as it may have without further rights (the hard limit of
// RLIMIT_NOFILE), and returns how many.
size_t RaiseOpenFilesLimit();

// For ServerOptions::connections_max. What is left is for the rest of the process: connections to
// replica servers and ZooKeeper, logs, look-ups of names.
size_t ConnectionsWithin(size_t open_files_max);

}  // namespace metarec::rpc
