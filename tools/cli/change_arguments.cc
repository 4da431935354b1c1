#include "tools/cli/change_arguments.h"

#include <memory>
#include <utility>

#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "pegasus_client/shell_failure.h"
#include "tools/cli/command_errors.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/shell_failure.h"

namespace metarec::tools {

void ChangeArguments::AddTo(CLI::App& verb) {
  meta_.AddTo(verb);
  output_.AddTo(verb);
}

ExitCode ChangeArguments::Run(absl::string_view verb, const Change& change) const {
  if (const absl::Status given = meta_.CheckGiven(); !given.ok()) return Fail(verb, given);
  CommandLoop loop;
  const auto run = [&](ProgressPrinter*) -> asio::awaitable<absl::StatusOr<ExitCode>> {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaClient> client,
                                meta_.Open(executor, &loop.clock()));
    const absl::StatusOr<MetaChange> done = co_await change(client.get());
    if (!ShellTextOf(done.status()).empty()) {
      co_return PrintShellFailure(verb, done.status(), output_.json());
    }
    METAREC_CO_RETURN_IF_ERROR(done.status());
    const absl::Status printed = output_.Print(output_.json() ? done->json : done->text);
    METAREC_CO_RETURN_IF_ERROR(printed);
    co_return ExitCode::kDone;
  };
  CommandLoop::AfterInterruption after(
      "it may or may not have been done: look before you run it again");
  after.same_command = false;
  return loop.Run(verb, std::move(after), run);
}

}  // namespace metarec::tools
