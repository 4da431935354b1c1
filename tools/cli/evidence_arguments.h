#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "replica_collector/evidence.h"
#include "tools/cli/node_arguments.h"

namespace metarec::tools {

// NODES or --evidence FILE.
class EvidenceArguments {
 public:
  void AddTo(CLI::App& verb);

  bool given() const { return nodes_.given() || !file_.empty(); }
  // Whether it is what nodes said earlier.
  bool is_file() const { return !file_.empty(); }
  absl::Status Check() const;
  // As typed.
  std::string AsTyped() const;
  asio::awaitable<absl::StatusOr<Evidence>> Obtain(Clock* clock, ProgressListener* progress) const;

 private:
  NodeArguments nodes_;
  std::string file_;
};

}  // namespace metarec::tools
