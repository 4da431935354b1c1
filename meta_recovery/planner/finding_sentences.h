// What is said of each kind of finding. The registry (finding_registry.h) leads here; a kind
// without a sentence does not compile.

#pragma once

#include <string>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Of any plan, also one that is not complete.
std::string Sentence(const RecoveryPlan&, const Finding&, const found::BadNode&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::SkippedNodeReturns&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeOnDisk&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeNameDiffers&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeListedTwice&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeNameAmbiguous&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeAddressDiffers&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::LoopbackAmongOthers&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::BeaconNotBelieved&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::UnlistedServer&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::UnconfirmedBeacons&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ServerMissing&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::StillServed&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NodeReportInvalid&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::TableInOldTree&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::CountInOldTree&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ValueCarried&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ZnodesCarried&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::TableRenamed&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::NameUnusableInShell&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::TableProbablyDropped&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::RecordsDiffer&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::RecordsConflict&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::SplitUnfinished&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::SplitCompleted&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::TableLostState&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::Placeholder&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::AppIdOutOfRange&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::AppIdGap&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ReplicasWithoutTable&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::TableLeftOut&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::Settled&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ReplicasMissing&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::PartitionLost&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::PrimaryIncomplete&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::PrimaryOnDisk&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ReplicaOverruled&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::BallotAbovePrimary&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::LessDataThanOverruled&);
std::string Sentence(const RecoveryPlan&, const Finding&, const found::ReplicaBeyondCount&);

// Pegasus's own lines (INTEROP.md, section 5).
std::string BadNodeHint(const RecoveryPlan& plan, const Finding& finding,
                        absl::string_view listed_as);
std::string TableRenamedHint(const RecoveryPlan& plan, const Finding& finding, absl::string_view);
std::string ReplicasMissingHint(const RecoveryPlan& plan, const Finding& finding,
                                absl::string_view);
std::string PartitionLostHint(const RecoveryPlan& plan, const Finding& finding, absl::string_view);

// Lines of the same style that Pegasus does not have: it knows nothing of these.
std::string CountInOldTreeHint(const RecoveryPlan& plan, const Finding& finding, absl::string_view);
std::string BeaconNotBelievedHint(const RecoveryPlan& plan, const Finding& finding,
                                  absl::string_view);
std::string UnlistedServerHint(const RecoveryPlan& plan, const Finding& finding, absl::string_view);
std::string UnconfirmedBeaconsHint(const RecoveryPlan& plan, const Finding& finding,
                                   absl::string_view);

// A hazard that Pegasus has no line for is told as the report tells it, behind this.
inline constexpr absl::string_view kHazardHint = "HAZARD: ";

// What programs look for in these lines. Also stock meta servers say them like this.
inline constexpr absl::string_view kLostPartitionHint = "force recover the lost partition to empty";
inline constexpr absl::string_view kSkippedNodeHint = ", skip the bad node";
inline constexpr absl::string_view kRenamedHint = "rename it to (";  // then the new name and ')'

// What sentences about one finding and about several have in common.
inline constexpr absl::string_view kShellsFail =
    "stock shells accept only letters, digits and \"._:\" in names, and with any other name `ls "
    "-d` "
    "and `nodes -d` fail for the whole cluster, `drop` refuses the table and `rename` crashes the "
    "shell (plain `ls`, the meta server, data clients and Pegasus's Go admin-cli accept it)";
inline constexpr absl::string_view kAvoidSuchNames =
    "; to avoid it, plan again with --rename_separator _ (or __, as stock meta servers join)";
inline constexpr absl::string_view kWhatReturningNodesRisk =
    "a stock meta server aborts on a replica of a table or partition that it does not know, and "
    "newer data on the node may be ignored or deleted";

inline constexpr absl::string_view kStartBeforeMetaServer =
    "; start that server before the meta server, or move its replica folder to a server that runs "
    "(while that one is stopped), and collect again";

// The end of the sentence about a table's lost state: what was lost. Fit for a terminal.
std::string LostState(const RecoveryPlan& plan, const Finding& finding);

// Whether the finding is a conflict over an id that a higher --max_app_id would take in.
bool CanRaiseMaxAppId(const Finding& finding);

// "newname (weight 7: n1, n2); oldname (weight 0: n3)". A parenthesis in a value and a comma in a
// name have a backslash in front.
std::string ValuesText(const RecoveryPlan& plan, absl::Span<const WeighedValue> values);

}  // namespace metarec
