// A master that stands in the election of two ZooKeeper ensembles at once, and the command that
// leads such an election from one to the other while its masters run:
//
//   linked_election ZK1 ZK2 DIRECTORY NAME           a master; its followers know it by NAME
//   linked_election ZK1 ZK2 DIRECTORY --phase PHASE  one, both-1, both-2 or two: step by step
//
// docs/election.md says what happens.

#include <cstdio>
#include <memory>
#include <string>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include "metarec/base/runtime/status_macros.h"
#include "metarec/base/runtime/system_clock.h"
#include "metarec/zk_store/client/zookeeper_meta_store.h"
#include "metarec/zk_store/election/election_phases.h"
#include "metarec/zk_store/election/linked_election.h"

namespace {

asio::awaitable<absl::StatusOr<std::unique_ptr<metarec::MetaStore>>> Connect(
    std::string hosts, metarec::Clock* clock) {
  metarec::ZooKeeperOptions options;
  options.hosts = std::move(hosts);
  co_return co_await metarec::ZooKeeperMetaStore::Connect(options, clock);
}

// Says who leads. A real master would serve while it leads.
void Tell(const metarec::LinkedElection& election) {
  const metarec::LinkedElectionStatus status = election.status();
  std::printf("%s%s%s\n", status.leads ? "I lead" : "I follow ",
              status.leads    ? ""
              : status.leader ? status.leader->name.c_str()
                              : "nobody",
              status.trouble.empty() ? "" : (": " + status.trouble).c_str());
  std::fflush(stdout);
}

asio::awaitable<absl::Status> Contend(metarec::LinkedElectionOptions options,
                                      metarec::Clock* clock) {
  std::unique_ptr<metarec::LinkedElection> election;
  options.on_change = [&election] { Tell(*election); };
  election = std::make_unique<metarec::LinkedElection>(std::move(options), clock);
  co_return co_await election->Run();
}

asio::awaitable<absl::Status> Move(std::string first, std::string second,
                                   metarec::ElectionPhasesOptions options, std::string phase,
                                   metarec::Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);  // that is reported as a status
  const auto to = metarec::ParseElectionPhase(phase);
  if (!to) co_return absl::InvalidArgumentError("PHASE is one, both-1, both-2 or two");
  METAREC_CO_ASSIGN_OR_RETURN(const auto store, co_await Connect(first, clock));
  METAREC_CO_ASSIGN_OR_RETURN(const auto other, co_await Connect(second, clock));
  metarec::ElectionPhases phases(options, store.get(), other.get(), clock);
  METAREC_CO_RETURN_IF_ERROR(co_await phases.Link(first + "," + second));
  METAREC_CO_RETURN_IF_ERROR(co_await phases.Complete());
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto seen, co_await phases.Read());
    const int here = static_cast<int>(seen.state.to);
    const int there = static_cast<int>(*to);
    std::printf("the phase is %s\n", std::string(ElectionPhaseName(seen.state.to)).c_str());
    if (here == there) co_return absl::OkStatus();
    const auto next = static_cast<metarec::ElectionPhase>(here < there ? here + 1 : here - 1);
    METAREC_CO_RETURN_IF_ERROR(co_await phases.MoveTo(next));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: linked_election ZK1 ZK2 DIRECTORY (NAME | --phase PHASE)\n");
    return 2;
  }
  const std::string hosts[] = {argv[1], argv[2]};
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
  const auto start = [&](asio::awaitable<absl::Status> work) {
    asio::co_spawn(context, std::move(work), asio::bind_cancellation_slot(stop.slot(), ended));
  };
  if (std::string(argv[4]) == "--phase") {
    metarec::ElectionPhasesOptions options;
    options.directory = argv[3];
    const std::string phase = argc > 5 ? argv[5] : "";
    start(Move(hosts[0], hosts[1], options, phase, &clock));
  } else {
    metarec::LinkedElectionOptions options;
    options.directory = argv[3];
    options.own_name = argv[4];
    for (const metarec::EnsembleSide side : metarec::kEnsembleSides) {
      options.connect[side] = [&, side] { return Connect(hosts[static_cast<int>(side)], &clock); };
    }
    start(Contend(options, &clock));
  }
  context.run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "linked_election: %s\n", status.ToString().c_str());
  return 1;
}
