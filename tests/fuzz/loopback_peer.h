// The other end of a connection on this machine, which sends bytes in pieces and lets the event
// loop of the tested end run in between.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>
#include <asio/io_context.hpp>

#include "idl/ipv4_endpoint.h"

namespace metarec::fuzz {

class LoopbackPeer {
 public:
  // Takes over a connected socket.
  LoopbackPeer(asio::io_context* io, int descriptor);
  ~LoopbackPeer();
  LoopbackPeer(const LoopbackPeer&) = delete;
  LoopbackPeer& operator=(const LoopbackPeer&) = delete;

  static int ConnectTo(Ipv4Endpoint endpoint);

  // `way` as in ForEachPiece. Ends early when the other end has closed.
  void Send(absl::string_view bytes, uint8_t way);
  void EndSending();
  // Runs the loop until the other end has closed the connection, which it must do in a short time.
  void AwaitEnd();

 private:
  // False: the connection is over.
  bool Drain();

  asio::io_context* const io_;
  const int descriptor_;
};

}  // namespace metarec::fuzz
