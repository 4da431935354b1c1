#include "compared_answers.h"

#include <iostream>
#include <map>
#include <set>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <fnmatch.h>

namespace metarec {
namespace {

constexpr char kProgram[] = "another program, started at another time";
constexpr char kChanges[] = "refused: the shell is told so, replica servers wait";
constexpr char kPlacement[] =
    "recovery sees equal replicas, not their roles: primaries are spread over their nodes";
constexpr char kSpread[] =
    "among equal replicas the node with the fewest primaries is taken, not the lowest address";
constexpr char kSecondaries[] =
    "holders are in `last_drops`; they become secondaries when a meta server runs again";
constexpr char kDecree[] = "the primary's, not 0 (see above)";
constexpr char kInitCount[] = "`partition_count` (see above)";
constexpr char kEnvs[] = "replica servers do not keep them, so no recovery finds them";
constexpr char kDropped[] = "soft-dropped tables come back";
constexpr char kPlaceholder[] = "nothing is left of it: a placeholder";
constexpr char kSplit[] = "asked before the table was split";
constexpr char kBeacon[] = "without mastership until a query shows that no replica is served";
constexpr char kOwnLine[] = "one hint per line (see above)";

struct Tally {
  int answers = 0;
  int fields = 0;
  int differing = 0;
  std::map<const ListedDifference*, int> occurred;
};

Tally& TheTally() {
  static auto* const tally = new Tally;
  return *tally;
}

std::string ValueOf(const MessageFields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "(absent)" : found->second;
}

void CompareField(const std::string& situation, const CapturedRequest& captured,
                  const std::string& field, const std::string& stock, const std::string& ours) {
  Tally& tally = TheTally();
  ++tally.fields;
  if (stock == ours) return;
  ++tally.differing;
  const ListedDifference* const listed = FindListed(situation, captured.name, field);
  EXPECT_NE(listed, nullptr) << field << "\n  stock: " << stock << "\n  ours:  " << ours;
  if (listed == nullptr) return;
  ++tally.occurred[listed];
  if (!listed->but_for_line_breaks) return;
  EXPECT_EQ(WithoutBreaks(ours), WithoutBreaks(stock)) << field;
}

}  // namespace

const std::vector<ListedDifference>& ListedDifferences() {
  static const auto* const all = new std::vector<ListedDifference>{
      {"*", "*", "header.rpc_local_code", "a number of the sending process; nobody may read it"},
      {"*", "*", "header.error_local_code", "likewise"},
      {"first beacon", "RPC_FD_FAILURE_DETECTOR_PING.*", "is_master", kBeacon},
      {"first beacon", "RPC_FD_FAILURE_DETECTOR_PING.*", "*primary_node", kBeacon},
      {"*", "RPC_CLI_CLI_CALL.*", "build_type", kProgram},
      {"*", "RPC_CLI_CLI_CALL.*", "git_SHA", kProgram},
      {"*", "RPC_CLI_CLI_CALL.*", "start_time", kProgram},
      {"*", "RPC_CLI_CLI_CALL.2", "header.from_address", "a replica server was asked"},

      {"*", "RPC_CM_CONFIG_SYNC.*", "err", kChanges},
      {"*", "RPC_CM_CREATE_APP.*", "err", kChanges},
      {"*", "RPC_CM_DROP_APP.*", "err", kChanges},
      {"*", "RPC_CM_DUPLICATION_SYNC.*", "err", kChanges},
      {"*", "RPC_CM_REGISTER_CHILD_REPLICA.*", "err", kChanges},
      {"*", "RPC_CM_RENAME_APP.*", "err", kChanges},
      {"*", "RPC_CM_UPDATE_APP_ENV.*", "err", kChanges},
      {"*", "RPC_CM_UPDATE_PARTITION_CONFIGURATION.*", "err", kChanges},

      {"waiting", "a*_one_node_*/RPC_CM_START_RECOVERY.*", "hint_message", kOwnLine, true},
      {"waiting", "e_node_list_errors/*/RPC_CM_START_RECOVERY.[12]", "hint_message", kOwnLine,
       true},
      {"waiting", "a2_*/RPC_CM_START_RECOVERY.3", "err",
       "the same request again: its result again"},

      {"recovered", "RPC_CM_CLUSTER_INFO.1", "values.zookeeper_root", "another root"},
      {"recovered", "RPC_CM_CLUSTER_INFO.1", "values.*_replica_count_stddev", kPlacement},
      {"recovered", "RPC_CM_LIST_APPS.*", "infos.[19].init_partition_count", kInitCount},
      {"recovered", "RPC_CM_LIST_APPS.*", "infos.9.partition_count", kSplit},
      {"recovered", "RPC_CM_LIST_APPS.*", "infos.3.envs.*", kEnvs},
      {"recovered", "RPC_CM_LIST_APPS.1", "infos.size", kDropped},
      {"recovered", "RPC_CM_LIST_APPS.1", "infos.[47].*", kDropped},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.[47].status", kDropped},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.[47].drop_second", kDropped},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.[47].expire_second", kDropped},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.4.app_name", "its name is taken by then"},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.6.app_name", kPlaceholder},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.6.*_second", kPlaceholder},
      {"recovered", "RPC_CM_LIST_APPS.3", "infos.6.*partition_count", kPlaceholder},
      {"recovered", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*", "partitions.*primary", kPlacement},
      {"recovered", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*", "partitions.*secondaries.*",
       kSecondaries},
      {"recovered", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*", "partitions.*last_drops.*",
       kSecondaries},
      {"recovered", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*",
       "partitions.*.last_committed_decree", kDecree},

      {"stock recovery", "RPC_CM_CLUSTER_INFO.1", "values.*_replica_count_stddev", kSpread},
      {"stock recovery", "RPC_CM_LIST_APPS.*", "infos.[19].init_partition_count", kInitCount},
      {"stock recovery", "RPC_CM_LIST_APPS.3", "infos.6.*", kPlaceholder},
      {"stock recovery", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*", "partitions.*primary",
       kSpread},
      {"stock recovery", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*", "partitions.*last_drops.*",
       kSpread},
      {"stock recovery", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX.*",
       "partitions.*.last_committed_decree", kDecree},

      {"tree", "RPC_CM_CLUSTER_INFO.1", "values.total_replica_count_stddev",
       "asked when there was one table"},
      {"tree", "RPC_CM_LIST_APPS.[13]", "infos.9.partition_count", kSplit},
      {"tree", "RPC_CM_LIST_APPS.[13]", "infos.9.envs.*", kSplit},
      {"tree", "RPC_CM_LIST_APPS.[13]", "infos.11.duplicating",
       "the znode says no; only the meta server that duplicates says yes"},
  };
  return *all;
}

