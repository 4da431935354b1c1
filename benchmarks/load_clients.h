// Ten thousand clients in one process of their own, so that what they cost is not taken for the
// server's.
//
// The process is told by lines on stdin what to do, and answers each on stdout:
//
//   send RATE   begin a phase: so many requests a second, one connection after the other
//   quiet       send nothing any more
//   report      "lost N wrong N closed N", then a line of latencies in microseconds for each phase
//
// At first it says "connected". It ends with the end of stdin.
//
// The load is open: a request is sent when its time has come, whether or not others have been
// answered, and its latency counts from that time, so that waiting for a slow server is not hidden.

#pragma once

#include <cstddef>
#include <string>

#include "idl/ipv4_endpoint.h"

namespace metarec::benchmarks {

struct LoadOptions {
  Ipv4Endpoint server;
  size_t connections = 1;
  // Each sends half a header at first, and so asks nothing ever.
  bool half_a_header = false;
  std::string table;  // that the questions are about
};

// Returns the process's exit code.
int RunLoadClients(const LoadOptions& options);

}  // namespace metarec::benchmarks
