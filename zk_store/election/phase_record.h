// An election that stands in two ZooKeeper ensembles at once: its phases, and how they and its
// candidates are written down in ZooKeeper (docs/election.md).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// One of the two ensembles.
enum class EnsembleSide { kFirst, kSecond };
inline constexpr std::array<EnsembleSide, 2> kEnsembleSides = {EnsembleSide::kFirst,
                                                               EnsembleSide::kSecond};
inline constexpr EnsembleSide OtherSide(EnsembleSide side) {
  return side == EnsembleSide::kFirst ? EnsembleSide::kSecond : EnsembleSide::kFirst;
}
// "1", "2".
absl::string_view EnsembleSideName(EnsembleSide side);
// "ensemble 1".
std::string EnsembleWords(EnsembleSide side);

// One of something for each ensemble.
template <typename T>
struct PerSide {
  T& operator[](EnsembleSide side) { return values[static_cast<size_t>(side)]; }
  const T& operator[](EnsembleSide side) const { return values[static_cast<size_t>(side)]; }
  bool operator==(const PerSide&) const = default;

  std::array<T, 2> values = {};
};

// Where candidates stand, and which ensemble gives them their numbers. Each phase leads to those
// beside it.
enum class ElectionPhase { kOne, kBothFromFirst, kBothFromSecond, kTwo };
inline constexpr std::array<ElectionPhase, 4> kElectionPhases = {
    ElectionPhase::kOne, ElectionPhase::kBothFromFirst, ElectionPhase::kBothFromSecond,
    ElectionPhase::kTwo};

// "one", "both-1", "both-2", "two".
absl::string_view ElectionPhaseName(ElectionPhase phase);
std::optional<ElectionPhase> ParseElectionPhase(absl::string_view name);
// The only ensemble in which candidates stand; nullopt: in both.
std::optional<EnsembleSide> OnlySide(ElectionPhase phase);
EnsembleSide NumbersFrom(ElectionPhase phase);
bool AreNeighbours(ElectionPhase a, ElectionPhase b);

// What each ensemble says of the phase.
struct PhaseRecord {
  ElectionPhase phase = ElectionPhase::kOne;
  // Counts the changes of phase. While the two ensembles differ in it, a change is half made.
  int64_t change = 0;
  // The ensemble in which this stands, as all candidates must have it.
  EnsembleSide side = EnsembleSide::kFirst;
  // The same in both ensembles, and in no other; empty while nobody has linked two.
  std::string id;
  // The name of a znode among the candidates that keeps programs that know nothing of phases from
  // leading here; empty: there is none.
  std::string guard;
  // The version of ElectionPaths::fence() that leaders check when they write here.
  int32_t fence = 0;

  bool operator==(const PhaseRecord&) const = default;
};
std::string EncodePhaseRecord(const PhaseRecord& record);
// kInvalidArgument, with the text.
absl::StatusOr<PhaseRecord> ParsePhaseRecord(absl::string_view text);

// What a candidate says of itself beside its znode. A candidate without a marker is of a program
// that knows nothing of phases: a plain one.
struct CandidateMarker {
  // It may lead while it is first in this ensemble, whatever the other one says.
  bool alone = false;
  // PhaseRecord::id, if its configuration fits; else empty.
  std::string id;

  bool operator==(const CandidateMarker&) const = default;
};
std::string EncodeCandidateMarker(const CandidateMarker& marker);
absl::StatusOr<CandidateMarker> ParseCandidateMarker(absl::string_view text);

// The znodes of an election; the same in both ensembles.
class ElectionPaths {
 public:
  // Where the candidates are.
  explicit ElectionPaths(std::string directory) : directory_(std::move(directory)) {}

  const std::string& directory() const { return directory_; }
  std::string candidate(absl::string_view name) const;
  // All else is beside it.
  std::string linked() const { return directory_ + ".linked"; }
  std::string phase() const { return linked() + "/phase"; }
  // Its version changes when leaders must not write here any more.
  std::string fence() const { return linked() + "/fence"; }
  // Of the candidate that this session owns.
  std::string marker(int64_t session_id) const;

 private:
  std::string directory_;
};

}  // namespace metarec
