#include "tools/cli/live/election_report.h"

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/output_arguments.h"

namespace metarec::tools {
namespace {

asio::awaitable<absl::Status> ReadEnsemble(MetaStore* store, const ElectionPlace* place,
                                           ElectionReport::Ensemble* ensemble) {
  METAREC_CO_ASSIGN_OR_RETURN(ensemble->view, co_await LookAtElection(store, place));
  METAREC_CO_ASSIGN_OR_RETURN(ensemble->candidates,
                              co_await ReadElectionCandidates(store, place, &ensemble->view));
  co_return absl::OkStatus();
}

// How a candidate stands in an ensemble.
const char* StandingWord(const ElectionCandidate& candidate) {
  if (!candidate.marker.has_value()) return "plain";
  return candidate.marker->alone ? "alone" : "both";
}

std::string PhaseWords(ElectionPhase phase) {
  const std::string numbers = EnsembleWords(NumbersFrom(phase));
  const auto only = OnlySide(phase);
  if (only.has_value()) return absl::StrCat("candidates stand in ", EnsembleWords(*only));
  return absl::StrCat("candidates stand in both ensembles, ", numbers, " gives the numbers");
}

std::string StateWords(const ElectionReport& report) {
  if (!report.state.has_value()) return report.is_whole() ? "not linked" : "not known";
  const PhaseState& state = *report.state;
  if (state.is_torn) return "two changes began at once";
  if (state.settled()) {
    return absl::StrCat(ElectionPhaseName(state.to), ": ", PhaseWords(state.to));
  }
  return absl::StrCat("half changed from ", ElectionPhaseName(state.from), " to ",
                      ElectionPhaseName(state.to));
}

std::string FollowedWords(const ElectionReport& report, EnsembleSide side) {
  if (!report.ensembles[side].error.empty()) return "not known";
  const ElectionCandidate* const followed = FollowedIn(report, side);
  return followed == nullptr ? "nobody" : Printable(followed->data);
}

void AddTroublesOfState(ElectionReport* report) {
  const PhaseState& state = *report->state;
  if (state.settled()) return;
  report->troubles.emplace_back(
      "the change of phase is half made: metarec live phase completes it, or takes it back");
}

void AddTroublesOfWatchers(ElectionReport* report) {
  const ElectionCandidate* const first = FollowedIn(*report, EnsembleSide::kFirst);
  const ElectionCandidate* const second = FollowedIn(*report, EnsembleSide::kSecond);
  if (first == nullptr || second == nullptr || first->name == second->name) return;
  report->troubles.push_back(absl::StrCat("watchers of ensemble 1 follow ", Printable(first->data),
                                          " (", first->name, "), those of ensemble 2 ",
                                          Printable(second->data), " (", second->name, ")"));
}

std::string JsonOfCandidate(const ElectionCandidate& candidate) {
  return JsonObject()
      .Set("znode", candidate.name)
      .Set("data", candidate.data)
      .Set("session", absl::StrCat("0x", absl::Hex(static_cast<uint64_t>(candidate.session_id))))
      .Set("stands", StandingWord(candidate))
      .ToText();
}

std::string JsonOfEnsemble(const ElectionReport& report, EnsembleSide side) {
  const ElectionReport::Ensemble& ensemble = report.ensembles[side];
  JsonObject object;
  object.Set("ensemble", int64_t{side == EnsembleSide::kFirst ? 1 : 2})
      .Set("place", ensemble.place)
      .Set("error", ensemble.error);
  if (ensemble.view.record.has_value()) {
    const PhaseRecord& record = *ensemble.view.record;
    object.Set("phase", ElectionPhaseName(record.phase))
        .Set("change", record.change)
        .Set("id", record.id)
        .Set("guard", record.guard);
  }
  const ElectionCandidate* const followed = FollowedIn(report, side);
  object.Set("followed", followed == nullptr ? "" : followed->data);
  std::vector<std::string> candidates;
  for (const ElectionCandidate& candidate : ensemble.candidates) {
    candidates.push_back(JsonOfCandidate(candidate));
  }
  return object.SetJson("candidates", JsonArray(candidates)).ToText();
}

}  // namespace

bool ElectionReport::is_whole() const {
  return ensembles[EnsembleSide::kFirst].error.empty() &&
         ensembles[EnsembleSide::kSecond].error.empty();
}

asio::awaitable<ElectionReport> ReadElection(ElectionReport report, PerSide<MetaStore*> stores) {
  const ElectionPlace place = {.paths = ElectionPaths(report.directory)};
  for (const EnsembleSide side : kEnsembleSides) {
    ElectionReport::Ensemble& ensemble = report.ensembles[side];
    if (stores[side] != nullptr) {
      const absl::Status read = co_await ReadEnsemble(stores[side], &place, &ensemble);
      ensemble.error = std::string(read.message());
    }
    if (!ensemble.error.empty()) {
      report.troubles.push_back(absl::StrCat(EnsembleWords(side), ": ", ensemble.error));
    }
  }
  if (!report.is_whole()) co_return report;
  const absl::StatusOr<PhaseState> state =
      PhaseStateOfPair(report.directory, {{report.ensembles[EnsembleSide::kFirst].view,
                                           report.ensembles[EnsembleSide::kSecond].view}});
  if (!state.ok()) {
    report.troubles.emplace_back(state.status().message());
    co_return report;
  }
  report.state = *state;
  AddTroublesOfState(&report);
  AddTroublesOfWatchers(&report);
  for (const EnsembleSide side : kEnsembleSides) {
    const ElectionReport::Ensemble& ensemble = report.ensembles[side];
    const std::vector<std::string> misfits =
        MisfitsAmong(ensemble.candidates, side, ensemble.view.record->id);
    report.troubles.insert(report.troubles.end(), misfits.begin(), misfits.end());
  }
  co_return report;
}

const ElectionCandidate* FollowedIn(const ElectionReport& report, EnsembleSide side) {
  const ElectionReport::Ensemble& ensemble = report.ensembles[side];
  if (ensemble.candidates.empty()) return nullptr;
  const ElectionCandidate& first = ensemble.candidates.front();
  const auto& record = ensemble.view.record;
  if (first.marker.has_value() || !record.has_value()) return &first;
  // A plain one counts where nothing else is known, and not while the election stands in both.
  return OnlySide(record->phase) == side ? &first : nullptr;
}

std::string ElectionText(const ElectionReport& report) {
  const auto& record = report.ensembles[EnsembleSide::kFirst].view.record;
  std::vector<std::vector<std::string>> head = {
      {"election", report.directory},
      {"ensemble 1", report.ensembles[EnsembleSide::kFirst].place},
      {"ensemble 2", report.ensembles[EnsembleSide::kSecond].place},
      {"phase", StateWords(report)}};
  if (report.state.has_value() && record.has_value()) {
    head.push_back({"pair", absl::StrCat(Printable(record->id), ", change ", record->change)});
  }
  head.push_back(
      {"followed", absl::StrCat(FollowedWords(report, EnsembleSide::kFirst), " in ensemble 1, ",
                                FollowedWords(report, EnsembleSide::kSecond), " in ensemble 2")});
  std::string text = AlignedRows(head);

  // By znode: who it is, and how it stands in each.
  std::map<std::string, std::array<std::string, 3>> by_name;
  for (const EnsembleSide side : kEnsembleSides) {
    for (const ElectionCandidate& candidate : report.ensembles[side].candidates) {
      std::array<std::string, 3>& row = by_name[candidate.name];
      const std::string data = Printable(candidate.data);
      if (!row[0].empty() && row[0] != data) absl::StrAppend(&row[0], " / ", data);
      if (row[0].empty()) row[0] = data;
      row[side == EnsembleSide::kFirst ? 1 : 2] = StandingWord(candidate);
    }
  }
  std::vector<std::vector<std::string>> rows = {{"ZNODE", "CANDIDATE", "IN 1", "IN 2"}};
  for (const auto& [name, row] : by_name) {
    rows.push_back(
        {Printable(name), row[0], row[1].empty() ? "-" : row[1], row[2].empty() ? "-" : row[2]});
  }
  if (rows.size() > 1) absl::StrAppend(&text, "\n", AlignedRows(rows));
  if (!report.troubles.empty()) absl::StrAppend(&text, "\n");
  for (const std::string& trouble : report.troubles) {
    absl::StrAppend(&text, "attention: ", PrintableLines(trouble), "\n");
  }
  return text;
}

std::string ElectionJson(const ElectionReport& report) {
  JsonObject object;
  object.Set("directory", report.directory).Set("linked", report.state.has_value());
  if (report.state.has_value()) {
    object.Set("from", ElectionPhaseName(report.state->from))
        .Set("phase", ElectionPhaseName(report.state->to))
        .Set("settled", report.state->settled());
  }
  std::vector<std::string> ensembles;
  for (const EnsembleSide side : kEnsembleSides) ensembles.push_back(JsonOfEnsemble(report, side));
  std::vector<std::string> troubles;
  for (const std::string& trouble : report.troubles) troubles.push_back(JsonString(trouble));
  return object.SetJson("ensembles", JsonArray(ensembles))
      .SetJson("troubles", JsonArray(troubles))
      .ToLine();
}

}  // namespace metarec::tools
