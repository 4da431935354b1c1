#include <gtest/gtest.h>

#include "tools/cli/output_arguments.h"
#include "tools/process/option_spelling.h"

namespace metarec::tools {
namespace {

TEST(OptionSpellingTest, DashesInLongOptionsAreUnderscores) {
  EXPECT_EQ(WithUnderscoresInOptions({"recover", "--node-list-file", "my-list", "-s", "a-b:1"}),
            (std::vector<std::string>{"recover", "--node_list_file", "my-list", "-s", "a-b:1"}));
  EXPECT_EQ(WithUnderscoresInOptions({"--zk-auth-file=my-file"}),
            (std::vector<std::string>{"--zk_auth_file=my-file"}));
  EXPECT_EQ(WithUnderscoresInOptions({"--", "--a-b"}), (std::vector<std::string>{"--", "--a-b"}));
}

TEST(JsonObjectTest, EscapesWhatServersSay) {
  EXPECT_EQ(JsonObject().Set("name", "a\"b\xff\nc").Set("n", int64_t{3}).Set("ok", true).ToText(),
            "{\"name\":\"a\\\"b\\\\xff\\\\x0ac\",\"n\":3,\"ok\":true}");
}

}  // namespace
}  // namespace metarec::tools
