#include "base/text/host_port_mistake.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

// With or without brackets, zone and port.
bool IsIpv6(absl::string_view text) {
  const size_t bracket = text.find(']');
  const bool has_brackets = text.front() == '[' && bracket != absl::string_view::npos;
  if (has_brackets) text = text.substr(1, bracket - 1);
  text = text.substr(0, text.find('%'));
  constexpr int kColonsOfAWholeAddress = 7;
  const bool has_its_colons = absl::StrContains(text, "::") ||
                              std::count(text.begin(), text.end(), ':') >= kColonsOfAWholeAddress;
  return has_its_colons && std::all_of(text.begin(), text.end(), [](char c) {
           return c == ':' || c == '.' || absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

}  // namespace

std::string HostPortMistake(absl::string_view text) {
  if (text.empty()) return "it is empty";
  const auto has = [text](absl::string_view part) { return absl::StrContains(text, part); };
  if (has("#") || has(";")) return "a comment needs a line of its own";
  if (has("://")) return "this is a URL, and only its host and its port belong here";
  if (has(",")) return "these are several addresses, and one belongs here";
  if (IsIpv6(text)) {
    return "IPv6 addresses cannot be used; give the IPv4 address or a name that resolves to it";
  }
  if (has("[") || has("]")) return "a host has no brackets";
  const size_t colon = text.find(':');
  const absl::string_view behind_host =
      colon == absl::string_view::npos ? absl::string_view() : text.substr(colon + 1);
  if (const size_t path = text.find('/'); path != absl::string_view::npos) {
    return absl::StrCat("leave out the path, ", text.substr(path));
  }
  if (absl::StrContains(behind_host, ' ') || absl::StrContains(behind_host, '\t')) {
    return "leave out what stands behind the port";
  }
  if (absl::StrContains(behind_host, ':')) {
    return "there are several ports; give the one for clients";
  }
  return "";
}

}  // namespace metarec
