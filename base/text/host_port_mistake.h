#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// What is wrong with a text that should be host:port, if it is something that people often write in
// its place: a URL, a comment behind it, an IPv6 address, several addresses, ZooKeeper's
// host:port:port:port, ... "" if it is none of these; it may be wrong all the same.
std::string HostPortMistake(absl::string_view text);

}  // namespace metarec
