// What to say of a root where nothing is: most often its path is mistyped.

#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/store_reader.h"

namespace metarec {

// "there is nothing at all at /pegasus/onebx: is it the right one? Near it are the clusters
// /pegasus/onebox, /pegasus/test". Looks at the last znode of the path that exists, and at no more
// than 100 below it. `root` must be valid.
asio::awaitable<absl::StatusOr<std::string>> NothingAt(StoreReader* reader, std::string root);

}  // namespace metarec
