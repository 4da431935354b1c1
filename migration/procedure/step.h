// What a procedure consists of: steps, each of which is looked at before, while and after it is
// done, and which may have a way back.

#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

namespace metarec {

// What a look at the world has shown.
struct Sight {
  bool holds = false;
  std::string seen;  // a clause for people: "m2:34601 still listens"

  static Sight Holds(std::string seen) { return {true, std::move(seen)}; }
  static Sight Lacks(std::string seen) { return {false, std::move(seen)}; }
};

// An error means that nothing could be seen. Must change nothing.
using Look = std::function<asio::awaitable<absl::StatusOr<Sight>>()>;
using Act = std::function<asio::awaitable<absl::Status>()>;

// Something that is done once. It counts as done when `after` is seen to hold, not when `act` has
// returned.
struct Deed {
  std::string title;                 // "Stop the follower meta servers a and b"
  std::string guard;                 // what `before` demands, as a clause; empty: nothing
  std::string result;                // what `after` demands, likewise
  std::vector<std::string> by_hand;  // how it is done without this program: commands, a line each

  Look before;  // null: nothing is demanded
  Act act;      // null: the operator does it
  // What the operator is asked to do, in place of `act` or beside it: one sentence with the
  // command.
  std::string request;
  Look meanwhile;  // must hold while `act` runs; null: nothing is looked at
  Look after;
  // `after` is looked at before anything is done, and if it holds, nothing is.
  bool looks_first = false;
  // How long an act that was cut off by a kill may go on by itself, as a command may: only after
  // that it is repeated.
  absl::Duration settles_in = absl::ZeroDuration();
  // How long `after` may take to hold once `act` has returned, or the operator was asked.
  absl::Duration wait_max = absl::Minutes(10);
};

struct WayBack {
  enum class Kind {
    kNothingToUndo,  // the step changes nothing that anybody else uses
    kDeed,
    kNone,
  };
  Kind kind = Kind::kNothingToUndo;
  std::string why_none;  // with kNone: a sentence
  // Asked of every step before the first one is undone; null: always.
  Look possible;
  Deed deed;  // `looks_first` does not matter: what is undone already is not undone again
};

// Who takes a step: `run`, which ends in a state that is stable, or `finish` after that.
enum class Stage { kRun, kFinish };

struct Step {
  std::string name;  // "stop_followers"; unique
  Stage stage = Stage::kRun;
  Deed deed;
  WayBack back;
};

}  // namespace metarec
