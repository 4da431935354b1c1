#include "tools/cli/listing_arguments.h"

#include <memory>
#include <utility>

#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "pegasus_client/shell_failure.h"
#include "tools/cli/command_errors.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/root_contents.h"
#include "tools/cli/shell_failure.h"

namespace metarec::tools {

void ListingArguments::AddTo(CLI::App& verb, const char* details, Sources sources) {
  app_ = &verb;
  sources_ = sources;
  if (details != nullptr) verb.add_flag("-d,--detailed", detailed_, details);
  verb.add_flag("-j,--json", json_, "the same as --format json");
  meta_.AddTo(verb);
  if (sources == Sources::kMetaOrStore) store_.AddTo(verb);
  output_.AddTo(verb);
}

absl::Status ListingArguments::CheckSource() const {
  return sources_ == Sources::kMetaOnly ? meta_.CheckGiven() : meta_.CheckInsteadOfStore(*app_);
}

asio::awaitable<absl::StatusOr<ShellTables>> ListingArguments::Ask(const ListByMeta& list,
                                                                   Clock* clock) const {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaClient> client,
                              meta_.Open(executor, clock));
  co_return co_await list(client.get());
}

asio::awaitable<absl::StatusOr<ShellTables>> ListingArguments::Read(
    const ListOfRoot& list, Clock* clock, ProgressPrinter* progress) const {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await ReadTables(store_, list.wants_partitions, clock, progress));
  progress->Clear();
  co_return list.list(tables);
}

ExitCode ListingArguments::Run(absl::string_view verb, const ListByMeta& by_meta,
                               const ListOfRoot& of_root) const {
  if (const absl::Status source = CheckSource(); !source.ok()) return Fail(verb, source);
  CommandLoop loop;
  const bool json = json_ || output_.json();
  const auto print = [&](ProgressPrinter* progress) -> asio::awaitable<absl::StatusOr<ExitCode>> {
    absl::StatusOr<ShellTables> listing = absl::InternalError("not listed");
    if (meta_.given()) {
      listing = co_await Ask(by_meta, &loop.clock());
    } else {
      listing = co_await Read(of_root, &loop.clock(), progress);
    }
    if (!ShellTextOf(listing.status()).empty()) {
      co_return PrintShellFailure(verb, listing.status(), json);
    }
    METAREC_CO_RETURN_IF_ERROR(listing.status());
    METAREC_CO_RETURN_IF_ERROR(output_.Print(json ? listing->ToJson() : listing->ToText()));
    co_return ExitCode::kDone;
  };
  return loop.Run(verb, "nothing was changed; run the same command again", print,
                  ProgressPrinter::StyleOfStderr(output_.json()));
}

}  // namespace metarec::tools
