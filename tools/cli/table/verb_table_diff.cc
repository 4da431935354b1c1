// metarec table diff.

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/this_coro.hpp>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "migration/tables/table_diff.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/table/table_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kTableDiff[] = "table diff";
// Values up to so many bytes are shown.
constexpr size_t kShownValueBytes = 60;

struct TableDiffArguments {
  TableArguments tables;
  TableDiffOptions diff;
  int32_t ttl_tolerance_seconds = 1;
  size_t differences_max = 100;
  OutputArguments output;
};

struct DiffWay {
  const char* word;
  int64_t TableDiffResult::*count;
  const char* meaning;
};
constexpr DiffWay kDiffWays[] = {
    {"missing", &TableDiffResult::missing, "only in the source"},
    {"extra", &TableDiffResult::extra, "only in the target"},
    {"value", &TableDiffResult::value, "other value"},
    {"expiry", &TableDiffResult::expiry, "expires at another time"},
    {"misplaced_in_source", &TableDiffResult::misplaced_in_source,
     "in a partition of the source where no get finds it"},
    {"misplaced_in_target", &TableDiffResult::misplaced_in_target,
     "in a partition of the target where no get finds it"},
};

std::string ExpiryText(const Row& row) {
  return row.expires_at == 0 ? "never" : UtcText(TimeOfExpiry(row.expires_at));
}

std::string ValueText(const Row& row) {
  if (row.value.size() > kShownValueBytes) return absl::StrCat(row.value.size(), " bytes");
  return absl::StrCat("\"", absl::CHexEscape(row.value), "\"");
}

// The words of kDiffWays that apply.
std::vector<std::string> WordsOf(const RowDifference& difference) {
  if (difference.misplaced_in_source) return {"misplaced_in_source"};
  if (difference.misplaced_in_target) return {"misplaced_in_target"};
  if (!difference.target) return {"missing"};
  if (!difference.source) return {"extra"};
  std::vector<std::string> words;
  if (difference.value) words.push_back("value");
  if (difference.expiry) words.push_back("expiry");
  return words;
}

std::string LineOf(const RowDifference& difference, bool shows_values) {
  std::string text =
      absl::StrCat(absl::StrJoin(WordsOf(difference), "+"), " ", difference.key.ToString());
  if (const auto& partition = difference.misplaced_in_source ? difference.misplaced_in_source
                                                             : difference.misplaced_in_target) {
    absl::StrAppend(&text, ": in partition ", *partition);
  }
  if (difference.value && shows_values) {
    absl::StrAppend(&text, ": ", ValueText(*difference.source), " in the source, ",
                    ValueText(*difference.target), " in the target");
  }
  if (difference.expiry) {
    absl::StrAppend(&text, ": expires ", ExpiryText(*difference.source), " in the source, ",
                    ExpiryText(*difference.target), " in the target");
  }
  return text;
}

void WriteRow(absl::string_view name, const std::optional<Row>& row, bool shows_values,
              JsonWriter* out) {
  if (!row) return;
  out->StartObject(name);
  if (shows_values) out->String("value", row->value.substr(0, kShownValueBytes));
  if (shows_values) out->Int("value_bytes", static_cast<int64_t>(row->value.size()));
  out->Int("expire_ts_seconds", row->expires_at);
  out->EndObject();
}

std::string JsonOf(const RowDifference& difference, bool shows_values) {
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  out.Strings("differs", WordsOf(difference));
  out.String("hash_key", difference.key.hash_key()).String("sort_key", difference.key.sort_key());
  WriteRow("source", difference.source, shows_values, &out);
  WriteRow("target", difference.target, shows_values, &out);
  const auto& partition = difference.misplaced_in_source ? difference.misplaced_in_source
                                                         : difference.misplaced_in_target;
  if (partition) out.Int("partition", *partition);
  out.EndObject();
  return text;
}

std::string TextOf(const TableDiffResult& result, const std::vector<std::string>& shown) {
  std::string text;
  for (const std::string& line : shown) absl::StrAppend(&text, line, "\n");
  absl::StrAppend(&text, "source: ", Counted(result.source_rows, "row"),
                  ", target: ", Counted(result.target_rows, "row"), "; ", result.values_compared,
                  " values compared");
  if (result.expired_meanwhile > 0) {
    absl::StrAppend(&text, "; ", result.expired_meanwhile, " expired meanwhile");
  }
  absl::StrAppend(&text, "\n");
  if (result.is_equal()) return absl::StrCat(text, "equal\n");
  std::vector<std::string> counts;
  for (const DiffWay& way : kDiffWays) {
    if (result.*way.count > 0) {
      counts.push_back(absl::StrCat(result.*way.count, " ", way.word, " (", way.meaning, ")"));
    }
  }
  absl::StrAppend(&text, Counted(result.differences, "difference"), ": ",
                  absl::StrJoin(counts, ", "));
  if (static_cast<int64_t>(shown.size()) < result.differences) {
    absl::StrAppend(&text, "; ", shown.size(), " shown, --differences_max shows more");
  }
  return absl::StrCat(text, "\n");
}

