#pragma once

#include <cstdint>

namespace metarec::testing {

// Free for TCP on loopback a moment ago.
uint16_t FreePort();

}  // namespace metarec::testing
