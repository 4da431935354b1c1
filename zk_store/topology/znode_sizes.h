#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/meta_store.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// What messages call it: "/root/apps/3 (table "temp")", shortened where it is long.
std::string LabelOfZnode(const TopologyZnodes& znodes, size_t ordinal);

// Whether each of `znodes` can be created in a transaction of its own, with `fence` in front:
// kResourceExhausted, naming the table, if one cannot. Encodes them all, and lets others on the
// executor have their turn meanwhile; kCancelled. All arguments must outlive it.
asio::awaitable<absl::Status> CheckZnodeSizes(TopologyZnodes* znodes, const MetaStore& store,
                                              const std::vector<StoreOp>& fence);

}  // namespace metarec
