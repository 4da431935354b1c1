#include "benchmarks/load_clients.h"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "base/runtime/task_group.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/recovery_gate.h"
#include "rpc/native_frame.h"
#include "rpc/socket_reader.h"

namespace metarec::benchmarks {
namespace {

struct GatedRpc {
  std::string task_code;
  std::string request;  // the body
  // Refused with ERR_UNDER_RECOVERY, byte for byte, or, once the cluster is recovered, answered.
  bool (*is_right)(const GatedRpc& rpc, absl::string_view answer) = nullptr;
  std::string refusal;
};

// `table` is one of the cluster's.
std::vector<GatedRpc> GatedRpcs(const std::string& table);

template <typename Response>
bool IsRight(const GatedRpc& rpc, absl::string_view answer) {
  if (answer == rpc.refusal) return true;
  Response response;
  return idl::DecodeBody(answer, &response).ok() && response.err.ok();
}

template <typename Response, typename Request>
GatedRpc Rpc(const char* task_code, const Request& request) {
  GatedRpc rpc;
  rpc.task_code = task_code;
  rpc.request = idl::EncodeBody(request);
  rpc.is_right = IsRight<Response>;
  rpc.refusal = FindMetaRpc(task_code)->EncodeRefusal(idl::kErrUnderRecovery);
  return rpc;
}

std::vector<GatedRpc> GatedRpcs(const std::string& table) {
  idl::query_cfg_request partition;
  partition.app_name = table;
  partition.__set_partition_indices({0});
  return {
      Rpc<idl::configuration_list_apps_response>(idl::kRpcCmListApps,
                                                 idl::configuration_list_apps_request()),
      Rpc<idl::configuration_list_nodes_response>(idl::kRpcCmListNodes,
                                                  idl::configuration_list_nodes_request()),
      Rpc<idl::configuration_cluster_info_response>(idl::kRpcCmClusterInfo,
                                                    idl::configuration_cluster_info_request()),
      Rpc<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex, partition),
  };
}

using SteadyClock = std::chrono::steady_clock;

constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr size_t kConnectsAtOnce = 128;
constexpr auto kLastAnswers = std::chrono::seconds(10);
constexpr int kUrgent = -20;
constexpr auto kPollInterval = std::chrono::milliseconds(20);

struct Connection {
  explicit Connection(asio::io_context* context) : socket(*context), reader(&socket) {}
  asio::ip::tcp::socket socket;
  rpc::SocketReader reader;
};

struct Sent {
  SteadyClock::time_point due;
  uint32_t phase = 0;
  uint8_t rpc = 0;
  bool is_answered = false;
};

class LoadClients {
 public:
  explicit LoadClients(const LoadOptions& options)
      : options_(options), rpcs_(GatedRpcs(options.table)), timer_(context_), stdin_(context_) {
    stdin_.assign(dup(STDIN_FILENO));
  }

  int Run() {
    asio::co_spawn(context_, Serve(), asio::detached);
    context_.run();
    return exit_code_;
  }

 private:
  asio::awaitable<void> Serve() {
    connections_.resize(options_.connections);
    co_await ForEachBounded(options_.connections, kConnectsAtOnce,
                            [this](size_t i) { return Connect(i); });
    std::cout << (failures_ == 0 ? "connected" : absl::StrCat(failures_, " failed")) << std::endl;
    std::string input;
    for (;;) {
      const auto [error, size] =
          co_await asio::async_read_until(stdin_, asio::dynamic_buffer(input), '\n', kTuple);
      if (error) break;
      const std::string line = input.substr(0, size - 1);
      input.erase(0, size);
      co_await Obey(line);
    }
    context_.stop();
  }

  asio::awaitable<void> Connect(size_t i) {
    auto connection = std::make_unique<Connection>(&context_);
    const asio::ip::tcp::endpoint server(asio::ip::address_v4(options_.server.ip),
                                         options_.server.port);
    const auto [error] = co_await connection->socket.async_connect(server, kTuple);
    if (error) {
      ++failures_;
      exit_code_ = 1;
      co_return;
    }
    // Closed with a reset, so that none of the many ports stays taken behind us.
    connection->socket.set_option(asio::socket_base::linger(true, 0));
    connection->socket.set_option(asio::ip::tcp::no_delay(true));
    connections_[i] = std::move(connection);
    if (options_.half_a_header) {
      Write(i, FrameOf(rpcs_[0], 1).substr(0, rpc::kNativeHeaderBytes / 2));
    }
    asio::co_spawn(context_, ReadAnswers(connections_[i].get()), asio::detached);
  }

