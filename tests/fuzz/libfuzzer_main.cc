// One target as a libFuzzer program. METAREC_FUZZ_TARGET is its function.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  metarec::fuzz::METAREC_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
