#include "migration/zookeeper/zookeeper_ensemble.h"

#include <functional>
#include <set>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/this_coro.hpp>
#include <asio/write.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/wording.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {
namespace {

constexpr size_t kAnswerBytesMax = 64 << 10;

asio::awaitable<absl::StatusOr<std::string>> AskWord(ZooKeeperHost host, std::string word,
                                                     absl::Time deadline, Clock* clock) {
  ResolverQuestion question = [host](asio::ip::tcp::resolver& resolver, asio::error_code& error) {
    return resolver.resolve(asio::ip::tcp::v4(), host.host, absl::StrCat(host.port), error);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const ResolverResults results,
      co_await AskResolver(clock, deadline, host.host, std::move(question)));
  if (results.empty()) co_return absl::NotFoundError("it has no IPv4 address");
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::socket socket(executor);
  const asio::ip::tcp::endpoint endpoint = results.begin()->endpoint();
  std::string answer(kAnswerBytesMax, '\0');
  std::string failure = "no answer in time";
  const std::function<asio::awaitable<void>()> talk = [&]() -> asio::awaitable<void> {
    const auto [connected] = co_await socket.async_connect(endpoint, kAwaitTuple);
    if (connected) {
      failure = connected.message();
      co_return;
    }
    const auto [sent, sent_bytes] =
        co_await asio::async_write(socket, asio::buffer(word), kAwaitTuple);
    if (sent) {
      failure = sent.message();
      co_return;
    }
    // The server closes the connection behind its answer.
    const auto [received, bytes] =
        co_await asio::async_read(socket, asio::buffer(answer), kAwaitTuple);
    if (received && received != asio::error::eof) {
      failure = received.message();
      co_return;
    }
    answer.resize(bytes);
    failure.clear();
  };
  const absl::Status in_time = co_await RunUntil(deadline, clock, talk);
  if (absl::IsCancelled(in_time)) co_return in_time;
  if (failure.empty()) co_return answer;
  co_return absl::UnavailableError(failure);
}

}  // namespace

ZooKeeperServerInfo ParseServerInfo(absl::string_view address, absl::string_view text) {
  ZooKeeperServerInfo info;
  info.address = std::string(address);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, "Zookeeper version: ")) {
      info.version = std::string(line.substr(0, line.find_first_of("-, ")));
    } else if (absl::ConsumePrefix(&line, "Mode: ")) {
      info.mode = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Node count: ")) {
      info.znodes = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Zxid: ")) {
      info.zxid = std::string(line);
    }
  }
  if (info.version.empty()) {
    info.error = absl::StrContains(text, "not in the whitelist")
                     ? "it does not answer srvr (4lw.commands.whitelist)"
                     : "it says nothing of its version; it may have lost its quorum";
  }
  return info;
}

asio::awaitable<absl::StatusOr<std::vector<ZooKeeperServerInfo>>> AskEnsemble(
    std::string hosts, absl::Duration timeout, Clock* clock) {
  METAREC_CO_ASSIGN_OR_RETURN(const ZooKeeperAddresses addresses, ParseZooKeeperHosts(hosts));
  std::vector<ZooKeeperServerInfo> servers(addresses.hosts.size());
  const absl::Time deadline = clock->Now() + timeout;
  const auto ask = [&](size_t i) -> asio::awaitable<void> {
    const ZooKeeperHost host = addresses.hosts[i];
    const std::string address = absl::StrCat(host.host, ":", host.port);
    const std::string word = "srvr";
    const absl::StatusOr<std::string> answer = co_await AskWord(host, word, deadline, clock);
    if (answer.ok()) {
      servers[i] = ParseServerInfo(address, *answer);
    } else {
      servers[i].address = address;
      servers[i].error = std::string(answer.status().message());
    }
  };
  co_await ForEachBounded(servers.size(), servers.size(), ask);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while ZooKeeper's servers were asked");
  co_return servers;
}

std::string DescribeEnsemble(const std::vector<ZooKeeperServerInfo>& servers) {
  std::set<std::string> versions;
  std::vector<std::string> modes;
  for (const ZooKeeperServerInfo& server : servers) {
    if (!server.error.empty()) continue;
    versions.insert(server.version);
    modes.push_back(absl::StrCat(server.address, " ", server.mode));
  }
  if (modes.empty()) return "no server answers srvr";
  return absl::StrCat("version ", absl::StrJoin(versions, " and "), "; ",
                      absl::StrJoin(modes, ", "));
}

std::vector<std::string> EnsembleWarnings(const std::vector<ZooKeeperServerInfo>& servers) {
  std::vector<std::string> warnings;
  std::vector<std::string> leaders;
  std::set<std::string> versions;
  for (const ZooKeeperServerInfo& server : servers) {
    if (!server.error.empty()) {
      warnings.push_back(absl::StrCat(server.address, ": ", server.error));
      continue;
    }
    versions.insert(server.version);
    if (server.mode == "leader" || server.mode == "standalone") leaders.push_back(server.address);
  }
  if (leaders.size() > 1) {
    warnings.push_back(absl::StrCat(absl::StrJoin(leaders, " and "),
                                    " each say that they lead: the list mixes servers of several "
                                    "ensembles"));
  }
  if (versions.size() > 1) {
    warnings.push_back(
        absl::StrCat("its servers have different versions: ", absl::StrJoin(versions, ", ")));
  }
  return warnings;
}

}  // namespace metarec