std::string JsonOf(const TableDiffResult& result, const std::vector<std::string>& shown) {
  std::string text;
  JsonWriter out(&text);
  out.StartObject();
  out.Bool("equal", result.is_equal());
  out.Int("source_rows", result.source_rows).Int("target_rows", result.target_rows);
  out.Int("equal_rows", result.equal).Int("values_compared", result.values_compared);
  out.Int("expired_meanwhile", result.expired_meanwhile);
  out.Int("differences_count", result.differences);
  out.StartObject("counts");
  for (const DiffWay& way : kDiffWays) out.Int(way.word, result.*way.count);
  out.EndObject();
  out.StartArray("differences");
  for (const std::string& difference : shown) out.Json(difference);
  out.EndArray().EndObject().Newline();
  return text;
}

asio::awaitable<absl::StatusOr<ExitCode>> CompareTables(const TableDiffArguments& arguments,
                                                        Clock* clock) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TableClient> source,
                              arguments.tables.Source(executor, clock));
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TableClient> target,
                              arguments.tables.Target(executor, clock));
  TableDiffOptions options = arguments.diff;
  options.filter = arguments.tables.Filter();
  options.ttl_tolerance = absl::Seconds(arguments.ttl_tolerance_seconds);
  const bool shows_values = options.sample_percent >= 100;
  std::vector<std::string> shown;
  const std::function<void(const RowDifference&)> on_difference =
      [&](const RowDifference& difference) {
        if (shown.size() >= arguments.differences_max) return;
        shown.push_back(arguments.output.json() ? JsonOf(difference, shows_values)
                                                : LineOf(difference, shows_values));
      };
  const absl::Time begin = clock->Now();
  const std::function<void(const TableDiffResult&)> on_progress =
      [&](const TableDiffResult& result) {
        std::cerr << "INFO: compared for "
                  << absl::ToInt64Seconds(clock->Now() - begin + absl::Milliseconds(500))
                  << " seconds, " << result.source_rows << " rows of the source, "
                  << result.target_rows << " of the target, " << result.differences
                  << " differences" << std::endl;
      };
  METAREC_CO_ASSIGN_OR_RETURN(
      const TableDiffResult result,
      co_await DiffTables(source.get(), target.get(), clock, options, on_difference, on_progress));
  CommandLoop::BeginToTell();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(
      arguments.output.json() ? JsonOf(result, shown) : TextOf(result, shown)));
  co_return result.is_equal() ? ExitCode::kDone : ExitCode::kDifferences;
}

ExitCode RunDiff(const TableDiffArguments& arguments) {
  absl::Status wrong = arguments.tables.Check();
  if (wrong.ok() && arguments.diff.sample_percent < 100 && arguments.tables.filters_values()) {
    wrong = absl::InvalidArgumentError(
        "--sample and -v exclude each other: a sample does not read all values");
  }
  if (!wrong.ok()) return Fail(kTableDiff, wrong);
  CommandLoop loop;
  return loop.Run(kTableDiff, "nothing was changed; run the same command again",
                  [&](ProgressPrinter*) { return CompareTables(arguments, &loop.clock()); });
}

}  // namespace

RunVerb MakeTableDiffVerb(Command& verb) {
  const auto arguments = std::make_shared<TableDiffArguments>();
  verb.Paragraph(
      "Compares two tables row by row: key, value, and when a row expires. Their partition counts "
      "may differ. A row in a partition where no get looks for it is a difference, too. Exit code "
      "2 means that they differ.");
  verb.Paragraph(
      "What clients write meanwhile may show up as a difference: stop the writes, or compare "
      "again. Rows that expire meanwhile do not.");
  verb.Example("metarec table diff --meta m1:34601 mig_src -c m2:35601 -a mig_dst");
  verb.Example("metarec table diff --meta m1:34601 mig_src -c m2:35601 -a mig_dst --sample 1",
               "all keys and expiry times, but only 1 percent of the values");
  arguments->tables.AddTo(verb);
  verb.Add("--sample", &arguments->diff.sample_percent,
           "percent of the values that are compared; keys and expiry times all are")
      .TypeName("PERCENT")
      .ShowDefault()
      .Between(0.0, 100.0);
  verb.Add("--ttl_tolerance", &arguments->ttl_tolerance_seconds,
           "by how much expiry times may differ")
      .TypeName("SECONDS")
      .ShowDefault()
      .Between(0, 1'000'000'000);
  verb.AddFlag("--ignore_ttl", &arguments->diff.ignore_ttl, "do not compare expiry times");
  verb.Add("--scan_option_batch_size", &arguments->diff.scan_rows, "rows that are read together")
      .TypeName("N")
      .ShowDefault()
      .Between(1, 100'000);
  verb.Add("--differences_max", &arguments->differences_max, "how many differences are shown")
      .TypeName("N")
      .ShowDefault();
  arguments->output.AddTo(verb);
  return [arguments] { return RunDiff(*arguments); };
}

}  // namespace metarec::tools
