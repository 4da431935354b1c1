#include "benchmarks/phases_report.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/json/json_writer.h"

namespace metarec::benchmarks {
namespace {

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

// How much of the speed of the ceiling a phase reaches; 0: it has no ceiling.
double Share(const PhaseResult& phase) {
  if (phase.ceiling_name.empty()) return 0;
  return absl::FDivDuration(phase.ceiling, phase.took);
}

double PerSecond(int64_t count, absl::Duration took) {
  return took > absl::ZeroDuration() ? static_cast<double>(count) / Seconds(took) : 0;
}

absl::Duration Took(const SizeResult& result, absl::string_view phase_name) {
  for (const PhaseResult& phase : result.phases) {
    if (phase.name == phase_name) return phase.took;
  }
  return absl::ZeroDuration();
}

absl::Duration BareWrite(const SizeResult& result) {
  for (const PhaseResult& phase : result.phases) {
    if (phase.name == "write") return phase.ceiling;
  }
  return absl::ZeroDuration();
}

}  // namespace

std::string TableOf(const SizeResult& result) {
  std::string text = absl::StrFormat(
      "\n%s: %d tables, %d partitions, %d replicas on %d nodes; %d znodes, %.1f MB\n",
      result.size.name, result.size.tables, result.size.partitions, result.replicas,
      result.size.nodes, result.znodes, static_cast<double>(result.znode_bytes) / 1e6);
  absl::StrAppendFormat(&text, "  %-21s %9s %12s %8s  %-24s %9s %6s\n", "phase", "seconds", "per s",
                        "MB/s", "ceiling", "seconds", "share");
  for (const PhaseResult& phase : result.phases) {
    absl::StrAppendFormat(&text, "  %-21s %9.3f %12.0f %8.1f", phase.name, Seconds(phase.took),
                          PerSecond(phase.units, phase.took),
                          PerSecond(phase.bytes, phase.took) / 1e6);
    if (!phase.ceiling_name.empty()) {
      absl::StrAppendFormat(&text, "  %-24s %9.3f %6.2f", phase.ceiling_name,
                            Seconds(phase.ceiling), Share(phase));
    }
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppendFormat(
      &text,
      "  one create per znode: %.3f s, %.1f times the write above, %.1f times the bare one\n",
      Seconds(result.one_by_one), absl::FDivDuration(result.one_by_one, Took(result, "write")),
      absl::FDivDuration(result.one_by_one, BareWrite(result)));
  absl::StrAppendFormat(
      &text, "  metarec recover: %.3f s, %.1f MiB at its peak, %.0f bytes per replica\n",
      Seconds(result.whole_job), static_cast<double>(result.peak_memory_bytes) / (1 << 20),
      static_cast<double>(result.peak_memory_bytes) / static_cast<double>(result.replicas));
  return text;
}

std::string JsonOf(const std::vector<SizeResult>& results) {
  std::string text;
  JsonWriter json(&text, {.indent = 4});
  const auto number = [&json](absl::string_view key, double value) {
    json.Double(key, value, /*decimals_max=*/4);
  };
  json.StartArray();
  for (const SizeResult& result : results) {
    json.StartObject();
    json.String("size", result.size.name);
    json.Int("partitions", result.size.partitions);
    json.Int("replicas", result.replicas);
    json.Int("znodes", result.znodes);
    json.Int("znode_bytes", result.znode_bytes);
    json.StartArray("phases");
    for (const PhaseResult& phase : result.phases) {
      json.StartObject();
      json.String("name", phase.name);
      number("seconds", Seconds(phase.took));
      json.Int("units", phase.units);
      json.Int("bytes", phase.bytes);
      if (!phase.ceiling_name.empty()) {
        json.String("ceiling", phase.ceiling_name);
        number("ceiling_seconds", Seconds(phase.ceiling));
        number("share", Share(phase));
      }
      json.EndObject();
    }
    json.EndArray();
    number("one_create_per_znode_seconds", Seconds(result.one_by_one));
    number("whole_job_seconds", Seconds(result.whole_job));
    json.Int("peak_memory_bytes", result.peak_memory_bytes);
    json.EndObject();
  }
  json.EndArray().Newline();
  return text;
}

}  // namespace metarec::benchmarks
