#include "tools/cli/node_arguments.h"

#include <algorithm>
#include <iostream>
#include <random>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/wording.h"
#include "replica_collector/evidence_file.h"
#include "rpc/resolver.h"
#include "tools/cli/interrupts.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr size_t kLookUpsInFlight = 64;

absl::Status UnknownName(const NodeList& list, const NodeListEntry& entry,
                         const NodeArguments& nodes) {
  return absl::InvalidArgumentError(
      absl::StrCat(nodes.UnknownNameText(entry), "\nmetarec recover: ",
                   list.file.empty() ? "" : absl::StrCat(list.file, ":", entry.line, ": "),
                   "the host '", entry.host,
                   "' has no IPv4 address that this machine knows; correct its spelling or give "
                   "its address. No node was asked"));
}

}  // namespace

void NodeArguments::AddTo(Command& verb) {
  constexpr auto kGroup = "NODES";
  verb.Add("-f,--node_list_file", &file_, "file with one replica server a line, host:port")
      .TypeName("FILE")
      .Group(kGroup);
  verb.Add("-s,--node_list_str", &list_, "the replica servers")
      .TypeName("HOST:PORT,...")
      .Group(kGroup);
  verb.Add("--node_name", &node_names_,
           "what the server at an address calls itself, if looking up the address does not tell")
      .TypeName("IP:PORT=HOST:PORT")
      .Repeatable()
      .Group(kGroup);
  node_timeout_ = verb.Add("--node_timeout", &node_timeout_seconds_,
                           "how long a node has for its answers, tries included")
                      .TypeName("SECONDS")
                      .Between(0.01, 3600.0)
                      .ShowDefault()
                      .Group(kGroup);
}

absl::Status NodeArguments::CheckExactlyOne() const {
  if (file_.empty() && list_.empty()) {
    return absl::InvalidArgumentError("should specify one of node_list_file/node_list_str");
  }
  if (!file_.empty() && !list_.empty()) {
    return absl::InvalidArgumentError("should only specify one of node_list_file/node_list_str");
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeList> NodeArguments::Read() const {
  if (!given()) {
    return absl::InvalidArgumentError("say which nodes to ask: -f FILE or -s HOST:PORT,...");
  }
  if (!file_.empty() && !list_.empty()) {
    return absl::InvalidArgumentError("give either -f or -s, not both");
  }
  NodeListOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return file_.empty() ? ParseNodeListString(list_) : ReadNodeListFile(file_, options);
}

absl::StatusOr<metarec::NodeNames> NodeArguments::NodeNames() const {
  metarec::NodeNames names;
  for (const std::string& argument : node_names_) {
    const absl::Status added = AddNodeName(argument, &names);
    if (added.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("--node_name ", added.message()));
  }
  return names;
}

std::string NodeArguments::UnknownNameText(const NodeListEntry& entry) const {
  if (file_.empty()) return absl::StrCat("parse ", entry.text, " as a host:port node failed");
  return absl::StrCat("parse ", entry.text, " at file ", file_, " line ", entry.line,
                      " as host:port failed");
}

std::string WarnOfDuplicates(const NodeList& list) {
  std::string text;
  for (const NodeListDuplicate& duplicate : list.duplicates) {
    absl::StrAppend(&text, "warning: ", duplicate.text, " is listed twice",
                    list.file.empty() ? ""
                                      : absl::StrCat(", in lines ", duplicate.first_line, " and ",
                                                     duplicate.line),
                    "; it is asked once\n");
  }
  return text;
}

NodeAccess::NodeAccess(asio::any_io_executor executor, Clock* clock)
    : clock_(clock), client_(std::move(executor), clock), source_(&client_, clock) {}

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

void EvidenceArguments::AddTo(Command& verb) {
  nodes_.AddTo(verb);
  verb.Add("--evidence", &file_, "an evidence file, instead of asking the nodes")
      .TypeName("FILE")
      .Group("NODES");
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
  if (!file_.empty() && nodes_.says_how_to_ask()) {
    return absl::InvalidArgumentError(
        "--node_timeout has no effect with --evidence, which asks no node; leave it out");
  }
  return nodes_.NodeNames().status();
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

namespace {

LookedUpNodes NodesAt(const NodeList& list,
                      const std::vector<absl::StatusOr<std::vector<uint32_t>>>& found) {
  LookedUpNodes nodes;
  const bool has_others = std::any_of(found.begin(), found.end(),
                                      [](const auto& ips) { return !IsLoopback(ips->front()); });
  for (size_t i = 0; i < found.size(); ++i) {
    const NodeListEntry& entry = list.entries[i];
    const std::vector<uint32_t>& ips = *found[i];
    nodes.addresses.push_back({ips.front(), entry.port});
    if (ips.size() > 1) {
      std::vector<std::string> others;
      for (size_t k = 1; k < ips.size(); ++k) others.push_back(Ipv4ToString(ips[k]));
      absl::StrAppend(&nodes.warnings, "warning: ", entry.text, " has several addresses, of which ",
                      Ipv4ToString(ips.front()), " is sent; the others: ", CutList(others), "\n");
    }
    if (has_others && IsLoopback(ips.front())) {
      absl::StrAppend(&nodes.warnings, "warning: ", entry.text, " is the loopback address ",
                      Ipv4ToString(ips.front()),
                      " here, which no other machine can reach, while other nodes have addresses "
                      "of a network; look at /etc/hosts\n");
    }
  }
  return nodes;
}

}  // namespace

asio::awaitable<absl::StatusOr<LookedUpNodes>> LookUpNodes(const NodeList& list,
                                                           const NodeArguments& nodes,
                                                           Clock* clock) {
  std::vector<absl::StatusOr<std::vector<uint32_t>>> found(list.entries.size());
  const absl::Time deadline = clock->Now() + nodes.node_timeout();
  co_await ForEachBounded(list.entries.size(), kLookUpsInFlight,
                          [&](size_t i) -> asio::awaitable<void> {
                            absl::StatusOr<std::vector<uint32_t>> ips =
                                co_await rpc::ResolveAllIpv4(clock, list.entries[i].host, deadline);
                            found[i] = std::move(ips);
                          });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while names were looked up");
  for (size_t i = 0; i < found.size(); ++i) {
    if (absl::IsNotFound(found[i].status())) co_return UnknownName(list, list.entries[i], nodes);
  }
  for (const auto& ips : found) {
    if (ips.ok()) continue;
    co_return Annotate(
        ips.status(),
        absl::StrCat(
            " (--node_timeout ", absl::FormatDuration(nodes.node_timeout()),
            "); check the name service of this machine, or list addresses. No node was asked"));
  }
  co_return NodesAt(list, found);
}

}  // namespace metarec::tools
