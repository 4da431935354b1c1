// What changes something at a cluster's meta servers, with what Pegasus's shell prints about it
// (INTEROP.md section 7.2; `rename` as captured, and its failure as master's shell words it).

#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "idl/enums_types.h"
#include "pegasus_client/meta_client.h"

namespace metarec::tools {

// What is printed when it is done.
struct MetaChange {
  std::string text;
  std::string json;
};

// `level` is one of those that exist, not fl_invalid.
asio::awaitable<absl::StatusOr<MetaChange>> SetMetaLevel(MetaClient* client,
                                                         idl::meta_function_level level);

asio::awaitable<absl::StatusOr<MetaChange>> RenameTable(MetaClient* client, std::string old_name,
                                                        std::string new_name);

}  // namespace metarec::tools
