#include <memory>

#include "pegasus_client/meta_listing.h"
#include "tools/cli/listing_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "cluster_info";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for cluster_info, as the meta servers (or metarecd) tell it.\n"
    "\n"
    "Examples:\n"
    "  metarec cluster_info --meta meta1:34601,meta2:34601";

ExitCode Run(const ListingArguments& arguments) {
  return arguments.Run(kVerb, ShowClusterByMeta, ListingArguments::ListOfRoot());
}

}  // namespace

void AddClusterInfoVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "show what a cluster's meta servers say of it");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<ListingArguments>();
  arguments->AddTo(*verb, nullptr, ListingArguments::Sources::kMetaOnly);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
