// How a tree appears all at once, although it takes thousands of transactions, any of which may be
// the last one before the process dies:
//
// 1. CheckSizes. A znode too big for ZooKeeper is refused before anything is written.
// 2. LookAndBegin. The root must be absent, empty, hold an unused lock directory only, or hold an
//    unfinished run of this very plan. Anything else is refused. One transaction then creates what
//    is missing of the root, the journal, which names the plan's digest, and /apps saying `lock`.
//    From here on no meta server boots from the root (/apps without data would let one boot, hence
//    one transaction), and a later run recognises its own work. If an earlier run has finished this
//    very plan, all that is left to do is to check that what it wrote is still there.
// 3. Survey, when resuming: what is there must be what this plan would have written, byte for
//    byte, and nothing else.
// 4. CreateTables, then CreatePartitions, then CreateCarried, what is carried over beside them, in
//    transactions of many znodes, several in flight. The server's answers tell how long and how
//    many.
// 5. Check that everything is there and at the version at which it was created. What this run has
//    not created itself, or does not know whether it has, was read and compared in 3 or 4.
// 6. LookAgainAndUnlock. If nobody else has come to the root meanwhile, one transaction,
//    conditional on the versions of step 2, sets /apps to `unlock` and the journal to finished
//    (locked_run.h).
//
// A transaction whose answer was lost is never simply repeated: what is there is read back and
// compared. Losing the connection costs a retry from one budget for the whole write; losing the
// session, permission or quorum ends it, and the unfinished run stays for the next one.
// Every transaction carries the caller's fence; one that fails on it ends the write at once. Those
// of 4 also check that /apps is still as in step 2: a run that was held up writes nothing into what
// another one of the same plan has finished meanwhile.
//
// If the first transaction was lost and the root now is somebody else's, then either ours never
// began, or somebody has deleted what it began. The versions of the root and of the nodes above it,
// which count every child that was created or deleted, tell which (FirstTransaction).
//
// Not attempted: cleaning up. Nothing is ever deleted; an unfinished run is resumed or, by an
// operator who wants to be rid of it, deleted by hand.

#include "zk_store/topology/topology_writer.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/root_path.h"
#include "zk_store/topology/finished_tree.h"
#include "zk_store/topology/locked_run.h"
#include "zk_store/topology/topology_verifier.h"
#include "zk_store/topology/znode_creator.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr size_t kDifferencesShown = 5;

absl::Status CheckLimits(const ZnodeCreatorLimits& limits) {
  if (limits.request_bytes_max >= 1 && limits.ops_max >= 1 && limits.in_flight_max >= 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("TopologyWriterOptions::limits must be at least 1 each: request_bytes_max ",
                   limits.request_bytes_max, ", ops_max ", limits.ops_max, ", in_flight_max ",
                   limits.in_flight_max));
}

// The names beside /apps under which the run carries something over.
std::vector<std::string> CarriedNames(const Topology& topology) {
  std::vector<std::string> names;
  for (const CarriedZnode& znode : topology.carried) {
    if (DepthOf(znode) == 0) names.push_back(znode.path.substr(1));
  }
  return names;
}

absl::Status WithHint(const absl::Status& error, absl::string_view hint) {
  return Annotate(error, absl::StrCat(". ", hint));
}

// Passes progress on, and says in it, while it lasts, that ZooKeeper does not answer.
class OutageProgress final : public ProgressListener {
 public:
  explicit OutageProgress(ProgressListener* next) : next_(next) { latest_.phase = Phase::kWrite; }

  void OnProgress(const Progress& progress) override {
    latest_ = progress;
    Tell();
  }
  // Called by a RetryBudget.
  void OnOutage(bool is_outage) {
    is_outage_ = is_outage;
    Tell();
  }

 private:
  void Tell() {
    Progress progress = latest_;
    if (is_outage_) progress.note = "no connection to ZooKeeper, retrying";
    next_->OnProgress(progress);
  }

  ProgressListener* const next_;
  Progress latest_;
  bool is_outage_ = false;
};

class Run {
 public:
  Run(const TopologyWriterOptions& options, MetaStore* store, Clock* clock,
      ProgressListener* listener, const Topology& topology, std::string root,
      std::string plan_digest)
      : options_(options),
        store_(store),
        clock_(clock),
        progress_(listener),
        topology_(topology),
        plan_digest_(std::move(plan_digest)),
        paths_(root),
        znodes_(topology, paths_),
        budget_(clock, options.retry, [this](bool is_outage) { progress_.OnOutage(is_outage); }),
        reader_(store, &budget_),
        request_size_(std::min(options.limits.request_bytes_max, store->request_bytes_max())),
        creator_(store, clock, &budget_, &request_size_, options.limits, options.fence,
                 [this] { OnProgress(); }),
        first_transaction_(paths_, &reader_),
        locked_run_({options.fence, options.inspection}, paths_, store, clock, &budget_) {
    present_.resize(znodes_.size());
  }

