#include "tools/evidence_arguments.h"

#include <iostream>
#include <random>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "replica_collector/evidence_file.h"
#include "runtime/status_macros.h"
#include "text/shell_word.h"
#include "tools/interrupt_signals.h"

namespace metarec::tools {

NodeAccess::NodeAccess(asio::any_io_executor executor, Clock* clock)
    : client_(std::move(executor), clock), source_(&client_, clock) {}

double NodeAccess::Random() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

absl::StatusOr<CollectorOptions> CollectorOptionsOf(const NodeArguments& nodes) {
  CollectorOptions options;
  METAREC_ASSIGN_OR_RETURN(options.node_names, nodes.NodeNames());
  options.node_timeout = nodes.node_timeout();
  options.attempt_timeout = nodes.node_timeout();
  return options;
}

asio::awaitable<absl::StatusOr<Evidence>> CollectEvidence(NodeList list, CollectorOptions options,
                                                          Clock* clock,
                                                          ProgressListener* progress) {
  NodeAccess access(co_await asio::this_coro::executor, clock);
  Collector collector(std::move(options), access.source(), clock, progress, &NodeAccess::Random);
  co_return co_await collector.Collect(std::move(list));
}

void EvidenceArguments::AddTo(CLI::App& verb) {
  nodes_.AddTo(verb);
  verb.add_option("--evidence", file_, "an evidence file, instead of asking the nodes")
      ->type_name("FILE")
      ->group("NODES");
}

absl::Status EvidenceArguments::Check() const {
  if (file_.empty() && !nodes_.given()) {
    return absl::InvalidArgumentError(
        "say whose evidence: -f FILE or -s HOST:PORT,... asks the nodes, --evidence FILE reads "
        "what collect wrote");
  }
  if (!file_.empty() && nodes_.given()) {
    return absl::InvalidArgumentError("give either the nodes (-f, -s) or --evidence, not both");
  }
  if (file_.empty()) METAREC_RETURN_IF_ERROR(nodes_.CheckExactlyOne());
  return nodes_.NodeNames().status();
}

std::string EvidenceArguments::AsTyped() const {
  if (file_.empty()) return nodes_.AsTyped();
  return absl::StrCat("--evidence ", ShellWord(file_), nodes_.NamesAsTyped());
}

asio::awaitable<absl::StatusOr<Evidence>> EvidenceArguments::Obtain(
    Clock* clock, ProgressListener* progress) const {
  if (!file_.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto names, nodes_.NodeNames());
    EvidenceFileOptions options;
    options.interrupt_descriptor = InterruptSignals::descriptor();
    METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence, ReadEvidenceFile(file_, options));
    METAREC_CO_RETURN_IF_ERROR(NameNodes(names, &evidence));
    co_return evidence;
  }
  METAREC_CO_ASSIGN_OR_RETURN(NodeList list, nodes_.Read());
  METAREC_CO_ASSIGN_OR_RETURN(CollectorOptions options, CollectorOptionsOf(nodes_));
  std::cerr << WarnOfDuplicates(list) << std::flush;
  co_return co_await CollectEvidence(std::move(list), std::move(options), clock, progress);
}

}  // namespace metarec::tools
