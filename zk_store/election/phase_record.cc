#include "zk_store/election/phase_record.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr size_t kTextBytesMax = 2000;
// Far above what any election reaches, and far enough from what overflows.
constexpr int64_t kChangeMax = int64_t{1} << 53;

// "key=value key=value"; keys that are not known mean nothing.
absl::StatusOr<std::map<std::string, std::string>> ParseFields(absl::string_view text,
                                                               absl::string_view what) {
  std::map<std::string, std::string> fields;
  for (const absl::string_view field : absl::StrSplit(text.substr(0, kTextBytesMax), ' ')) {
    const std::vector<std::string> halves = absl::StrSplit(field, absl::MaxSplits('=', 1));
    const bool is_new = halves.size() == 2 && fields.emplace(halves[0], halves[1]).second;
    if (!is_new || text.size() > kTextBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("'", Printable(text.substr(0, 100)),
                                                     "' is no ", what,
                                                     " of an election in two ensembles"));
    }
  }
  return fields;
}

}  // namespace

absl::string_view EnsembleSideName(EnsembleSide side) {
  return side == EnsembleSide::kFirst ? "1" : "2";
}

std::string EnsembleWords(EnsembleSide side) {
  return absl::StrCat("ensemble ", EnsembleSideName(side));
}

absl::string_view ElectionPhaseName(ElectionPhase phase) {
  static constexpr absl::string_view kNames[] = {"one", "both-1", "both-2", "two"};
  return kNames[static_cast<int>(phase)];
}

std::optional<ElectionPhase> ParseElectionPhase(absl::string_view name) {
  for (const ElectionPhase phase : kElectionPhases) {
    if (ElectionPhaseName(phase) == name) return phase;
  }
  return std::nullopt;
}

std::optional<EnsembleSide> OnlySide(ElectionPhase phase) {
  if (phase == ElectionPhase::kOne) return EnsembleSide::kFirst;
  if (phase == ElectionPhase::kTwo) return EnsembleSide::kSecond;
  return std::nullopt;
}

EnsembleSide NumbersFrom(ElectionPhase phase) {
  return phase == ElectionPhase::kOne || phase == ElectionPhase::kBothFromFirst
             ? EnsembleSide::kFirst
             : EnsembleSide::kSecond;
}

bool AreNeighbours(ElectionPhase a, ElectionPhase b) {
  return std::abs(static_cast<int>(a) - static_cast<int>(b)) == 1;
}

std::string EncodePhaseRecord(const PhaseRecord& record) {
  return absl::StrCat("phase=", ElectionPhaseName(record.phase), " change=", record.change,
                      " side=", EnsembleSideName(record.side), " id=", record.id,
                      " guard=", record.guard, " fence=", record.fence);
}

absl::StatusOr<PhaseRecord> ParsePhaseRecord(absl::string_view text) {
  auto fields = ParseFields(text, "phase");
  if (!fields.ok()) return fields.status();
  PhaseRecord record;
  const std::optional<ElectionPhase> phase = ParseElectionPhase((*fields)["phase"]);
  const std::string& side = (*fields)["side"];
  if (!phase.has_value() || (side != "1" && side != "2") ||
      !absl::SimpleAtoi((*fields)["change"], &record.change) || record.change < 0 ||
      record.change > kChangeMax || !absl::SimpleAtoi((*fields)["fence"], &record.fence) ||
      record.fence < 0 || record.fence >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", Printable(text.substr(0, 100)), "' is no phase of an election in two ensembles"));
  }
  record.phase = *phase;
  record.side = side == "1" ? EnsembleSide::kFirst : EnsembleSide::kSecond;
  record.id = (*fields)["id"];
  record.guard = (*fields)["guard"];
  return record;
}

std::string EncodeCandidateMarker(const CandidateMarker& marker) {
  return absl::StrCat("stands=", marker.alone ? "alone" : "both", " id=", marker.id);
}

absl::StatusOr<CandidateMarker> ParseCandidateMarker(absl::string_view text) {
  auto fields = ParseFields(text, "candidate");
  if (!fields.ok()) return fields.status();
  const std::string& stands = (*fields)["stands"];
  if (stands != "alone" && stands != "both") {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", Printable(text.substr(0, 100)), "' is no candidate of an election in two ensembles"));
  }
  return CandidateMarker{.alone = stands == "alone", .id = (*fields)["id"]};
}

std::string ElectionPaths::candidate(absl::string_view name) const {
  return absl::StrCat(directory_, "/", name);
}

std::string ElectionPaths::marker(int64_t session_id) const {
  return absl::StrCat(linked(), "/candidate-", absl::Hex(static_cast<uint64_t>(session_id)));
}

}  // namespace metarec