  asio::awaitable<absl::StatusOr<WriteResult>> Write();

 private:
  asio::awaitable<absl::Status> WritePhases();
  asio::awaitable<absl::Status> CheckSizes();
  asio::awaitable<absl::Status> LookAndBegin();
  // Whether there is a run of this plan. False: the root is free.
  asio::awaitable<absl::StatusOr<bool>> Look();
  asio::awaitable<absl::Status> Begin();
  asio::awaitable<absl::Status> CheckFinished();
  asio::awaitable<absl::Status> Survey();
  asio::awaitable<absl::Status> CreateTables();
  asio::awaitable<absl::Status> CreatePartitions();
  asio::awaitable<absl::Status> CreateCarried();
  asio::awaitable<absl::Status> Check();

  asio::awaitable<absl::Status> Refuse(RootInspection inspection);
  absl::Status HowToGoOn(const absl::Status& error) const;
  asio::awaitable<absl::StatusOr<VerifyResult>> Verify(TopologyVerifierOptions::Contents contents,
                                                       ProgressListener* listener);
  void OnProgress();

  const TopologyWriterOptions& options_;
  MetaStore* const store_;
  Clock* const clock_;
  OutageProgress progress_;
  const Topology& topology_;
  const std::string plan_digest_;
  const ClusterPaths paths_;
  TopologyZnodes znodes_;
  RetryBudget budget_;
  StoreReader reader_;
  RequestSize request_size_;
  ZnodeCreator creator_;
  FirstTransaction first_transaction_;
  LockedRun locked_run_;

  WriteResult result_;
  bool maybe_begun_ = false;  // the first transaction was sent, and an answer was lost
  bool begun_ = false;        // the root holds an unfinished run
  bool must_survey_ = false;
  std::vector<bool> present_;
};

asio::awaitable<absl::StatusOr<WriteResult>> Run::Write() {
  absl::Status status = co_await WritePhases();
  if (begun_) {
    status = co_await locked_run_.JudgeDisturbance(std::move(status));
    result_.journal = locked_run_.journal();
  }
  result_.znodes_created = creator_.stats().created;
  result_.znodes_found = creator_.stats().found;
  result_.transactions += creator_.stats().requests + locked_run_.transactions();
  if (!status.ok()) co_return HowToGoOn(status);
  co_return std::move(result_);
}

asio::awaitable<absl::Status> Run::WritePhases() {
  METAREC_CO_RETURN_IF_ERROR(co_await CheckSizes());
  METAREC_CO_RETURN_IF_ERROR(co_await LookAndBegin());
  if (result_.already_finished) co_return co_await CheckFinished();
  METAREC_CO_RETURN_IF_ERROR(co_await Survey());
  METAREC_CO_RETURN_IF_ERROR(co_await CreateTables());
  METAREC_CO_RETURN_IF_ERROR(co_await CreatePartitions());
  METAREC_CO_RETURN_IF_ERROR(co_await CreateCarried());
  METAREC_CO_RETURN_IF_ERROR(co_await Check());
  co_return co_await locked_run_.LookAgainAndUnlock();
}

asio::awaitable<absl::Status> Run::CheckSizes() {
  std::vector<StoreOp> checks = options_.fence;
  checks.push_back(locked_run_.StillLocked());
  co_return co_await CheckZnodeSizes(&znodes_, *store_, checks);
}

// Looks again after a lost race, or when the answer to the first transaction was lost.
asio::awaitable<absl::Status> Run::LookAndBegin() {
  co_return co_await Retry(&budget_, [this]() -> asio::awaitable<absl::Status> {
    METAREC_CO_ASSIGN_OR_RETURN(const bool is_run, co_await Look());
    if (is_run) co_return absl::OkStatus();
    co_return co_await Begin();
  });
}

asio::awaitable<absl::StatusOr<bool>> Run::Look() {
  METAREC_CO_ASSIGN_OR_RETURN(RootInspection inspection,
                              co_await InspectRoot(&reader_, paths_.root(), options_.inspection));
  if (inspection.WasRunOf(plan_digest_) && !maybe_begun_) {
    METAREC_CO_RETURN_IF_ERROR(co_await CheckFinished());
  }
  const bool is_run = inspection.root_case == RootCase::kUnfinishedRun ||
                      inspection.root_case == RootCase::kFinishedRun;
  if (inspection.root_case == RootCase::kForeign || (is_run && !inspection.IsRunOf(plan_digest_))) {
    co_return co_await Refuse(std::move(inspection));
  }
  if (!is_run) co_return false;
  result_.journal = *inspection.journal;
  result_.already_finished = inspection.root_case == RootCase::kFinishedRun;
  result_.resumed = !result_.already_finished && !maybe_begun_;
  if (maybe_begun_) METAREC_RARE_BRANCH("a run had begun, and the answer was lost");
  if (result_.resumed) METAREC_RARE_BRANCH("an unfinished run is resumed");
  begun_ = must_survey_ = !result_.already_finished;
  locked_run_.Begin(result_.journal, inspection.apps_version, inspection.journal_version);
  co_return true;
}