const ListedDifference* FindListed(const std::string& situation, const std::string& request,
                                   const std::string& field) {
  for (const ListedDifference& listed : ListedDifferences()) {
    if (fnmatch(listed.situation, situation.c_str(), 0) == 0 &&
        fnmatch(absl::StrCat("*/", listed.answer).c_str(), request.c_str(), 0) == 0 &&
        fnmatch(listed.field, field.c_str(), 0) == 0) {
      return &listed;
    }
  }
  return nullptr;
}

std::string DocumentedAs(const ListedDifference& listed) {
  return absl::StrCat("| ", listed.situation, " | `", listed.answer, "` | `", listed.field, "` | ",
                      listed.reason, " |\n");
}

std::string WithoutBreaks(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\n", ""}});
}

MessageFields FieldsOfFrame(const CapturedRequest& captured, const std::string& frame) {
  const absl::StatusOr<Answer> answer = ParseAnswer(frame);
  EXPECT_TRUE(answer.ok()) << answer.status();
  MessageFields fields;
  if (!answer.ok()) return fields;
  for (const auto& [name, value] : answer->header) fields["header." + name] = value;
  if (answer->body.empty()) return fields;
  const absl::StatusOr<MessageFields> body = BodyFields(captured.task_code, answer->body);
  EXPECT_TRUE(body.ok()) << body.status();
  if (body.ok()) fields.insert(body->begin(), body->end());
  return fields;
}

void GoldenAnswersTest::Compare(const std::string& situation, const CapturedRequest& captured,
                                const std::string& ours) {
  CompareWith(captured.response, situation, captured, ours);
}

void GoldenAnswersTest::CompareWith(const std::string& stock, const std::string& situation,
                                    const CapturedRequest& captured, const std::string& ours) {
  SCOPED_TRACE(absl::StrCat(situation, ": ", captured.name));
  const MessageFields theirs = FieldsOfFrame(captured, stock);
  const MessageFields found = FieldsOfFrame(captured, ours);
  std::set<std::string> names;
  for (const auto& [name, value] : theirs) names.insert(name);
  for (const auto& [name, value] : found) names.insert(name);
  ++TheTally().answers;
  // Of a refusal where there was none, nothing but that can be compared.
  const bool is_refusal = ValueOf(found, "err") == "ERR_UNDER_RECOVERY" &&
                          ValueOf(theirs, "err") != "ERR_UNDER_RECOVERY";
  for (const std::string& name : names) {
    if (is_refusal && name != "err" && !absl::StartsWith(name, "header.")) continue;
    CompareField(situation, captured, name, ValueOf(theirs, name), ValueOf(found, name));
  }
}

void GoldenAnswersTest::TearDownTestSuite() {
  Tally& tally = TheTally();
  for (const ListedDifference& listed : ListedDifferences()) {
    const int occurred = tally.occurred[&listed];
    std::cout << absl::StrFormat("%5d  %s", occurred, DocumentedAs(listed));
    if (::testing::GTEST_FLAG(filter) != "*") continue;
    EXPECT_GT(occurred, 0) << DocumentedAs(listed);
  }
  std::cout << tally.answers << " answers, " << tally.fields << " fields compared, "
            << tally.fields - tally.differing << " equal\n";
}

}  // namespace metarec
