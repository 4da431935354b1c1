#include "base/json/json_reader.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(JsonDocumentTest, SaysWhereTheTextIsNoJson) {
  JsonDocument json;
  EXPECT_FALSE(json.Parse("[1 2]"));
  EXPECT_FALSE(json.root());
  EXPECT_EQ(json.error(), "byte 3: Missing a comma or ']' after an array element.");
  EXPECT_FALSE(json.Parse(""));
  EXPECT_FALSE(json.Parse("[1] // a comment"));
  EXPECT_TRUE(json.Parse("[1] // a comment", JsonDocument::Comments::kAllowed));
}

TEST(JsonDocumentTest, DeepNestingUsesNoStack) {
  const std::string text(1'000'000, '[');
  JsonDocument json;
  EXPECT_FALSE(json.Parse(text));
  EXPECT_TRUE(json.Parse(std::string(100'000, '[') + std::string(100'000, ']')));
}

TEST(JsonValueTest, IsOnlyWhatItIs) {
  JsonDocument json;
  ASSERT_TRUE(json.Parse(R"({"s":"a\u0000b","i":-5,"big":5000000000,"b":true,"n":null,"d":1.5,
                             "h":{"hex":"ff00"},"a":[1,"x"]})"));
  const JsonValue root = json.root();
  EXPECT_EQ(root.Find("s").String(), absl::string_view("a\0b", 3));
  EXPECT_EQ(root.Find("i").String(), std::nullopt);
  EXPECT_EQ(root.Find("i").Int(), -5);
  EXPECT_EQ(root.Find("i").Int(0, 10), std::nullopt);
  EXPECT_EQ(root.Find("big").Int(), 5000000000);
  EXPECT_EQ(root.Find("big").Int32(), std::nullopt);
  EXPECT_EQ(root.Find("d").Int(), std::nullopt);
  EXPECT_EQ(root.Find("b").Bool(), true);
  EXPECT_EQ(root.Find("n").Bool(), std::nullopt);
  EXPECT_EQ(root.Find("h").Bytes(), std::string("\xff\0", 2));
  EXPECT_EQ(root.Find("a").Bytes(), std::nullopt);
  EXPECT_EQ(root.Find("a").size(), 2U);
  EXPECT_EQ(root.Find("a")[1].String(), "x");
  EXPECT_FALSE(root.Find("a")[2]);
  EXPECT_FALSE(root.Find("nothing"));
  EXPECT_FALSE(root.Find("nothing").Find("deeper")[0]);
  EXPECT_EQ(root.Find("a").ToText(), R"([1,"x"])");
}

TEST(JsonValueTest, IsEqualWhateverTheOrderOfFields) {
  JsonDocument a;
  JsonDocument b;
  ASSERT_TRUE(a.Parse(R"({"x":1,"y":[1,2]})") && b.Parse(R"({"y":[1,2],"x":1})"));
  EXPECT_EQ(a.root(), b.root());
  ASSERT_TRUE(b.Parse(R"({"y":[2,1],"x":1})"));
  EXPECT_NE(a.root(), b.root());
}

class JsonFieldReaderTest : public ::testing::Test {
 protected:
  JsonFieldReader Reader(absl::string_view text, std::string place = "") {
    EXPECT_TRUE(json_.Parse(text));
    return JsonFieldReader(json_.root(), std::move(place));
  }

  JsonDocument json_;
};

TEST_F(JsonFieldReaderTest, ReadsWhatMustBeThere) {
  JsonFieldReader fields =
      Reader(R"({"b":true,"i":7,"s":"x","l":["a",{"hex":"62"}],"p":[["k","v"],["k","w"]]})");
  EXPECT_TRUE(fields.Bool("b"));
  EXPECT_EQ(fields.Int("i"), 7);
  EXPECT_EQ(fields.Int32("i", 1, 10), 7);
  EXPECT_EQ(fields.String("s"), "x");
  EXPECT_THAT(fields.Strings("l"), ElementsAre("a", "b"));
  EXPECT_THAT(fields.Pairs("p"), ElementsAre(Pair("k", "v"), Pair("k", "w")));
  EXPECT_EQ(fields.Array("l").size(), 2U);
  EXPECT_TRUE(fields.ok());
}

TEST_F(JsonFieldReaderTest, RemembersTheFirstErrorAndReadsNothingMore) {
  JsonFieldReader fields = Reader(R"({"i":7,"s":"x"})");
  EXPECT_EQ(fields.Int("i", 0, 6), 0);
  EXPECT_EQ(fields.error(), "'i' is missing or cannot be");
  EXPECT_EQ(fields.String("s"), "");
  fields.Fail("another");
  EXPECT_EQ(fields.error(), "'i' is missing or cannot be");
}

TEST_F(JsonFieldReaderTest, WhatIsWrongIsAnError) {
  for (const char* text : {"{}", R"({"k":[1]})", R"({"k":[["a"]]})", R"({"k":[["a","b","c"]]})",
                           R"({"k":[["a",1]]})", R"({"k":1.5})", R"({"k":null})"}) {
    JsonFieldReader pairs = Reader(text);
    pairs.Pairs("k");
    EXPECT_EQ(pairs.error(), "'k' is missing or cannot be") << text;
    JsonFieldReader number = Reader(text);
    number.Int("k");
    EXPECT_EQ(number.error(), "'k' is missing or cannot be") << text;
  }
  EXPECT_EQ(Reader("[]").error(), "not a JSON object");
  EXPECT_EQ(Reader("[]", "nodes[0]").error(), "nodes[0] is not an object");
}

TEST_F(JsonFieldReaderTest, WhatMayBeMissingKeepsItsValue) {
  JsonFieldReader fields = Reader(R"({"a":1})", "tables[2]");
  int32_t narrow = 5;
  int64_t wide = 6;
  std::string text = "seven";
  bool flag = true;
  fields.Read("a", &narrow);
  fields.Read("b", &wide);
  fields.Read("c", &text);
  fields.Read("d", &flag);
  EXPECT_EQ(narrow, 1);
  EXPECT_EQ(wide, 6);
  EXPECT_EQ(text, "seven");
  EXPECT_TRUE(flag);
  EXPECT_THAT(fields.Elements("e"), IsEmpty());
  fields.RefuseOtherFields();
  EXPECT_TRUE(fields.ok());
}

TEST_F(JsonFieldReaderTest, SaysAtWhichPlaceWhatIsWrong) {
  const auto error = [this](const char* text) {
    JsonFieldReader fields = Reader(text, "nodes[1]");
    int32_t narrow = 0;
    int64_t wide = 0;
    std::string string;
    bool flag = false;
    fields.Read("narrow", &narrow);
    fields.Read("wide", &wide);
    fields.Read("string", &string);
    fields.Read("flag", &flag);
    fields.Elements("array");
    fields.RefuseOtherFields();
    return fields.error();
  };
  EXPECT_EQ(error(R"({"narrow":5000000000})"), "nodes[1].narrow is not an integer of 32 bits");
  EXPECT_EQ(error(R"({"wide":"1"})"), "nodes[1].wide is not an integer of 64 bits");
  EXPECT_EQ(error(R"({"string":1})"), "nodes[1].string is not a string");
  EXPECT_EQ(error(R"({"flag":1})"), "nodes[1].flag is neither true nor false");
  EXPECT_EQ(error(R"({"array":{}})"), "nodes[1].array is not an array");
  EXPECT_EQ(error(R"({"strin":"misspelt"})"), "nodes[1].strin is not a key that is known here");
}

// More about these in znode_json_test.
TEST(JsonFieldsTest, AFieldOfAnotherTypeIsNamedWithItsByte) {
  std::string name;
  int32_t count = 0;
  JsonField fields[] = {{"name", &name}, {"count", &count}};
  EXPECT_TRUE(ReadJsonFields("/a", R"({"count":3,"name":"x"})", absl::MakeSpan(fields)).ok());
  EXPECT_EQ(name, "x");
  EXPECT_EQ(count, 3);
  EXPECT_EQ(ReadJsonFields("/a", R"({"name":4})", absl::MakeSpan(fields)).message(),
            "/a: byte 8: field \"name\" must be a string, found the number 4");
}

}  // namespace
}  // namespace metarec
