#pragma once

#include <functional>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "tools/cli/meta_arguments.h"
#include "tools/cli/meta_change.h"
#include "tools/cli/output_arguments.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// What the verbs that change something at the meta servers have in common: META, OUTPUT, and how
// they run.
class ChangeArguments {
 public:
  using Change = std::function<asio::awaitable<absl::StatusOr<MetaChange>>(MetaClient*)>;

  void AddTo(CLI::App& verb);

  // Prints what was done, or what failed in the words of Pegasus's shell.
  ExitCode Run(absl::string_view verb, const Change& change) const;

 private:
  MetaArguments meta_;
  OutputArguments output_;
};

}  // namespace metarec::tools
