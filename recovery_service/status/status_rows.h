// What the status page shows of replica servers and of tables, before it is JSON.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "meta_recovery/report/headline.h"
#include "recovery_service/plan_glance.h"
#include "recovery_service/recovery_service.h"

namespace metarec {

// What there is to say of one replica server.
struct NodeRow {
  std::string address;  // empty while it is not known
  std::string name;
  // "failed", "unlisted" (sends beacons, and the list of the last request lacks it), "unconfirmed"
  // (the same, but nobody is seen to be there), "asking", "waiting", "answered"; empty: it was
  // never asked.
  std::string answer;
  std::string state;  // a sentence
  std::optional<int64_t> tables;
  std::optional<int64_t> replicas;
};

// Those of the last request and those that sent beacons: in the order of the answers above, so
// that what keeps a recovery from going on comes first. `status` must be of this moment: made on
// the service's executor, with no co_await since.
std::vector<NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now);

// Who sends beacons and is missing in the list of the last request, in words, as far as somebody is
// seen to be there: such a server ends the recovery, unless it skips bad nodes. Empty if there was
// no request.
std::vector<std::string> UnlistedServers(const RecoveryServiceStatus& status);

// Whether the tables that are shown are those of the last run's plan: what was found says more than
// what was written of it.
bool ShowsPlan(const RecoveryServiceStatus& status);

// The tables that are served; as long as nothing is, those of the last plan. `status` must be of
// this moment: made on the service's executor, with no co_await since.
TableRows TablesWorstFirst(const RecoveryServiceStatus& status);

// How the last run ended, or what is served; nullopt while there is nothing to say of any metadata.
// `tables` are those of the same status.
std::optional<Headline> StatusHeadline(const RecoveryServiceStatus& status,
                                       const TableRows& tables);

}  // namespace metarec
