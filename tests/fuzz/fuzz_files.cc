// The files that operators give: node lists, config.ini, evidence, plans.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>
#include <rapidjson/document.h>

#include "base/text/printable.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"
#include "pegasus_client/pegasus_config.h"
#include "replica_collector/evidence_file.h"
#include "replica_collector/node_list.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::fuzz {
namespace {

void CheckList(const NodeList& list) {
  CHECK(!list.entries.empty());
  std::vector<std::string> texts;
  for (const NodeListEntry& entry : list.entries) {
    CHECK_GT(entry.port, 0);
    CHECK_GT(entry.line, 0);
    CHECK(!entry.host.empty());
    const auto again = ParseNodeListEntry(entry.text);
    CHECK(again.ok()) << again.status();
    CHECK(again->host == entry.host && again->port == entry.port);
    texts.push_back(entry.text);
  }
  for (const NodeListDuplicate& duplicate : list.duplicates) {
    CHECK_LT(duplicate.first_line, duplicate.line);
    CHECK(!PegasusTextOf(duplicate).empty());
  }
  // The entries alone are a list of the same entries, without duplicates.
  const auto again = ParseNodeListString(absl::StrJoin(texts, ","));
  CHECK(again.ok()) << again.status();
  CHECK(again->duplicates.empty());
  CHECK_EQ(again->entries.size(), list.entries.size());
  for (size_t i = 0; i < list.entries.size(); ++i) {
    CHECK_EQ(again->entries[i].text, list.entries[i].text);
  }
}

}  // namespace

// The text of a file and of a string.
void FuzzNodeList(absl::string_view input) {
  const auto from_string = ParseNodeListString(input);
  if (from_string.ok()) {
    CheckList(*from_string);
  } else {
    PegasusTextOf(from_string.status());
  }
  const NodeListOptions options = {.nodes_max = 20, .lines_max = 200, .line_bytes_max = 300};
  const MemoryFile file(input);
  const auto from_file = ReadNodeListFile(file.path(), options);
  if (!from_file.ok()) {
    PegasusTextOf(from_file.status());
    return;
  }
  CheckList(*from_file);
  CHECK_EQ(from_file->file, file.path());
  CHECK_LE(from_file->entries.size(), options.nodes_max);
  // With Windows' line ends it says the same.
  if (absl::StrContains(input, '\r')) return;
  const std::string windows = absl::StrJoin(absl::StrSplit(input, '\n'), "\r\n");
  const MemoryFile windows_file(windows);
  NodeListOptions longer = options;
  longer.line_bytes_max += 1;
  const auto from_windows = ReadNodeListFile(windows_file.path(), longer);
  CHECK(from_windows.ok()) << from_windows.status();
  CHECK(from_windows->entries == from_file->entries);
  CHECK(from_windows->duplicates == from_file->duplicates);
}

namespace {

// A value as the file has to have it.
std::string Escaped(const std::string& value) {
  return absl::StrReplaceAll(value, {{"#", "^#"}, {";", "^;"}});
}

std::string WriteIni(const PegasusConfig& config) {
  return absl::StrCat(
      "[apps.meta]\nports=", config.port,
      "\n[meta_server]\nserver_list=", Escaped(absl::StrJoin(config.meta_servers, ",")),
      "\ncluster_root=", Escaped(config.cluster_root),
      "\nmeta_state_service_type=meta_state_service_zookeeper",
      "\ndistributed_lock_service_type=distributed_lock_service_zookeeper",
      "\ndistributed_lock_service_parameters=", Escaped(config.lock_root),
      "\nrecover_from_replica_server=", config.recover_from_replica_server ? "true" : "false",
      "\n[replication]\ncluster_name=", Escaped(config.cluster_name),
      "\nfd_grace_seconds=", absl::ToInt64Seconds(config.beacon_grace),
      "\n[zookeeper]\nhosts_list=", Escaped(config.zookeeper_hosts),
      "\ntimeout_ms=", absl::ToInt64Milliseconds(config.zookeeper_session_timeout), "\n");
}

void CheckEqual(const PegasusConfig& a, const PegasusConfig& b) {
  CHECK_EQ(a.port, b.port);
  CHECK(a.meta_servers == b.meta_servers);
  CHECK_EQ(a.cluster_root, b.cluster_root);
  CHECK_EQ(a.lock_root, b.lock_root);
  CHECK_EQ(a.recover_from_replica_server, b.recover_from_replica_server);
  CHECK_EQ(a.cluster_name, b.cluster_name);
  CHECK_EQ(a.zookeeper_hosts, b.zookeeper_hosts);
  CHECK(a.zookeeper_session_timeout == b.zookeeper_session_timeout);
  CHECK(a.beacon_grace == b.beacon_grace);
}

}  // namespace

