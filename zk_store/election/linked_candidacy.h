// What a LinkedElection has and knows of its candidacy; for its own sources.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <absl/strings/str_cat.h>

#include "zk_store/client/store_error.h"
#include "zk_store/election/linked_election.h"

namespace metarec {

// Outlives the candidacy while somebody waits for its end.
struct LinkedElection::Session {
  std::unique_ptr<MetaStore> store;
  bool is_over = false;
};

// What we have and know of one ensemble.
struct LinkedElection::Side {
  bool is_wanted = false;  // in this round
  std::shared_ptr<Session> session;
  std::shared_ptr<Watch> record_watch;  // null: to be set
  std::shared_ptr<Watch> candidates_watch;
  absl::Status look_status;  // of this round
  std::optional<ElectionView> view;
  // The last look that was answered: when it began, as a time and in the order of what we did.
  absl::Time contact = absl::InfinitePast();
  int64_t looked = 0;
  int64_t round = 0;
  // Our znode.
  bool stands = false;
  bool may_stand = false;  // its creation was not answered
  int64_t stands_since = 0;
  bool is_base = false;  // it counts
  CandidateMarker marker;
  bool knows_marker = false;  // false: it may also be as it was before

  bool HasSeenOurs() const { return stands && view.has_value() && looked > stands_since; }
};

// The first of two looks.
struct LinkedElection::Collect {
  PerSide<int32_t> record_versions;
  int64_t round = 0;
};

// The next look may do better.
inline bool IsPassing(const absl::Status& status) {
  return OutcomeUnknown(status) || absl::IsDeadlineExceeded(status) ||
         StoreErrorOf(status) == StoreError::kReadOnly;
}

inline absl::Status CandidacyOver(absl::string_view why) { return absl::AbortedError(why); }

}  // namespace metarec
