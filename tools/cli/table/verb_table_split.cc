// table split: a backup's folder into files to bulk load, for another number of partitions.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/progress_rate.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/split/table_split.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/verbs.h"
#include "zk_store/client/error_mark.h"

namespace metarec::tools {
namespace {

constexpr absl::Duration kLookInterval = absl::Milliseconds(100);
constexpr absl::Duration kTellInterval = absl::Seconds(5);

struct SplitArguments {
  std::string verb;
  TableSplitOptions split;
  std::string shard;
  int32_t finish_shards = 0;
  bool no_md5 = false;
  OutputArguments output;
};

// "I/N".
absl::Status ParseShard(const std::string& text, TableSplitOptions* options) {
  if (text.empty()) return absl::OkStatus();
  const size_t slash = text.find('/');
  const bool is_shard = slash != std::string::npos &&
                        absl::SimpleAtoi(text.substr(0, slash), &options->shard) &&
                        absl::SimpleAtoi(text.substr(slash + 1), &options->shards);
  if (is_shard && options->shard >= 0 && options->shard < options->shards) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--shard ", Printable(text), ": write I/N, with I from 0 to N - 1, such as 0/4"));
}

// Works beside the loop, which may end first.
struct SplitThread {
  SplitThread(const TableSplitOptions& options, bool finishes)
      : thread([this, options, finishes] {
          result = finishes ? FinishSplit(options) : SplitTable(options, &progress);
          is_done = true;
        }) {}
  ~SplitThread() { Join(); }

  // Tells it to stop, unless it is done.
  void Join() {
    if (!is_done) progress.work.stop = true;
    if (thread.joinable()) thread.join();
  }

