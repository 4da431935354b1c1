#include "tools/cli/table/table_arguments.h"

#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "pegasus_client/pegasus_config.h"
#include "replica_collector/node_list.h"

namespace metarec::tools {
namespace {

constexpr size_t kMetaServersMax = 100;

absl::Status CheckPart(absl::string_view name, const std::string& type,
                       const std::string& pattern) {
  if (type.empty() != pattern.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, "_filter_type and --", name, "_filter_pattern go together; ",
                     type.empty() ? "the type" : "the pattern", " is missing"));
  }
  std::string unescaped;
  std::string error;
  if (!absl::CUnescape(pattern, &unescaped, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, "_filter_pattern: ", error,
                     "; bytes are written as \\xNN, and a backslash as \\\\"));
  }
  return absl::OkStatus();
}

RowFilter::Part PartOf(const std::string& type, const std::string& pattern) {
  RowFilter::Part part;
  for (const RowFilter::Match match : {RowFilter::Match::kAnywhere, RowFilter::Match::kPrefix,
                                       RowFilter::Match::kPostfix, RowFilter::Match::kExact}) {
    if (type == MatchName(match)) part.match = match;
  }
  (void)absl::CUnescape(pattern, &part.pattern);
  return part;
}

}  // namespace

void TableArguments::AddTo(Command& verb) {
  verb.KeepShortHelpFree();
  verb.Add("table", &source_table_, "the source table, as in the shell's use").Required();
  verb.Add("--meta", &source_metas_, "the source cluster's meta servers")
      .TypeName("HOST:PORT,...")
      .Required()
      .Group("TABLES");
  verb.Add("-c,--target_cluster_name", &target_cluster_,
           "the target cluster: its meta servers, or with --config its name")
      .TypeName("NAME|HOST:PORT,...")
      .Required()
      .Group("TABLES");
  verb.Add("-a,--target_app_name", &target_table_, "the target table, which must be there")
      .TypeName("TABLE")
      .Required()
      .Group("TABLES");
  verb.Add("--config", &config_,
           "a config.ini of Pegasus, such as the shell's, with the cluster in [pegasus.clusters]")
      .TypeName("FILE")
      .MayBeFile()
      .Group("TABLES");
  verb.Add("-t,--timeout_ms", &timeout_ms_,
           "how long a server has for one answer, before it is asked again")
      .TypeName("MS")
      .ShowDefault()
      .Between(1, 3'600'000)
      .Group("TABLES");
  verb.Add("--retry_seconds", &retry_seconds_,
           "how long one read or write is tried again before everything ends")
      .TypeName("SECONDS")
      .ShowDefault()
      .Between(1, 1'000'000)
      .Group("TABLES");
  AddFilterTo(verb, "hx", "hash_key", /*has_exact=*/false, &hash_key_);
  AddFilterTo(verb, "sy", "sort_key", /*has_exact=*/true, &sort_key_);
  AddFilterTo(verb, "vz", "value", /*has_exact=*/true, &value_);
}

void TableArguments::AddFilterTo(Command& verb, absl::string_view short_names,
                                 absl::string_view what, bool has_exact, FilterPart* part) {
  std::vector<std::string> types = {"anywhere", "prefix", "postfix"};
  if (has_exact) types.push_back("exact");
  verb.Add(absl::StrCat("-", short_names.substr(0, 1), ",--", what, "_filter_type"), &part->type,
           absl::StrCat("only rows in whose ", what, " the pattern is"))
      .TypeName(absl::StrJoin(types, "|"))
      .OneOf(types)
      .Group("ROWS");
  verb.Add(absl::StrCat("-", short_names.substr(1, 1), ",--", what, "_filter_pattern"),
           &part->pattern, "the pattern; bytes that cannot be typed are \\xNN")
      .TypeName("PATTERN")
      .Group("ROWS");
}

absl::Status TableArguments::Check() const {
  METAREC_RETURN_IF_ERROR(CheckPart("hash_key", hash_key_.type, hash_key_.pattern));
  METAREC_RETURN_IF_ERROR(CheckPart("sort_key", sort_key_.type, sort_key_.pattern));
  METAREC_RETURN_IF_ERROR(CheckPart("value", value_.type, value_.pattern));
  return TargetMetas().status();
}

RowFilter TableArguments::Filter() const {
  return {.hash_key = PartOf(hash_key_.type, hash_key_.pattern),
          .sort_key = PartOf(sort_key_.type, sort_key_.pattern),
          .value = PartOf(value_.type, value_.pattern)};
}

absl::StatusOr<std::string> TableArguments::TargetMetas() const {
  if (!config_.empty()) return ReadMetasOfCluster(config_, target_cluster_);
  if (absl::StrContains(target_cluster_, ':')) return target_cluster_;
  return absl::InvalidArgumentError(
      absl::StrCat("-c ", target_cluster_,
                   " is the name of a cluster: give --config FILE with a config.ini that has it in "
                   "[pegasus.clusters], or -c HOST:PORT,... with its meta servers"));
}

absl::StatusOr<std::unique_ptr<TableClient>> TableArguments::Client(
    asio::any_io_executor executor, Clock* clock, const std::string& metas,
    absl::string_view option, const std::string& table) const {
  NodeListOptions bounds;
  bounds.nodes_max = kMetaServersMax;
  absl::StatusOr<NodeList> servers = ParseNodeListString(metas, bounds);
  if (!servers.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": ", servers.status().message()));
  }
  TableClientOptions options;
  options.timeout = absl::Seconds(retry_seconds_);
  options.attempt_timeout = absl::Milliseconds(timeout_ms_);
  return std::make_unique<TableClient>(std::move(executor), clock, *std::move(servers), table,
                                       options);
}

absl::StatusOr<std::unique_ptr<TableClient>> TableArguments::Source(asio::any_io_executor executor,
                                                                    Clock* clock) const {
  return Client(std::move(executor), clock, source_metas_, "--meta", source_table_);
}

absl::StatusOr<std::unique_ptr<TableClient>> TableArguments::Target(asio::any_io_executor executor,
                                                                    Clock* clock) const {
  METAREC_ASSIGN_OR_RETURN(const std::string metas, TargetMetas());
  return Client(std::move(executor), clock, metas, "-c", target_table_);
}

}  // namespace metarec::tools
