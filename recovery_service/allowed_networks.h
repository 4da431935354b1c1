#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// IPv4 networks from which something may be asked.
class AllowedNetworks {
 public:
  // Everyone.
  AllowedNetworks() = default;

  // "10.0.0.0/8,127.0.0.1": networks in CIDR notation and addresses, separated by commas. An empty
  // text allows everyone. kInvalidArgument names the entry that is wrong.
  static absl::StatusOr<AllowedNetworks> Parse(absl::string_view text);

  bool Allows(uint32_t ip) const;
  bool allows_everyone() const { return networks_.empty(); }

 private:
  struct Network {
    uint32_t address = 0;
    uint32_t mask = 0;
  };
  std::vector<Network> networks_;
};

}  // namespace metarec