asio::awaitable<absl::Status> Run::Begin() {
  result_.journal = Journal();
  result_.journal.plan_digest = plan_digest_;
  result_.journal.tables = static_cast<int64_t>(topology_.tables.size());
  result_.journal.partitions = static_cast<int64_t>(topology_.partitions.size());
  result_.journal.started_at = JournalTime(clock_->Now());
  result_.journal.tool_version = options_.tool_version;
  result_.journal.carried = CarriedNames(topology_);
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<StoreOp> ops,
                              co_await first_transaction_.Ops(options_.fence, result_.journal));
  ++result_.transactions;
  const auto created = co_await store_->Multi(std::move(ops));
  if (created.ok()) {
    begun_ = true;
    locked_run_.Begin(result_.journal, 0, 0);
    co_return absl::OkStatus();
  }
  METAREC_CO_RETURN_IF_ERROR(FenceError(created.status(), options_.fence.size()));
  maybe_begun_ |= OutcomeUnknown(created.status());
  // Somebody else may have created or deleted a part of the root since we looked.
  const StoreError error = StoreErrorOf(created.status());
  if (error == StoreError::kNodeExists) {
    METAREC_RARE_BRANCH("somebody else begins a run at the same moment");
  }
  const bool lost_race = error == StoreError::kNodeExists || error == StoreError::kNoNode;
  co_return lost_race ? WithMark(created.status(), ErrorMark::kLostRace) : created.status();
}

