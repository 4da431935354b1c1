#include "zk_store/client/session_loss.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/run_until.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

asio::awaitable<void> AwaitChange(MetaStore* store, absl::StatusOr<SessionState>* state) {
  *state = co_await store->AwaitSessionChange(**state);
}

}  // namespace

asio::awaitable<absl::Status> AwaitSessionLoss(MetaStore* store, Clock* clock,
                                               absl::Duration disconnected_max) {
  absl::StatusOr<SessionState> state = store->session_state();
  absl::Time give_up_at = absl::InfiniteFuture();
  // The store is not touched after a final state: it may be gone by then.
  while (state.ok() && !IsFinal(*state)) {
    if (*state == SessionState::kConnected || disconnected_max == absl::InfiniteDuration()) {
      give_up_at = absl::InfiniteFuture();
      co_await AwaitChange(store, &state);
      continue;
    }
    if (give_up_at == absl::InfiniteFuture()) give_up_at = clock->Now() + disconnected_max;
    const absl::Status waited = co_await RunUntil(
        give_up_at, clock, [store, &state] { return AwaitChange(store, &state); });
    if (absl::IsDeadlineExceeded(waited)) {
      METAREC_RARE_BRANCH("the leader is cut off for longer than a session lives");
      co_return absl::AbortedError(absl::StrCat("there was no connection to ZooKeeper for ",
                                                absl::FormatDuration(disconnected_max),
                                                ", by when the session has expired"));
    }
    METAREC_CO_RETURN_IF_ERROR(waited);
  }
  METAREC_CO_RETURN_IF_ERROR(state.status());
  co_return MakeStoreError(StoreError::kSessionExpired, "session", "",
                           absl::StrCat("it is ", SessionStateName(*state)));
}

}  // namespace metarec
