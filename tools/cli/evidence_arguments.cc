#include "tools/cli/evidence_arguments.h"

#include <iostream>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/shell_word.h"
#include "replica_collector/evidence_file.h"
#include "tools/cli/interrupt_signals.h"
#include "tools/cli/node_access.h"

namespace metarec::tools {

void EvidenceArguments::AddTo(CLI::App& verb) {
  nodes_.AddTo(verb);
  verb.add_option("--evidence", file_, "an evidence file, instead of asking the nodes")
      ->type_name("FILE")
      ->group("NODES");
}

absl::Status EvidenceArguments::Check() const {
  if (file_.empty() && !nodes_.given()) {
    return absl::InvalidArgumentError(
        "say whose evidence: -f FILE or -s HOST:PORT,... asks the nodes, --evidence FILE reads "
        "what collect wrote");
  }
  if (!file_.empty() && nodes_.given()) {
    return absl::InvalidArgumentError("give either the nodes (-f, -s) or --evidence, not both");
  }
  if (file_.empty()) METAREC_RETURN_IF_ERROR(nodes_.CheckExactlyOne());
  return nodes_.NodeNames().status();
}

std::string EvidenceArguments::AsTyped() const {
  if (file_.empty()) return nodes_.AsTyped();
  return absl::StrCat("--evidence ", ShellWord(file_), nodes_.NamesAsTyped());
}

asio::awaitable<absl::StatusOr<Evidence>> EvidenceArguments::Obtain(
    Clock* clock, ProgressListener* progress) const {
  if (!file_.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto names, nodes_.NodeNames());
    EvidenceFileOptions options;
    options.interrupt_descriptor = InterruptSignals::descriptor();
    METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence, ReadEvidenceFile(file_, options));
    METAREC_CO_RETURN_IF_ERROR(NameNodes(names, &evidence));
    co_return evidence;
  }
  METAREC_CO_ASSIGN_OR_RETURN(NodeList list, nodes_.Read());
  METAREC_CO_ASSIGN_OR_RETURN(CollectorOptions options, CollectorOptionsOf(nodes_));
  std::cerr << WarnOfDuplicates(list) << std::flush;
  co_return co_await CollectEvidence(std::move(list), std::move(options), clock, progress);
}

}  // namespace metarec::tools