  TableSplitProgress progress;
  std::atomic<bool> is_done = false;
  absl::StatusOr<TableSplitResult> result = absl::CancelledError("it was not begun");
  std::thread thread;  // the last to begin
};

std::string SplitProgressText(const TableSplitProgress& progress, const ProgressRate& rate) {
  const int64_t rows = progress.work.rows;
  std::string text = absl::StrCat("splitting: ", progress.units_done.load(), " of ",
                                  progress.units.load(), " parts, ", Counted(rows, "row"), " read");
  if (const auto per_second = rate.per_second()) {
    absl::StrAppend(&text, ", ", static_cast<int64_t>(*per_second), "/s");
  }
  return text;
}

std::string TextOf(const TableSplitResult& result, const SplitArguments& arguments) {
  const SplitCounts& counts = result.counts;
  std::string text =
      absl::StrCat(Counted(counts.copied.rows, "row"), " in ", Counted(result.files, "file"), ", ",
                   Counted(result.bytes, "byte"), "; left out: ", counts.expired, " expired, ",
                   counts.misplaced, " in a partition that is not theirs, ", counts.empty_writes,
                   " empty writes\nread back: the same rows, digest ", counts.copied.ToHex(), "\n");
  if (result.units_resumed > 0) {
    absl::StrAppend(&text, result.units_resumed, " of ", result.units,
                    " parts were there from an earlier run\n");
  }
  if (!result.is_whole) {
    return absl::StrCat(text, "shard ", arguments.split.shard, " of ", arguments.split.shards,
                        " is done; once all are, run metarec table split with --finish ",
                        arguments.split.shards, " instead of --shard\n");
  }
  if (result.empty_partitions > 0) {
    absl::StrAppend(&text, Counted(result.empty_partitions, "partition"),
                    " without rows got an empty write, without which the load would fail\n");
  }
  return absl::StrCat(text, "complete in ", ShellWord(result.folder),
                      "; load it with start_bulk_load -a ", ShellWord(arguments.split.app_name),
                      " -c ", ShellWord(arguments.split.cluster), "\n");
}

std::string JsonOf(const TableSplitResult& result) {
  return JsonObject()
      .Set("folder", result.folder)
      .Set("complete", result.is_whole)
      .Set("rows", result.counts.copied.rows)
      .Set("digest", result.counts.copied.ToHex())
      .Set("expired", result.counts.expired)
      .Set("misplaced", result.counts.misplaced)
      .Set("empty_writes", result.counts.empty_writes)
      .Set("files", result.files)
      .Set("bytes", result.bytes)
      .Set("empty_partitions", int64_t{result.empty_partitions})
      .Set("parts", static_cast<int64_t>(result.units))
      .Set("parts_resumed", static_cast<int64_t>(result.units_resumed))
      .ToLine();
}

// Shows how far it is, until it is done or this is cancelled.
asio::awaitable<void> WatchSplit(SplitThread* work, Clock* clock) {
  ProgressRate rate;
  absl::Time told = clock->Now();
  while (!work->is_done) {
    const absl::Status slept = co_await clock->SleepFor(kLookInterval);
    if (!slept.ok()) co_return;
    const absl::Time now = clock->Now();
    rate.Add(now, work->progress.work.rows);
    if (now - told < kTellInterval || work->progress.units == 0) continue;
    told = now;
    std::cerr << SplitProgressText(work->progress, rate) + "\n" << std::flush;
  }
}

asio::awaitable<absl::StatusOr<ExitCode>> RunSplit(const SplitArguments& arguments,
                                                   CommandLoop* loop) {
  TableSplitOptions options = arguments.split;
  options.now = loop->clock().Now();
  options.check_md5 = !arguments.no_md5;
  SplitThread work(options, arguments.finish_shards > 0);
  co_await WatchSplit(&work, &loop->clock());
  work.Join();
  // What is there is of another split, or not complete.
  if (absl::IsFailedPrecondition(work.result.status())) {
    co_return WithMark(work.result.status(), ErrorMark::kRefused);
  }
  METAREC_CO_RETURN_IF_ERROR(work.result.status());
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(
      arguments.output.json() ? JsonOf(*work.result) : TextOf(*work.result, arguments)));
  co_return ExitCode::kDone;
}

ExitCode RunTableSplit(SplitArguments arguments) {
  absl::Status wrong = ParseShard(arguments.shard, &arguments.split);
  if (arguments.finish_shards > 0) arguments.split.shards = arguments.finish_shards;
  if (!wrong.ok()) return Fail(arguments.verb, wrong);
  CommandLoop loop;
  return loop.Run(
      arguments.verb, "what is complete is kept; run the same command again to go on",
      [&](ProgressPrinter*) { return RunSplit(arguments, &loop); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeTableSplitVerb(Command& verb) {
  verb.Paragraph(
      "Makes files to bulk load of a cold backup, for a table with any number of partitions, on "
      "this machine and without a server. Rows keep their expiry and their timetag; those that "
      "have expired are left out. What is written is read back: the command succeeds only if the "
      "files hold exactly the rows that were read.");
  verb.Paragraph(
      "Killed at any moment, it goes on when it is run again. With --shard several machines that "
      "share the root do a part each, and --finish completes the whole.");
  verb.Example(
      "metarec table split --backup /backup/onebox/1795960376039/src_8 --root /bulk_load "
      "--cluster onebox2 --table src --app_id 12 --partitions 64");
  const auto arguments = std::make_shared<SplitArguments>();
  arguments->verb = absl::StrCat("table ", verb.name());
  TableSplitOptions& split = arguments->split;
  split.jobs = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  verb.Add("--backup", &split.backup,
           "the table's folder in the backup, or that of the whole backup")
      .TypeName("DIR")
      .Required();
  verb.Add("--backup_table", &split.backup_table,
           "whose folder it is, if the backup has several tables")
      .TypeName("NAME");
  verb.Add("--root", &split.root, "root of bulk loads, where the files are written")
      .TypeName("DIR")
      .Required();
  verb.Add("--cluster", &split.cluster, "the cluster that is to load them")
      .TypeName("NAME")
      .Required();
  verb.Add("--table", &split.app_name, "the table that is to be loaded, as it is called there")
      .TypeName("NAME")
      .Required();
  verb.Add("--app_id", &split.app_id, "its id there").TypeName("ID").Required();
  verb.Add("--partitions", &split.partition_count, "how many partitions it has there")
      .TypeName("N")
      .Required();
  verb.Add("--jobs", &split.jobs, "how many parts are done at a time").TypeName("N").ShowDefault();
  verb.AddFlag("--no_md5", &arguments->no_md5,
               "do not compare the backup's files with their MD5 first");
  CommandOption shard =
      verb.Add("--shard", &arguments->shard, "do only this part of N").TypeName("I/N");
  CommandOption finish = verb.Add("--finish", &arguments->finish_shards,
                                  "check that all N shards are there, and complete the whole")
                             .TypeName("N")
                             .Between(int32_t{1}, int32_t{100'000});
  finish.Excludes(shard);
  arguments->output.AddTo(verb);
  return [arguments] { return RunTableSplit(*arguments); };
}

}  // namespace metarec::tools
