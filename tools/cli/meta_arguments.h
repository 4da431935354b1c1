#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>

#include "base/runtime/clock.h"
#include "pegasus_client/meta_client.h"
#include "tools/cli/store_arguments.h"
#include "tools/process/command.h"

namespace metarec::tools {

// META: --meta, and how long its servers have.
class MetaArguments {
 public:
  enum class Timeout { kOption, kNone };  // kNone: the verb has an option of its own for it

  enum class Need { kAlways, kInsteadOfStore };

  void AddTo(Command& verb, Need need, Timeout timeout = Timeout::kOption);

  bool given() const { return !servers_.empty(); }

  // For verbs that ask meta servers only.
  absl::Status CheckGiven() const;
  // For verbs that can also go straight to ZooKeeper: exactly one of both must be given.
  absl::Status CheckInsteadOf(const StoreArguments& store) const;

  absl::StatusOr<std::unique_ptr<MetaClient>> Open(asio::any_io_executor executor,
                                                   Clock* clock) const;

 private:
  std::string servers_;
  double timeout_seconds_ = 10;
};

}  // namespace metarec::tools