  asio::awaitable<void> Obey(std::string line) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "send ")) {
      if (!absl::SimpleAtod(rest, &rate_)) rate_ = 0;
      ++phase_;
      begun_ = SteadyClock::now();
      sent_in_phase_ = 0;
      if (!std::exchange(is_sending_, true)) {
        asio::co_spawn(context_, Send(), asio::detached);
      }
      std::cout << "sending" << std::endl;
    } else if (rest == "quiet") {
      is_sending_ = false;
      std::cout << "quiet" << std::endl;
    } else if (rest == "report") {
      co_await AwaitLastAnswers();
      Report();
    }
  }

  asio::awaitable<void> Send() {
    size_t next = 0;
    while (is_sending_) {
      const SteadyClock::time_point due =
          begun_ + std::chrono::nanoseconds(static_cast<int64_t>(sent_in_phase_ / rate_ * 1e9));
      if (due > SteadyClock::now()) {
        timer_.expires_at(due);
        co_await timer_.async_wait(kTuple);
        continue;  // there may be another phase by now
      }
      const auto rpc = static_cast<uint8_t>(sent_.size() % rpcs_.size());
      sent_.push_back({.due = due, .phase = phase_, .rpc = rpc});
      Write(next, FrameOf(rpcs_[rpc], sent_.size() - 1));
      ++sent_in_phase_;
      next = (next + 1) % connections_.size();
    }
  }

  static std::string FrameOf(const GatedRpc& rpc, uint64_t id) {
    rpc::NativeHeader header;
    header.id = id;
    header.rpc_name = rpc.task_code;
    header.context = rpc::kContextIsRequest | rpc::kContextFormatThriftBinary;
    header.timeout_ms = 5000;
    return rpc::BuildNativeHeader(header, rpc.request, rpc::Checksums::kNone) + rpc.request;
  }

  // What does not leave is missed as an answer.
  void Write(size_t i, const std::string& bytes) {
    if (connections_[i] == nullptr) return;
    asio::error_code ignored;
    connections_[i]->socket.non_blocking(true, ignored);
    connections_[i]->socket.write_some(asio::buffer(bytes), ignored);
  }

  asio::awaitable<void> ReadAnswers(Connection* connection) {
    absl::Status status;
    while (status.ok()) status = co_await ReadAnswer(connection);
    ++closed_;
  }

  asio::awaitable<absl::Status> ReadAnswer(Connection* connection) {
    std::string bytes;
    absl::Status read = co_await connection->reader.Read(rpc::kNativeHeaderBytes, &bytes);
    if (!read.ok()) co_return read;
    const absl::StatusOr<rpc::NativeHeader> header = rpc::ParseNativeHeader(bytes);
    if (!header.ok()) co_return header.status();
    std::string body;
    read = co_await connection->reader.Read(header->body_length, &body);
    if (!read.ok()) co_return read;
    Take(*header, body);
    co_return absl::OkStatus();
  }

  void Take(const rpc::NativeHeader& header, absl::string_view body) {
    if (header.id >= sent_.size() || sent_[header.id].is_answered) {
      ++wrong_;
      return;
    }
    Sent& sent = sent_[header.id];
    sent.is_answered = true;
    ++answered_;
    latencies_us_.resize(phase_);
    latencies_us_[sent.phase - 1].push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - sent.due)
            .count());
    const GatedRpc& rpc = rpcs_[sent.rpc];
    if (header.error_name != idl::kErrOk || !rpc.is_right(rpc, body)) ++wrong_;
  }

  asio::awaitable<void> AwaitLastAnswers() {
    const SteadyClock::time_point give_up_at = SteadyClock::now() + kLastAnswers;
    asio::steady_timer pause(context_);
    while (answered_ < sent_.size() && SteadyClock::now() < give_up_at) {
      pause.expires_after(kPollInterval);
      co_await pause.async_wait(kTuple);
    }
  }

  void Report() {
    latencies_us_.resize(phase_);
    std::cout << "lost " << sent_.size() - answered_ << " wrong " << wrong_ << " closed " << closed_
              << "\n";
    for (const std::vector<int64_t>& phase : latencies_us_) {
      for (const int64_t latency : phase) std::cout << latency << " ";
      std::cout << "\n";
    }
    std::cout << std::flush;
  }

  const LoadOptions options_;
  const std::vector<GatedRpc> rpcs_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  asio::posix::stream_descriptor stdin_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Sent> sent_;                          // by the requests' ids
  std::vector<std::vector<int64_t>> latencies_us_;  // of each phase
  uint32_t phase_ = 0;                              // the first is 1
  double rate_ = 0;
  SteadyClock::time_point begun_;
  int64_t sent_in_phase_ = 0;
  bool is_sending_ = false;
  size_t answered_ = 0;
  int64_t wrong_ = 0;
  int64_t closed_ = 0;
  int64_t failures_ = 0;
  int exit_code_ = 0;
};

}  // namespace

int RunLoadClients(const LoadOptions& options) {
  // A stopwatch that is late itself measures nothing: where it is allowed, it comes first.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, kUrgent));
  return LoadClients(options).Run();
}

}  // namespace metarec::benchmarks
