#pragma once

#include <cstdint>

#include <absl/strings/string_view.h>

namespace metarec::rpc {

// CRC-32C (Castagnoli), as in native frames; "123456789" gives 0xE3069283.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace metarec::rpc
