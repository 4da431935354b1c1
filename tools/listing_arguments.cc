#include "tools/listing_arguments.h"

#include <utility>

#include "runtime/status_macros.h"
#include "tools/command_loop.h"
#include "tools/root_contents.h"

namespace metarec::tools {

void ListingArguments::AddTo(CLI::App& verb, const char* details) {
  verb.add_flag("-d,--detailed", detailed_, details);
  verb.add_flag("-j,--json", json_, "the same as --format json");
  store_.AddTo(verb);
  output_.AddTo(verb);
}

ExitCode ListingArguments::Run(
    absl::string_view verb, std::function<bool(const AppZnode&)> wants_partitions,
    std::function<absl::StatusOr<ShellTables>(const std::vector<TableView>&)> list) const {
  CommandLoop loop;
  const auto print = [&](ProgressPrinter* progress) -> asio::awaitable<absl::StatusOr<ExitCode>> {
    METAREC_CO_ASSIGN_OR_RETURN(
        const std::vector<TableView> tables,
        co_await ReadTables(store_, std::move(wants_partitions), &loop.clock(), progress));
    progress->Clear();
    METAREC_CO_ASSIGN_OR_RETURN(const ShellTables listing, list(tables));
    const bool json = json_ || output_.json();
    METAREC_CO_RETURN_IF_ERROR(output_.Print(json ? listing.ToJson() : listing.ToText()));
    co_return ExitCode::kDone;
  };
  return loop.Run(verb, "nothing was changed", print);
}

}  // namespace metarec::tools
