#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <asio/error_code.hpp>

#include "idl/ipv4_endpoint.h"

namespace metarec::rpc {

// kUnavailable, with what to do about it. `what`: "", or "UDP " for example.
absl::Status ListenError(absl::string_view what, Ipv4Endpoint endpoint,
                         const asio::error_code& error);

}  // namespace metarec::rpc
