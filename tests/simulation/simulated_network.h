// Messages between processes: they take a while, overtake each other, get lost, arrive twice.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "idl/ipv4_endpoint.h"
#include "rpc/server.h"
#include "seeded_run.h"
#include "testing/virtual_clock.h"

namespace metarec::simulation {

// What goes wrong with one message.
enum class NetworkFaultKind {
  kNone,
  kLost,       // and nobody is told
  kReset,      // the connection breaks before the request, or after it, or after the answer
  kDuplicate,  // UDP: arrives twice; TCP: nothing
  kSlow,       // takes `lasts` longer
};
inline constexpr int kNetworkFaultKinds = 5;
absl::string_view NetworkFaultName(NetworkFaultKind kind);

struct NetworkFault {
  NetworkFaultKind kind = NetworkFaultKind::kNone;
  absl::Duration lasts = absl::ZeroDuration();
};

class SimulatedNetwork {
 public:
  using Reply = std::function<void(rpc::HandlerResult)>;
  using Handler = std::function<void(rpc::Request, Reply)>;

  struct Surroundings {
    testing::EventQueue* queue = nullptr;
    Random* random = nullptr;
    Trace* trace = nullptr;
    // Asked for every message that is no answer.
    std::function<NetworkFault(int64_t index)> on_message;
  };

  explicit SimulatedNetwork(Surroundings surroundings) : with_(std::move(surroundings)) {}

  void Bind(Ipv4Endpoint address, Handler handler) { handlers_[address] = std::move(handler); }
  // Refuses connections to it from now on.
  void Unbind(Ipv4Endpoint address) { handlers_.erase(address); }
  // Nothing reaches this host, and nothing that it sends reaches others.
  void CutOff(uint32_t ip, absl::Duration lasts);
  bool IsCutOff(uint32_t ip) const;

  // A request over TCP. ERR_TIMEOUT at `deadline` at the latest, ERR_NETWORK_FAILURE, kCancelled.
  asio::awaitable<absl::StatusOr<rpc::HandlerResult>> Call(uint32_t from, Ipv4Endpoint to,
                                                           rpc::Request request,
                                                           absl::Time deadline);
  // A datagram; `answered` is called for every answer that arrives.
  void Send(uint32_t from, Ipv4Endpoint to, rpc::Request request, Reply answered);

  int64_t messages() const { return messages_; }

 private:
  struct Exchange;
  void Deliver(uint32_t from, Ipv4Endpoint to, rpc::Request request, absl::Duration delay,
               Reply answered);
  absl::Duration Delay();

  const Surroundings with_;
  std::map<Ipv4Endpoint, Handler> handlers_;
  std::map<uint32_t, absl::Time> cut_off_until_;
  int64_t messages_ = 0;
};

}  // namespace metarec::simulation
