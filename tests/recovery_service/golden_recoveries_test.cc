// The recover requests of all captured recoveries, against replica servers that do what they did
// then: the answers are the captured ones, hints included.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "captured_messages.h"
#include "captured_world.h"
#include "compared_answers.h"

namespace metarec {
namespace {

// A captured recovery, with what its replica servers did.
struct CapturedRecovery {
  std::string request;
  std::map<uint16_t, std::string> errors;  // by port
};

TEST_F(GoldenAnswersTest, OfRecoveriesOfEveryKind) {
  const std::string a = "variants/a_one_node_down";
  const std::string a2 = "variants/a2_one_node_hangs";
  const std::string e = "variants/e_node_list_errors";
  // In the order in which one meta server got them.
  const std::vector<std::pair<std::string, std::vector<CapturedRecovery>>> recoveries = {
      {a, {{"1", {}}, {"2", {}}, {"3", {{34803, "ERR_TIMEOUT"}}}}},
      {a2, {{"1", {{34803, "ERR_TIMEOUT"}}}, {"2", {}}, {"3", {}}}},
      {"variants/c2_name_conflicts", {{"1", {}}}},
      {e, {{"1", {}}, {"2", {{34601, "ERR_HANDLER_NOT_FOUND"}}}, {"3", {}}}},
      {"variants/f_ip_node_list", {{"1", {}}}},
      {"variants/f2_ip_and_name_node_list", {{"1", {}}}},
      {"variants/g_lease_not_expired", {{"1", {}}}},
      {"variants/k_four_nodes_one_stale", {{"1", {}}}},
  };
  for (const auto& [folder, steps] : recoveries) {
    CapturedWorld world({.evidence = folder, .node_timeout = absl::Milliseconds(500)});
    // Where leases had not run out, they do in the end.
    world.source.served_answers = 3;
    for (const CapturedRecovery& step : steps) {
      world.source.errors = step.errors;
      const CapturedRequest& captured =
          CapturedRequestOf(absl::StrCat(folder, "/rpc/RPC_CM_START_RECOVERY.", step.request));
      Compare("waiting", captured, world.Ask(captured.request));
    }
  }
}

// The stock meta server ended itself in the middle.
TEST_F(GoldenAnswersTest, OfRecoveriesThatWereNeverAnswered) {
  const auto error_of = [](const std::string& folder) {
    CapturedWorld world({.evidence = folder});
    const CapturedRequest& captured =
        CapturedRequestOf(absl::StrCat(folder, "/rpc/RPC_CM_START_RECOVERY.1"));
    EXPECT_EQ(captured.response, "");
    return FieldsOfFrame(captured, world.Ask(captured.request)).at("err");
  };
  EXPECT_EQ(error_of("variants/j_conflicting_app_record"), "ERR_OK");
  EXPECT_EQ(error_of("variants/m_split_interrupted"), "ERR_OK");
}

}  // namespace
}  // namespace metarec
