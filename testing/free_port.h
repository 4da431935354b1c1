#pragma once

#include <cstdint>
#include <memory>

namespace metarec::testing {

// A TCP port of loopback that was free a moment ago.
uint16_t FreePort();

// A TCP port of loopback that the kernel gives to nobody by itself while this lives, whether or not
// somebody listens there. A server that asks for it by its number, with SO_REUSEADDR, gets it: for
// those whom a test stops and starts again, and of whom it looks meanwhile whether they still
// listen.
class ReservedPort {
 public:
  ReservedPort();
  ~ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  uint16_t number() const { return number_; }

 private:
  class Held;
  const std::unique_ptr<Held> held_;
  uint16_t number_ = 0;
};

}  // namespace metarec::testing