asio::awaitable<absl::Status> Run::CheckFinished() {
  TopologyVerifierOptions options;
  options.request_size = &request_size_;
  options.in_flight_max = options_.reads_in_flight_max;
  METAREC_CO_ASSIGN_OR_RETURN(
      result_.gone_on,
      co_await CheckFinishedTree(topology_, paths_.root(), &reader_, options, &progress_));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Run::Refuse(RootInspection inspection) {
  std::string message = inspection.Describe();
  if (maybe_begun_ && inspection.IsRunOf(plan_digest_)) {
    METAREC_RARE_BRANCH("a run has begun, unanswered, and somebody else has come");
    co_return MarkedError(
        ErrorMark::kDisturbed,
        absl::StrCat(message,
                     ". This run had begun there. Remove what does not belong to it and run the "
                     "same plan again, which resumes it, or give another root"));
  }
  if (inspection.root_case == RootCase::kForeign) {
    absl::StrAppend(&message, ". Give a root that does not exist yet or is empty");
  } else {
    absl::StrAppend(&message, ", while this plan is ", plan_digest_, ". ",
                    inspection.root_case == RootCase::kUnfinishedRun
                        ? "To finish it, apply its plan again or run the interrupted command "
                          "again; if you can do neither, give another root"
                        : "Give another root");
  }
  if (maybe_begun_) {
    METAREC_CO_ASSIGN_OR_RETURN(const bool never_began,
                                co_await first_transaction_.NeverTookPlace());
    if (!never_began) {
      METAREC_RARE_BRANCH("a run may have begun, unanswered, and been deleted");
      co_return MarkedError(
          ErrorMark::kDisturbed,
          absl::StrCat(message,
                       ". This run may have begun there, unanswered, and been deleted since; it "
                       "has written nothing else"));
    }
    METAREC_RARE_BRANCH("a run has not begun, and somebody else has come");
  }
  absl::StrAppend(&message, ". Nothing was written");
  co_return MarkedError(ErrorMark::kRefused, message);
}

absl::Status Run::HowToGoOn(const absl::Status& error) const {
  if (HasMark(error, ErrorMark::kMayBeFinished)) return error;
  if ((begun_ || maybe_begun_) && HasMark(error, ErrorMark::kFenced)) {
    return WithHint(error,
                    absl::StrCat("Until then the run was unfinished, with ", paths_.apps(),
                                 " locked, so that no meta server starts from it; whoever leads "
                                 "now resumes it with the same plan"));
  }
  if (HasMark(error, ErrorMark::kRefused) || HasMark(error, ErrorMark::kDisturbed)) return error;
  if (begun_) {
    return WithHint(error,
                    absl::StrCat("The run is unfinished: ", paths_.apps(),
                                 " is locked, so that no meta server starts from it; run the same "
                                 "plan again to resume"));
  }
  if (maybe_begun_) {
    return WithHint(error, absl::StrCat("Nothing but the beginning of a run can be in ",
                                        paths_.root(), "; run the same plan again to go on"));
  }
  return error;
}

asio::awaitable<absl::StatusOr<VerifyResult>> Run::Verify(
    TopologyVerifierOptions::Contents contents, ProgressListener* listener) {
  TopologyVerifierOptions options;
  options.contents = contents;
  options.apps_state = std::string(kAppsLocked);
  options.request_size = &request_size_;
  options.in_flight_max = options_.reads_in_flight_max;
  options.differences_max = kDifferencesShown;
  TopologyVerifier verifier(options, &reader_, listener);
  co_return co_await verifier.Verify(topology_, paths_.root());
}

asio::awaitable<absl::Status> Run::Survey() {
  if (!must_survey_) co_return absl::OkStatus();
  SilentProgress silent;
  METAREC_CO_ASSIGN_OR_RETURN(VerifyResult found,
                              co_await Verify(TopologyVerifierOptions::Contents::kRead, &silent));
  found.counts[static_cast<size_t>(DifferenceKind::kMissing)] = 0;
  std::erase_if(found.differences, [](const Difference& difference) {
    return difference.kind == DifferenceKind::kMissing;
  });
  if (!found.clean()) {
    const std::string message =
        absl::StrCat("root ", paths_.root(), " holds an unfinished run of this plan that somebody ",
                     "else has changed since: ", Summarize(found, kDifferencesShown));
    METAREC_RARE_BRANCH("a resumed run has been changed by somebody else");
    if (maybe_begun_) co_return MarkedError(ErrorMark::kDisturbed, message);  // it was this run's
    co_return MarkedError(
        ErrorMark::kRefused,
        absl::StrCat(message, ". Nothing was written by this run; give another root"));
  }
  present_ = std::move(found.present);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Run::CreateTables() {
  // A run that was held up must not write into what another one has finished meanwhile.
  creator_.Guard(locked_run_.StillLocked());
  co_return co_await creator_.Create(&znodes_, 0, znodes_.table_count(), present_);
}

asio::awaitable<absl::Status> Run::CreatePartitions() {
  co_return co_await creator_.Create(&znodes_, znodes_.table_count(), znodes_.carried_begin(),
                                     present_);
}

// Level by level: a parent must be there before its children are written, which are in flight
// together.
asio::awaitable<absl::Status> Run::CreateCarried() {
  const std::vector<CarriedZnode>& carried = topology_.carried;
  for (size_t begin = 0; begin < carried.size();) {
    size_t end = begin + 1;
    while (end < carried.size() && DepthOf(carried[end]) == DepthOf(carried[begin])) ++end;
    METAREC_CO_RETURN_IF_ERROR(co_await creator_.Create(&znodes_, znodes_.carried_begin() + begin,
                                                        znodes_.carried_begin() + end, present_));
    begin = end;
  }
  co_return absl::OkStatus();
}

void Run::OnProgress() {
  Progress progress;
  progress.phase = Phase::kWrite;
  progress.done = creator_.stats().created + creator_.stats().found;
  progress.total = static_cast<int64_t>(znodes_.size());
  progress_.OnProgress(progress);
}

asio::awaitable<absl::Status> Run::Check() {
  METAREC_CO_ASSIGN_OR_RETURN(
      const VerifyResult found,
      co_await Verify(TopologyVerifierOptions::Contents::kReadWhereWritten, &progress_));
  if (found.clean()) co_return absl::OkStatus();
  METAREC_RARE_BRANCH("what was written is not there as it was");
  co_return MarkedError(ErrorMark::kDisturbed,
                        absl::StrCat("what was written into ", paths_.root(),
                                     " is not there as it was, so somebody else writes there: ",
                                     Summarize(found, kDifferencesShown)));
}

}  // namespace

TopologyWriter::TopologyWriter(TopologyWriterOptions options, MetaStore* store, Clock* clock,
                               ProgressListener* listener)
    : options_(std::move(options)), store_(store), clock_(clock), listener_(listener) {}

asio::awaitable<absl::StatusOr<WriteResult>> TopologyWriter::Write(const Topology& topology,
                                                                   std::string root,
                                                                   std::string plan_digest) {
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(root));
  METAREC_CO_RETURN_IF_ERROR(CheckTopology(topology));
  METAREC_CO_RETURN_IF_ERROR(CheckLimits(options_.limits));
  if (plan_digest.empty()) co_return absl::InvalidArgumentError("the plan has no digest");
  Run run(options_, store_, clock_, listener_, topology, root, plan_digest);
  co_return co_await run.Write();
}

}  // namespace metarec
