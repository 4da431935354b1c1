#include "rpc/listen_error.h"

#include <cerrno>

#include <absl/strings/str_cat.h>
#include <asio/error.hpp>

namespace metarec::rpc {

absl::Status ListenError(absl::string_view what, Ipv4Endpoint endpoint,
                         const asio::error_code& error) {
  absl::string_view advice;
  if (error == asio::error::address_in_use) {
    advice = "; stop the program that has this port (a meta server?), or give another one";
  } else if (error == asio::error::access_denied) {
    advice = "; ports below 1024 are for privileged users: give another one";
  } else if (error.value() == EADDRNOTAVAIL) {
    advice = "; give an address of this machine, or 0.0.0.0";
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", what, endpoint.ToString(), ": ", error.message(), advice));
}

}  // namespace metarec::rpc
