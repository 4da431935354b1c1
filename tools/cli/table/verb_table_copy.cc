// metarec table copy.

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "migration/tables/table_copy.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/table/table_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kTableCopy[] = "table copy";

struct TableCopyArguments {
  TableArguments tables;
  TableCopyOptions copy;
  int32_t partition = -1;
  bool geo_data = false;
  std::vector<std::string> rates;
  std::string format = "text";

  bool json() const { return format == "json"; }
};

// "16MiB" is bytes, "20000" rows.
absl::Status ReadRate(const std::string& text, TableCopyOptions* options) {
  const std::pair<absl::string_view, int64_t> units[] = {
      {"KiB", int64_t{1} << 10}, {"MiB", int64_t{1} << 20}, {"GiB", int64_t{1} << 30}, {"B", 1}};
  absl::string_view number = text;
  int64_t unit = 0;
  for (const auto& [name, bytes] : units) {
    if (unit == 0 && absl::EndsWith(text, name)) {
      unit = bytes;
      number.remove_suffix(name.size());
    }
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(number, &value) || value <= 0 || value > int64_t{1} << 32) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--rate ", Printable(text),
        " is neither rows nor bytes per second; give for example 20000 or 16MiB, or both"));
  }
  (unit == 0 ? options->rows_per_second : options->bytes_per_second) =
      value * (unit == 0 ? 1 : unit);
  return absl::OkStatus();
}

absl::Status CheckTableCopy(TableCopyArguments* arguments) {
  METAREC_RETURN_IF_ERROR(arguments->tables.Check());
  TableCopyOptions& copy = arguments->copy;
  if (arguments->geo_data) {
    return absl::InvalidArgumentError(
        "-g, --geo_data: the geo index is no copy of rows, and writing it here could leave it "
        "different from what Pegasus's geo client writes. Copy the table of the data and the one "
        "of the index, both as they are");
  }
  if (copy.multi_put && copy.no_overwrite) {
    return absl::InvalidArgumentError(
        "-u and -n exclude each other: rows that are written together overwrite what is there");
  }
  if (copy.no_value && arguments->tables.filters_values()) {
    return absl::InvalidArgumentError(
        "-i and -v exclude each other: without values there is nothing to look for a pattern in");
  }
  for (const std::string& rate : arguments->rates) {
    METAREC_RETURN_IF_ERROR(ReadRate(rate, &copy));
  }
  if (arguments->partition >= 0) copy.partition = arguments->partition;
  copy.filter = arguments->tables.Filter();
  copy.scope["source cluster"] = arguments->tables.source_metas();
  copy.scope["target cluster"] = arguments->tables.target_cluster();
  return absl::OkStatus();
}

// As the shell's lines.
std::string ProgressText(const TableCopyProgress& progress, int64_t seconds, int64_t rows_before) {
  return absl::StrCat("INFO: processed for ", seconds, " seconds, (", progress.partitions_done, "/",
                      progress.partitions, ") splits, total ", progress.rows, " rows, last second ",
                      progress.rows - rows_before, " rows");
}

std::string TextOf(const TableCopyResult& result, const TableCopyArguments& arguments) {
  std::string text;
  int64_t rows = 0;
  for (const TableCopyResult::Partition& partition : result.partitions) {
    absl::StrAppend(&text, "INFO: split[", partition.index, "]: ", partition.rows, " rows\n");
    rows += partition.rows;
  }
  absl::StrAppend(&text, "Copy done, total ", rows, " rows.");
  if (result.was_resumed) absl::StrAppend(&text, " ", result.progress.rows, " of them now.");
  if (arguments.copy.no_overwrite) {
    absl::StrAppend(&text, " ", result.progress.kept, " were there already and were left alone.");
  }
  return absl::StrCat(text, "\n");
}

std::string JsonOf(const TableCopyResult& result, const TableClient& source,
                   const TableClient& target) {
  std::string text;
  JsonWriter out(&text);
  out.StartObject();
  out.Int("rows", result.progress.rows).Int("kept", result.progress.kept);
  out.Int("bytes", result.progress.bytes).Bool("resumed", result.was_resumed);
  out.Int("retried_reads", source.counts().retries);
  out.Int("retried_writes", target.counts().retries);
  out.StartArray("partitions");
  for (const TableCopyResult::Partition& partition : result.partitions) {
    out.StartObject();
    out.Int("partition", partition.index).Int("rows", partition.rows);
    out.EndObject();
  }
  out.EndArray().EndObject().Newline();
  return text;
}

