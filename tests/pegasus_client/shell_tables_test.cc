#include "pegasus_client/shell_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::tools {
namespace {

TEST(ShellTablesTest, PadsEveryCellOfAColumnTableToTheLongestOfItsColumnPlusTwo) {
  ColumnTable table = ColumnTable::LeftAligned("t", {"id", "name"});
  table.rows = {{"1", "a"}, {"2000", "long name"}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(),
            "[t]\n"
            "id    name       \n"
            "1     a          \n"
            "2000  long name  \n");
}

TEST(ShellTablesTest, AlignsToTheRightWhereAsked) {
  ColumnTable table;
  table.columns = {{"node", false}, {"count", true}};
  table.rows = {{"n1", "7"}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(),
            "node    count\n"
            "n1          7\n");
}

TEST(ShellTablesTest, PadsTheValuesOfAFieldTableToTheLongest) {
  ShellTables tables;
  tables.Add(FieldTable{"f", {{"a", "1"}, {"long", "123"}}});
  EXPECT_EQ(tables.ToText(),
            "[f]\n"
            "a     : 1  \n"
            "long  : 123\n");
}

TEST(ShellTablesTest, EndsEachOfSeveralTablesWithAnEmptyLine) {
  ShellTables tables;
  tables.Add(FieldTable{"f", {{"a", "1"}}});
  tables.Add(FieldTable{"g", {{"b", "2"}}});
  EXPECT_EQ(tables.ToText(), "[f]\na  : 1\n\n[g]\nb  : 2\n\n");
}

TEST(ShellTablesTest, KeepsARowThatIsTooShortFromDoingHarm) {
  ColumnTable table = ColumnTable::LeftAligned("", {"a", "b"});
  table.rows = {{"1"}, {}};
  ShellTables tables;
  tables.Add(table);
  EXPECT_EQ(tables.ToText(), "a  b  \n1  \n\n");
  EXPECT_THAT(tables.ToJson(), testing::HasSubstr("\"1\""));
}

TEST(ShellTablesTest, WritesJsonByTableThenRowThenColumn) {
  ColumnTable table = ColumnTable::LeftAligned("nodes", {"address", "status"});
  table.rows = {{"n1:1", "ALIVE"}};
  ShellTables tables;
  tables.Add(table);
  tables.Add(FieldTable{"summary", {{"count", "1"}}});
  EXPECT_EQ(tables.ToJson(),
            R"({
    "nodes": {
        "n1:1": {
            "address": "n1:1",
            "status": "ALIVE"
        }
    },
    "summary": {
        "count": "1"
    }
}
)");
}

TEST(ShellTablesTest, EscapesWhatATerminalWouldActUpon) {
  ShellTables tables;
  ColumnTable columns = ColumnTable::LeftAligned("c", {"name"});
  columns.rows.push_back({"a\x1b[2J\nb"});
  tables.Add(std::move(columns));
  tables.Add(FieldTable{"f", {{"name", "a\tb"}}});
  EXPECT_EQ(tables.ToText(), "[c]\nname           \na\\x1b[2J\\x0ab  \n\n[f]\nname  : a\\x09b\n\n");
  EXPECT_NE(tables.ToJson().find("\"a\\\\x1b[2J\\\\x0ab\""), std::string::npos);
}

TEST(ShellTablesTest, PrintsNothingWithoutTables) {
  EXPECT_EQ(ShellTables().ToText(), "");
  EXPECT_EQ(ShellTables().ToJson(), "{}\n");
}

}  // namespace
}  // namespace metarec::tools
