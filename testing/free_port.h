#pragma once

#include <cstdint>

namespace metarec::testing {

// A TCP port of loopback that was free a moment ago.
uint16_t FreePort();

}  // namespace metarec::testing