void FuzzConfigIni(absl::string_view input) {
  const auto config = ParsePegasusConfig(input, "config.ini");
  if (!config.ok()) {
    CHECK(config.status().code() == absl::StatusCode::kInvalidArgument) << config.status();
    CHECK(absl::StartsWith(config.status().message(), "config.ini")) << config.status();
    return;
  }
  CHECK_GT(config->port, 0);
  CHECK(!config->meta_servers.empty());
  CHECK(ValidateRootPath(config->cluster_root).ok());
  CHECK(ValidateRootPath(config->lock_root).ok());
  CHECK(ParseZooKeeperHosts(config->zookeeper_hosts).ok());
  CHECK(config->beacon_grace > absl::ZeroDuration());
  CHECK(config->zookeeper_session_timeout <= absl::Hours(24));
  const std::string written = WriteIni(*config);
  const auto again = ParsePegasusConfig(written, "config.ini");
  CHECK(again.ok()) << again.status() << "\n" << written;
  CheckEqual(*again, *config);
  CHECK(again->warnings.empty());
}

namespace {

const EvidenceFileOptions kEvidenceBounds = {
    .overwrite = true, .nodes_max = 50, .tables_max = 200, .replicas_max = 2000};

std::string WriteEvidence(const Evidence& evidence, absl::string_view name) {
  const std::string path = absl::StrCat(ScratchFolder(), "/", name);
  const absl::Status status = WriteEvidenceFile(evidence, path, kEvidenceBounds);
  CHECK(status.ok()) << status;
  return path;
}

void CheckEvidence(absl::string_view text) {
  const MemoryFile file(text);
  const auto evidence = ReadEvidenceFile(file.path(), kEvidenceBounds);
  if (!evidence.ok()) return;
  const std::string path = WriteEvidence(*evidence, "evidence");
  const auto again = ReadEvidenceFile(path, kEvidenceBounds);
  CHECK(again.ok()) << again.status();
  CHECK(*again == *evidence);
  const std::string bytes = ReadWholeFile(path);
  CHECK(ReadWholeFile(WriteEvidence(*again, "evidence_again")) == bytes);
  const auto of_compressed =
      ReadEvidenceFile(WriteEvidence(*evidence, "evidence.zst"), kEvidenceBounds);
  CHECK(of_compressed.ok()) << of_compressed.status();
  CHECK(*of_compressed == *evidence);
  // Whatever it says, there is a plan or an error.
  PlanOptions options;
  options.skip_bad_nodes = options.skip_lost_partitions = true;
  options.max_app_id = options.max_partition_count = 1000;
  (void)MakePlan(*evidence, options);
}

}  // namespace

void FuzzEvidenceFile(absl::string_view input) {
  CheckEvidence(input);
  const std::string mended = WithRightDigest(input);
  if (mended != input) CheckEvidence(mended);
}

namespace {

constexpr size_t kExplainedMax = 5;

void CheckIsPrintable(absl::string_view text) {
  CHECK(PrintableLines(text) == text) << "not fit for a terminal: " << absl::CHexEscape(text);
}

}  // namespace

void RenderEverything(const RecoveryPlan& plan) {
  HintLines(plan, {});
  const std::string report = RenderReport(plan, {});
  CheckIsPrintable(report);
  const std::string json = RenderReportJson(plan, {});
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  CHECK(!document.HasParseError() && document.IsObject()) << json;
  for (size_t i = 0; i < std::min(plan.nodes.size(), kExplainedMax); ++i) {
    const TopologyNode& node = plan.topology.nodes[i];
    (void)Explain(plan, node.name);
    if (node.address != Ipv4Endpoint{}) {
      const auto text = Explain(plan, node.address.ToString());
      CHECK(text.ok()) << text.status();
      CheckIsPrintable(*text);
    }
  }
  for (size_t i = 0; i < std::min(plan.tables.size(), kExplainedMax); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    const auto text = Explain(plan, absl::StrCat(table.app_id));
    CHECK(text.ok()) << text.status();
    CheckIsPrintable(*text);
    for (const TopologyPartition& partition : plan.topology.PartitionsOf(table)) {
      const auto why = Explain(plan, absl::StrCat(table.app_id, ".", partition.index));
      CHECK(why.ok()) << why.status();
      CheckIsPrintable(*why);
      if (partition.index > static_cast<int32_t>(kExplainedMax)) break;
    }
  }
}

