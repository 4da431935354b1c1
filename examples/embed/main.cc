// meta_server --zk 127.0.0.1:2181 --root /pegasus/recovered --port 34601
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <gflags/gflags.h>

#include "meta_server.h"
#include "metarec/base/runtime/system_clock.h"
#include "metarec/zk_store/client/zookeeper_meta_store.h"

DEFINE_string(zk, "", "ZooKeeper servers, host:port,host:port");
DEFINE_string(root, "/pegasus/recovered", "where the metadata go; must be empty");
DEFINE_uint32(port, 34601, "on 127.0.0.1; 0: chosen by the system");

asio::awaitable<absl::Status> Serve(metarec::Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);  // that is reported as a status
  metarec::ZooKeeperOptions zookeeper;
  zookeeper.hosts = FLAGS_zk;
  METAREC_CO_ASSIGN_OR_RETURN(const auto store,
                              co_await metarec::ZooKeeperMetaStore::Connect(zookeeper, clock));
  MetaServer server(co_await asio::this_coro::executor, clock, FLAGS_root);
  const metarec::Ipv4Endpoint listen = {0x7F000001, static_cast<uint16_t>(FLAGS_port)};
  co_return co_await server.Run(store.get(), listen);
}

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  metarec::SystemClock clock;
  asio::io_context context(1);
  asio::cancellation_signal stop;
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&stop](const asio::error_code& error, int) {
    if (!error) stop.emit(asio::cancellation_type::terminal);
  });
  absl::Status status;
  const auto ended = [&](const std::exception_ptr&, const absl::Status& result) {
    status = result;
    signals.cancel();
  };
  asio::co_spawn(context, Serve(&clock), asio::bind_cancellation_slot(stop.slot(), ended));
  context.run();
  if (status.ok() || absl::IsCancelled(status)) return 0;
  std::fprintf(stderr, "meta_server: %s\n", status.ToString().c_str());
  return 1;
}
