#include "simulated_network.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/event.h"
#include "idl/error_names.h"
#include "rpc/pegasus_status.h"

namespace metarec::simulation {

absl::string_view NetworkFaultName(NetworkFaultKind kind) {
  static constexpr absl::string_view kNames[kNetworkFaultKinds] = {"none", "lost", "reset",
                                                                   "duplicate", "slow_message"};
  return kNames[static_cast<int>(kind)];
}

struct SimulatedNetwork::Exchange {
  explicit Exchange(const asio::any_io_executor& executor) : over(executor) {}
  void End(absl::StatusOr<rpc::HandlerResult> how) {
    if (over.is_set()) return;
    result = std::move(how);
    over.Set();
  }
  Event over;
  absl::StatusOr<rpc::HandlerResult> result = absl::UnknownError("not over");
};

void SimulatedNetwork::CutOff(uint32_t ip, absl::Duration lasts) {
  absl::Time& until = cut_off_until_[ip];
  until = std::max(until, with_.queue->now() + lasts);
}

bool SimulatedNetwork::IsCutOff(uint32_t ip) const {
  const auto found = cut_off_until_.find(ip);
  return found != cut_off_until_.end() && with_.queue->now() < found->second;
}

absl::Duration SimulatedNetwork::Delay() {
  return with_.random->Span(absl::Microseconds(100), absl::Milliseconds(20));
}

// A message is lost if either end is cut off when it is sent or when it would arrive.
void SimulatedNetwork::Deliver(uint32_t from, Ipv4Endpoint to, rpc::Request request,
                               absl::Duration delay, Reply answered) {
  if (IsCutOff(from)) return;
  with_.queue->After(
      delay, [this, from, to, request = std::move(request), answered = std::move(answered)] {
        const auto handler = handlers_.find(to);
        if (IsCutOff(from) || IsCutOff(to.ip)) return;
        if (handler == handlers_.end()) {
          rpc::HandlerResult refused;
          refused.error_name = idl::kErrNetworkFailure;
          return answered(std::move(refused));
        }
        handler->second(request, [this, from, to, answered](rpc::HandlerResult result) {
          if (!result.is_answered) return;
          with_.queue->After(Delay(), [this, from, to, answered, result = std::move(result)] {
            if (!IsCutOff(from) && !IsCutOff(to.ip)) answered(result);
          });
        });
      });
}

asio::awaitable<absl::StatusOr<rpc::HandlerResult>> SimulatedNetwork::Call(uint32_t from,
                                                                           Ipv4Endpoint to,
                                                                           rpc::Request request,
                                                                           absl::Time deadline) {
  const auto executor = co_await asio::this_coro::executor;
  const auto exchange = std::make_shared<Exchange>(executor);
  const NetworkFault fault = with_.on_message(messages_++);
  with_.trace->Add(with_.queue->now(), Ipv4ToString(from),
                   absl::StrCat(request.task_code, " to ", to.ToString(), "  ",
                                fault.kind == NetworkFaultKind::kNone
                                    ? ""
                                    : absl::StrCat("!! ", NetworkFaultName(fault.kind))));
  const auto timer = with_.queue->At(deadline, [exchange, to] {
    exchange->End(rpc::PegasusError(idl::kErrTimeout, absl::StrCat(to.ToString(), ": no answer")));
  });
  const auto reset = [exchange, to] {
    exchange->End(rpc::PegasusError(idl::kErrNetworkFailure,
                                    absl::StrCat(to.ToString(), ": the connection broke")));
  };
  absl::Duration delay = Delay();
  bool is_sent = fault.kind != NetworkFaultKind::kLost;
  if (fault.kind == NetworkFaultKind::kSlow) delay += fault.lasts;
  if (fault.kind == NetworkFaultKind::kReset) {
    is_sent = with_.random->OneIn(2);
    with_.queue->After(with_.random->Span(absl::ZeroDuration(), 3 * delay), reset);
  }
  if (is_sent) {
    Deliver(from, to, std::move(request), delay, [exchange, reset](rpc::HandlerResult result) {
      if (result.error_name == idl::kErrNetworkFailure) return reset();
      exchange->End(std::move(result));
    });
  }
  const absl::Status waited = co_await exchange->over.Wait();
  with_.queue->Cancel(timer);
  if (!waited.ok()) co_return waited;
  co_return exchange->result;
}

void SimulatedNetwork::Send(uint32_t from, Ipv4Endpoint to, rpc::Request request, Reply answered) {
  const NetworkFault fault = with_.on_message(messages_++);
  if (fault.kind == NetworkFaultKind::kLost || fault.kind == NetworkFaultKind::kReset) return;
  const auto heard = [answered = std::move(answered)](rpc::HandlerResult result) {
    if (result.error_name == idl::kErrOk) answered(std::move(result));
  };
  if (fault.kind == NetworkFaultKind::kDuplicate) Deliver(from, to, request, Delay(), heard);
  absl::Duration delay = Delay();
  if (fault.kind == NetworkFaultKind::kSlow) delay += fault.lasts;
  Deliver(from, to, std::move(request), delay, heard);
}

}  // namespace metarec::simulation