namespace {

constexpr size_t kTablesAskedForMax = 4;

// What `report` shows of one table or partition, as text and as JSON.
std::string DetailsOf(const RecoveryPlan& plan, const PlanNumbers& numbers,
                      const TableOrPartition& subject) {
  ReportOptions options;
  options.only = subject;
  std::string details;
  const auto append = [&](absl::string_view text) {
    absl::StrAppend(&details, text);
    return absl::OkStatus();
  };
  const absl::Status text = WriteDetails(plan, numbers, options, append);
  const absl::Status json = WriteDetailsJson(plan, numbers, options, append);
  CHECK(text == json) << text << " but " << json;
  return absl::StrCat(details, text.ToString());
}

// An excerpt shows of its subject what the whole shows.
void CheckExcerpt(absl::string_view text, const RecoveryPlan& whole, PlanSelection selection,
                  const TableOrPartition& subject) {
  const auto excerpt = DecodePlanExcerpt(text, "plan", std::move(selection));
  CHECK(excerpt.ok()) << excerpt.status();
  const PlanNumbers numbers = CountPlan(whole);
  CHECK(excerpt->numbers == numbers);
  const std::string of_excerpt = DetailsOf(excerpt->plan, excerpt->numbers, subject);
  const std::string of_whole = DetailsOf(whole, numbers, subject);
  CHECK(of_excerpt == of_whole) << of_excerpt << "\nbut\n" << of_whole;
}

void CheckNodeExcerpt(absl::string_view text, const RecoveryPlan& whole, const std::string& node) {
  const auto excerpt = DecodePlanExcerpt(text, "plan", PlanSelection::Subject(node));
  CHECK(excerpt.ok()) << excerpt.status();
  const auto of_excerpt = Explain(excerpt->plan, node);
  const auto of_whole = Explain(whole, node);
  CHECK(of_excerpt == of_whole) << of_excerpt.status() << " but " << of_whole.status();
}

void CheckExcerpts(absl::string_view text, const RecoveryPlan& whole) {
  for (size_t i = 0; i < std::min(whole.tables.size(), kTablesAskedForMax); ++i) {
    // From both ends.
    const size_t position = i % 2 == 0 ? i / 2 : whole.tables.size() - 1 - i / 2;
    const TopologyTable& table = whole.topology.tables[position];
    const std::string id = absl::StrCat(table.app_id);
    CheckExcerpt(text, whole, PlanSelection::Table(id), {.app_id = table.app_id});
    const size_t named = FindTableNamed(whole, table.app_name);
    TableOrPartition numbers;
    if (named != SIZE_MAX && !ParseTableOrPartition(table.app_name, &numbers)) {
      CheckExcerpt(text, whole, PlanSelection::Table(table.app_name),
                   {.app_id = whole.topology.tables[named].app_id});
    }
    const int32_t last = table.partition_count - 1;
    CheckExcerpt(text, whole, PlanSelection::Subject(absl::StrCat(id, ".", last)),
                 {.app_id = table.app_id, .partition_index = last});
  }
  if (!whole.topology.nodes.empty()) {
    CheckNodeExcerpt(text, whole, whole.topology.nodes.back().address.ToString());
    CheckNodeExcerpt(text, whole, whole.topology.nodes.front().name);
  }
}

void CheckPlan(absl::string_view text) {
  const auto plan = DecodePlan(text, "plan");
  if (!plan.ok()) {
    // Whatever is asked for, every line is checked.
    const auto excerpt = DecodePlanExcerpt(text, "plan", PlanSelection::Subject("1.0"));
    CHECK(excerpt.status() == plan.status()) << excerpt.status() << " but " << plan.status();
    return;
  }
  CheckExcerpts(text, *plan);
  const std::string encoded = EncodePlan(*plan);
  const auto again = DecodePlan(encoded, "plan");
  CHECK(again.ok()) << again.status();
  CHECK(*again == *plan);
  CHECK(EncodePlan(*again) == encoded);
  // What reads as a plan can be shown, and written as far as its topology goes.
  CHECK(CheckTopology(plan->topology).ok()) << CheckTopology(plan->topology);
  CHECK(TopologyDigest(plan->topology).ok());
  RenderEverything(*plan);
}

}  // namespace

void FuzzPlanFile(absl::string_view input) {
  CheckPlan(input);
  const std::string mended = WithRightDigest(input);
  if (mended != input) CheckPlan(mended);
}

}  // namespace metarec::fuzz
