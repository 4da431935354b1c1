#include "benchmarks/load_report.h"

#include <algorithm>
#include <cmath>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/json/json_writer.h"

namespace metarec::benchmarks {
namespace {

struct Quantile {
  const char* key;
  double share;
};
constexpr Quantile kQuantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

// Of values in ascending order: the smallest that so large a share of them does not exceed.
double QuantileMs(const std::vector<int64_t>& sorted_us, double share) {
  if (sorted_us.empty()) return 0;
  const auto count = static_cast<double>(sorted_us.size());
  const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(share * count)));
  return static_cast<double>(sorted_us[rank - 1]) / 1000;
}

std::vector<int64_t> Sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

double MedianMs(std::vector<absl::Duration> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const absl::Duration median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return absl::ToDoubleMilliseconds(median);
}

double Slowdown(const LoadReport& report) {
  const double alone = MedianMs(report.recoveries_alone);
  return alone > 0 ? MedianMs(report.recoveries_under_load) / alone : 0;
}

double PerConnection(const LoadReport::Memory& memory) {
  return static_cast<double>(memory.bytes) /
         static_cast<double>(std::max<int64_t>(memory.connections, 1));
}

std::string RunsText(const std::vector<absl::Duration>& runs) {
  std::string text;
  for (const absl::Duration run : runs) {
    absl::StrAppendFormat(&text, "%s%.0f", text.empty() ? "" : " ",
                          absl::ToDoubleMilliseconds(run));
  }
  return text;
}

constexpr int kDecimalsMax = 3;

void WriteRuns(absl::string_view key, const std::vector<absl::Duration>& runs, JsonWriter* json) {
  json->StartArray(key);
  for (const absl::Duration run : runs) {
    json->Double(absl::ToDoubleMilliseconds(run), kDecimalsMax);
  }
  json->EndArray();
}

void WriteAnswers(const LoadReport& report, JsonWriter* json) {
  json->StartObject("answers");
  for (const LoadReport::Answers& answers : report.answers) {
    const std::vector<int64_t> sorted = Sorted(answers.latencies_us);
    json->StartObject(answers.key);
    json->Int("count", static_cast<int64_t>(sorted.size()));
    for (const Quantile& quantile : kQuantiles) {
      json->Double(absl::StrCat(quantile.key, "_ms"), QuantileMs(sorted, quantile.share),
                   kDecimalsMax);
    }
    json->EndObject();
  }
  json->EndObject();
}

}  // namespace

std::string LoadReportTable(const LoadReport& report) {
  std::string text =
      absl::StrFormat("%-52s %9s", "answers (ms from when they were due)", "answers");
  for (const Quantile& quantile : kQuantiles) absl::StrAppendFormat(&text, " %8s", quantile.key);
  text += '\n';
  for (const LoadReport::Answers& answers : report.answers) {
    const std::vector<int64_t> sorted = Sorted(answers.latencies_us);
    absl::StrAppendFormat(&text, "%-52s %9d", answers.what, sorted.size());
    for (const Quantile& quantile : kQuantiles) {
      absl::StrAppendFormat(&text, " %8.2f", QuantileMs(sorted, quantile.share));
    }
    text += '\n';
  }
  absl::StrAppendFormat(&text, "\n%-52s %9s   runs\n", "recovery (ms)", "median");
  absl::StrAppendFormat(&text, "%-52s %9.0f   %s\n", "alone", MedianMs(report.recoveries_alone),
                        RunsText(report.recoveries_alone));
  absl::StrAppendFormat(&text, "%-52s %9.0f   %s\n", "under load",
                        MedianMs(report.recoveries_under_load),
                        RunsText(report.recoveries_under_load));
  absl::StrAppendFormat(&text, "%-52s %9.2f\n", "slowdown", Slowdown(report));
  absl::StrAppendFormat(&text, "\n%-52s %9s %9s\n", "memory of the server", "bytes each", "MiB");
  for (const LoadReport::Memory& memory : report.memory) {
    absl::StrAppendFormat(&text, "%-52s %9.0f %9.1f\n", memory.what, PerConnection(memory),
                          static_cast<double>(memory.bytes) / (1 << 20));
  }
  absl::StrAppendFormat(&text, "\nlost %d, wrong %d, connections closed %d\n", report.lost,
                        report.wrong, report.closed);
  return text;
}

std::string LoadReportJson(const LoadReport& report) {
  std::string text;
  JsonWriter json(&text, {.indent = 4});
  json.StartObject();
  json.Int("connections", report.connections);
  json.Double("rate", report.rate, kDecimalsMax);
  json.Int("partitions", report.partitions);
  WriteAnswers(report, &json);
  WriteRuns("recovery_alone_ms", report.recoveries_alone, &json);
  WriteRuns("recovery_under_load_ms", report.recoveries_under_load, &json);
  json.Double("slowdown", Slowdown(report), kDecimalsMax);
  json.StartObject("bytes_per_connection");
  for (const LoadReport::Memory& memory : report.memory) {
    json.Double(memory.key, PerConnection(memory), kDecimalsMax);
  }
  json.EndObject();
  json.Int("lost", report.lost);
  json.Int("wrong", report.wrong);
  json.Int("closed", report.closed);
  json.EndObject().Newline();
  return text;
}

}  // namespace metarec::benchmarks
