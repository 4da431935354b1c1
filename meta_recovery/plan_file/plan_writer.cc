#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/plan_file/plan_line_fields.h"

namespace metarec {
namespace {

class PlanWriter {
 public:
  PlanWriter(const RecoveryPlan& plan, JsonLineWriter::Sink sink) : plan_(plan), out_(sink) {}

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(WriteHeader());
    METAREC_RETURN_IF_ERROR(WriteOptions());
    for (size_t i = 0; i < plan_.nodes.size(); ++i) METAREC_RETURN_IF_ERROR(WriteNode(i));
    for (const OldTreeSource& tree : plan_.old_trees) METAREC_RETURN_IF_ERROR(WriteOldTree(tree));
    for (size_t i = 0; i < plan_.tables.size(); ++i) {
      const TopologyTable& table = plan_.topology.tables[i];
      METAREC_RETURN_IF_ERROR(WriteTable(table, plan_.tables[i]));
      for (uint32_t p = 0; p < table.partitions_count; ++p) {
        METAREC_RETURN_IF_ERROR(WritePartition(table, table.partitions_begin + p));
      }
    }
    for (const CarriedZnode& znode : plan_.topology.carried) {
      METAREC_RETURN_IF_ERROR(WriteCarried(znode));
    }
    for (const Finding& finding : plan_.findings) {
      METAREC_RETURN_IF_ERROR(WriteFindingLine(finding));
    }
    out_.StartObject();
    return out_.EndFile();
  }

 private:
  absl::Status WriteHeader() {
    out_.StartObject();
    out_.String("format", kPlanFormat);
    out_.Int("version", kPlanVersion);
    out_.String("outcome", PlanOutcomeName(plan_.outcome));
    out_.Int("collected_at", absl::ToUnixSeconds(plan_.evidence_collected_at));
    out_.Key("counts");
    out_.StartObject();
    out_.Int("nodes", plan_.nodes.size());
    out_.Int("old_trees", plan_.old_trees.size());
    out_.Int("tables", plan_.tables.size());
    out_.Int("partitions", plan_.partitions.size());
    out_.Int("replicas", plan_.replicas.size());
    int64_t last_drops = 0;
    int64_t secondaries = 0;
    for (const TopologyPartition& partition : plan_.topology.partitions) {
      last_drops += partition.last_drops_count;
      secondaries += partition.secondaries_count;
    }
    out_.Int("last_drops", last_drops);
    out_.Int("secondaries", secondaries);
    out_.Int("carried", plan_.topology.carried.size());
    out_.Int("findings", plan_.findings.size());
    out_.EndObject();
    WriteOnlyInFindings();
    out_.EndObject();
    return out_.EndLine();
  }

  // Left out if there are none.
  void WriteOnlyInFindings() {
    std::map<FindingKind, int64_t> counts;
    for (const Finding& finding : plan_.findings) {
      if (IsOnlyInFindings(finding.kind())) ++counts[finding.kind()];
    }
    if (counts.empty()) return;
    out_.StartObject("only_in_findings");
    for (const auto& [kind, count] : counts) out_.Int(FindingKindName(kind), count);
    out_.EndObject();
  }

  absl::Status WriteOptions() {
    out_.Open("options");
    ForEachOptionField(plan_.options, fields_);
    return out_.Close();
  }

  absl::Status WriteNode(size_t index) {
    out_.Open("node");
    ForEachNodeField(plan_.topology.nodes[index], plan_.nodes[index], fields_);
    if (plan_.nodes[index].on_disk_only) ForEachDiskField(plan_.nodes[index], fields_);
    return out_.Close();
  }

  absl::Status WriteTable(const TopologyTable& table, const TableDecision& decision) {
    out_.Open("table");
    const int64_t partitions = table.partitions_count;
    ForEachTableField(table, decision, partitions, fields_);
    return out_.Close();
  }

  absl::Status WritePartition(const TopologyTable& table, uint32_t position) {
    const TopologyPartition& partition = plan_.topology.partitions[position];
    const PartitionDecision& decision = plan_.partitions[position];
    const auto last_drops = plan_.topology.LastDropsOf(partition);
    const auto secondaries = plan_.topology.SecondariesOf(partition);
    members_.last_drops.assign(last_drops.begin(), last_drops.end());
    members_.secondaries.assign(secondaries.begin(), secondaries.end());
    out_.Open("partition");
    out_.String("pid", absl::StrCat(table.app_id, ".", partition.index));
    ForEachPartitionField(partition, decision, std::as_const(members_), fields_);
    out_.Key("replicas");
    out_.StartArray();
    for (const RankedReplica& replica : plan_.ReplicasOf(decision)) WriteReplica(replica, out_);
    out_.EndArray();
    return out_.Close();
  }

  absl::Status WriteOldTree(const OldTreeSource& tree) {
    out_.Open("old_tree");
    ForEachOldTreeField(tree, fields_);
    return out_.Close();
  }

  absl::Status WriteCarried(const CarriedZnode& znode) {
    out_.Open("carried");
    const std::string data = absl::Base64Escape(znode.data);
    ForEachCarriedField(znode.path, data, fields_);
    return out_.Close();
  }

  absl::Status WriteFindingLine(const Finding& finding) {
    out_.Open("finding");
    WriteFinding(finding, out_);
    return out_.Close();
  }

  const RecoveryPlan& plan_;
  JsonLineWriter out_;
  PlanFieldWriter fields_{out_};
  PartitionMembers members_;  // of the partition that is written
};

}  // namespace

absl::Status WritePlanFile(const RecoveryPlan& plan, const std::string& path,
                           const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineWriter file,
      LineWriter::Create(path, {.overwrite = options.overwrite,
                                .line_bytes_max = options.line_bytes_max,
                                .interrupt_descriptor = options.interrupt_descriptor}));
  METAREC_RETURN_IF_ERROR(
      PlanWriter(plan, [&](absl::string_view line) { return file.Append(line); }).Run());
  return file.Finish();
}

absl::Status CheckPlanFits(const RecoveryPlan& plan, const PlanFileOptions& options) {
  return PlanWriter(plan,
                    [&](absl::string_view line) {
                      if (line.size() <= options.line_bytes_max) return absl::OkStatus();
                      return absl::ResourceExhaustedError(
                          absl::StrCat("the plan fits into no plan file: a line of ", line.size(),
                                       " bytes is above the bound of ", options.line_bytes_max,
                                       " (", Printable(line.substr(0, 60)), "...)"));
                    })
      .Run();
}

std::string EncodePlan(const RecoveryPlan& plan) {
  std::string text;
  const absl::Status status = PlanWriter(plan, [&](absl::string_view line) {
                                absl::StrAppend(&text, line, "\n");
                                return absl::OkStatus();
                              }).Run();
  CHECK(status.ok()) << status;
  return text;
}

}  // namespace metarec