asio::awaitable<absl::StatusOr<ExitCode>> CopyTables(const TableCopyArguments& arguments,
                                                     Clock* clock) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TableClient> source,
                              arguments.tables.Source(executor, clock));
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TableClient> target,
                              arguments.tables.Target(executor, clock));
  TableCopy copy(source.get(), target.get(), clock, arguments.copy);
  const absl::Time begin = clock->Now();
  int64_t rows_before = 0;
  const std::function<void(const TableCopyProgress&)> on_progress =
      [&](const TableCopyProgress& progress) {
        const int64_t seconds = std::max<int64_t>(
            1, absl::ToInt64Seconds(clock->Now() - begin + absl::Milliseconds(500)));
        std::cerr << ProgressText(progress, seconds, rows_before) << std::endl;
        rows_before = progress.rows;
      };
  METAREC_CO_ASSIGN_OR_RETURN(const TableCopyResult result, co_await copy.Run(on_progress));
  CommandLoop::BeginToTell();
  const std::string& state = arguments.copy.state_file;
  if (!state.empty() && std::remove(state.c_str()) != 0 && errno != ENOENT) {
    co_return absl::ErrnoToStatus(
        errno, absl::StrCat("all rows are copied, but ", state,
                            " cannot be removed; remove it before you copy again"));
  }
  std::cout << (arguments.json() ? JsonOf(result, *source, *target) : TextOf(result, arguments))
            << std::flush;
  if (!std::cout) co_return absl::UnavailableError("cannot write to stdout");
  std::cerr << "note: what clients wrote to " << Printable(arguments.tables.source_table())
            << " while this ran may be missing or old in "
            << Printable(arguments.tables.target_table())
            << ", and what they deleted may still be there. metarec table diff tells" << std::endl;
  co_return ExitCode::kDone;
}

ExitCode RunTableCopy(TableCopyArguments* arguments) {
  if (const absl::Status wrong = CheckTableCopy(arguments); !wrong.ok())
    return Fail(kTableCopy, wrong);
  CommandLoop loop;
  const CommandLoop::AfterInterruption after(
      arguments->copy.state_file.empty()
          ? "the rows that were copied stay in the target; copying them again does no harm"
          : "the rows that were copied stay in the target, and the same command goes on behind "
            "them");
  return loop.Run(kTableCopy, after,
                  [&](ProgressPrinter*) { return CopyTables(*arguments, &loop.clock()); });
}

}  // namespace

RunVerb MakeTableCopyVerb(Command& verb) {
  const auto arguments = std::make_shared<TableCopyArguments>();
  TableCopyOptions& copy = arguments->copy;
  verb.Paragraph(
      "Reads every row of a table and writes it into a table of another cluster, or of the same "
      "one, which must be there; its partition count may differ. The options are those of "
      "copy_data in Pegasus's shell, and mean the same.");
  verb.Paragraph(
      "Done means done: every write was answered with success. Reads and writes are tried again "
      "while servers are busy, restart or move. Expiry times are copied to the second, with -u, "
      "too. With -n, rows without a hash key go where a get finds them.");
  verb.Example("metarec table copy --meta m1:34601 mig_src -c m2:35601 -a mig_dst");
  verb.Example(
      "metarec table copy --meta m1:34601 mig_src --config shell.ini -c onebox2 -a mig_dst "
      "--state mig.state --rate 20000 --rate 16MiB",
      "as slow as that; if it is killed, the same command goes on");
  arguments->tables.AddTo(verb);
  verb.Add("-p,--partition", &arguments->partition, "only this partition of the source")
      .TypeName("N")
      .Between(0, 1'000'000);
  verb.Add("-b,--max_batch_count", &copy.rows_in_flight,
           "rows that are being written at a time, for each partition; with -u: rows that are "
           "written together")
      .TypeName("N")
      .ShowDefault()
      .Between(2, 100'000);
  verb.Add("-o,--scan_option_batch_size", &copy.scan_rows, "rows that are read together")
      .TypeName("N")
      .ShowDefault()
      .Between(1, 100'000);
  verb.Add("-m,--max_multi_set_concurrency", &copy.writes_in_flight,
           "with -u: writes at a time, for each partition")
      .TypeName("N")
      .ShowDefault()
      .Between(1, 10'000);
  verb.AddFlag("-u,--use_multi_set", &copy.multi_put,
               "write rows of one hash key together, if they expire at the same time");
  verb.AddFlag("-n,--no_overwrite", &copy.no_overwrite, "leave rows alone that are in the target");
  verb.AddFlag("-e,--no_ttl", &copy.no_ttl, "rows of the target never expire");
  verb.AddFlag("-i,--no_value", &copy.no_value, "rows of the target have empty values");
  verb.AddFlag("-g,--geo_data", &arguments->geo_data, "refused: copy the index's table, too");
  verb.Add("--partitions_at_once", &copy.partitions_at_once, "partitions that are copied at a time")
      .TypeName("N")
      .ShowDefault()
      .Between(1, 10'000);
  verb.Add("--rate", &arguments->rates, "rows per second, or bytes per second if it has a unit")
      .TypeName("ROWS|BYTES")
      .Repeatable();
  verb.Add("--state", &copy.state_file,
           "keep here how far it is; if the file is there, go on. It is removed at the end")
      .TypeName("FILE")
      .MayBeFile();
  verb.Add("--format", &arguments->format, "how results are printed")
      .TypeName("text|json")
      .OneOf({"text", "json"})
      .ShowDefault();
  return [arguments] { return RunTableCopy(arguments.get()); };
}

}  // namespace metarec::tools
