// What two ensembles say of one election, side by side: how it is read, and how it is printed.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/election/election_phases.h"
#include "zk_store/election/election_view.h"
#include "zk_store/election/phase_record.h"

namespace metarec::tools {

struct ElectionReport {
  struct Ensemble {
    std::string place;  // as it can be typed
    std::string error;  // why the rest is not known; empty: it is
    ElectionView view;
    std::vector<ElectionCandidate> candidates;  // in their order
  };

  std::string directory;
  PerSide<Ensemble> ensembles;
  // nullopt: the two are not linked, or not both could be read.
  std::optional<PhaseState> state;
  // What keeps the phase from being changed, or people from trusting what they see; sentences.
  std::vector<std::string> troubles;

  bool is_whole() const;  // both could be read
};

// Fills in what `report` does not say yet. Only reads, each ensemble once. A store that is null
// could not be opened: then `ensembles` says why already.
asio::awaitable<ElectionReport> ReadElection(ElectionReport report, PerSide<MetaStore*> stores);

// Whom watchers of that ensemble follow: the first candidate there; null: nobody.
const ElectionCandidate* FollowedIn(const ElectionReport& report, EnsembleSide side);

std::string ElectionText(const ElectionReport& report);
std::string ElectionJson(const ElectionReport& report);  // docs/election.md; one line

}  // namespace metarec::tools
