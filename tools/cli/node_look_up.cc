#include "tools/cli/node_look_up.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/for_each_bounded.h"
#include "rpc/resolver.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr size_t kLookUpsInFlight = 64;

absl::Status UnknownName(const NodeList& list, const NodeListEntry& entry,
                         const NodeArguments& nodes) {
  return absl::InvalidArgumentError(absl::StrCat(
      nodes.UnknownNameText(entry), "\nmetarec recover: ",
      list.file.empty() ? "" : absl::StrCat(list.file, ":", entry.line, ": "), "the host '",
      entry.host,
      "' has no IPv4 address that is known here; correct its spelling or give its address. No "
      "node was asked"));
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<Ipv4Endpoint>>> LookUpNodes(const NodeList& list,
                                                                       const NodeArguments& nodes,
                                                                       Clock* clock) {
  std::vector<absl::StatusOr<Ipv4Endpoint>> found(list.entries.size());
  const absl::Time deadline = clock->Now() + nodes.node_timeout();
  co_await ForEachBounded(list.entries.size(), kLookUpsInFlight,
                          [&](size_t i) -> asio::awaitable<void> {
                            const NodeListEntry& entry = list.entries[i];
                            absl::StatusOr<Ipv4Endpoint> address =
                                co_await rpc::ResolveIpv4(clock, entry.host, entry.port, deadline);
                            found[i] = std::move(address);
                          });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while names were looked up");
  for (size_t i = 0; i < found.size(); ++i) {
    if (absl::IsNotFound(found[i].status())) co_return UnknownName(list, list.entries[i], nodes);
  }
  std::vector<Ipv4Endpoint> addresses;
  for (const absl::StatusOr<Ipv4Endpoint>& address : found) {
    if (address.ok()) {
      addresses.push_back(*address);
      continue;
    }
    co_return Annotate(address.status(),
                       absl::StrCat(" (--node_timeout ", absl::FormatDuration(nodes.node_timeout()),
                                    "); see to the name service of this machine, or list "
                                    "addresses. No node was asked"));
  }
  co_return addresses;
}

}  // namespace metarec::tools
