#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Everything that there is, through a writer of ours or one of RapidJSON's.
template <typename Writer>
void WriteSome(const std::string& text, Writer& json) {
  json.StartObject();
  json.Key("empty object");
  json.StartObject();
  json.EndObject();
  json.Key("empty array");
  json.StartArray();
  json.EndArray();
  json.Key("array");
  json.StartArray();
  json.Bool(true);
  json.Null();
  json.StartArray();
  json.Bool(false);
  json.EndArray();
  json.StartObject();
  json.Key(text.c_str());
  json.String(text);
  json.EndObject();
  json.EndArray();
  json.Key("last");
  json.String(text);
  json.EndObject();
}

std::string EveryByte() {
  std::string text;
  for (int byte = 1; byte < 256; ++byte) text.push_back(static_cast<char>(byte));
  return text;
}

TEST(JsonWriterTest, WritesTheBytesOfRapidJson) {
  rapidjson::StringBuffer theirs;
  rapidjson::Writer<rapidjson::StringBuffer> their_writer(theirs);
  WriteSome(EveryByte(), their_writer);
  std::string ours;
  JsonWriter our_writer(&ours);
  WriteSome(EveryByte(), our_writer);
  EXPECT_EQ(ours, theirs.GetString());
}

TEST(JsonWriterTest, IndentsAsRapidJsonDoes) {
  for (const int indent : {0, 1, 4}) {
    rapidjson::StringBuffer theirs;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> their_writer(theirs);
    their_writer.SetIndent(' ', static_cast<unsigned>(indent));
    WriteSome(EveryByte(), their_writer);
    std::string ours;
    JsonWriter our_writer(&ours, {.indent = indent});
    WriteSome(EveryByte(), our_writer);
    EXPECT_EQ(ours, theirs.GetString());
  }
}

TEST(JsonWriterTest, WritesFields) {
  std::string text;
  JsonWriter json(&text);
  json.StartObject()
      .String("s", "a\"b")
      .Int("i", INT64_MIN)
      .Bool("b", false)
      .Double("d", 1.23456, 2)
      .Json("j", "[1]")
      .Strings("strings", std::vector<std::string>{"x", "y"})
      .Ints("ints", std::vector<int32_t>{1, -2})
      .Object("object", std::map<std::string, std::string>{{"k", "v"}, {"l", "w"}})
      .Pairs("pairs", std::vector<std::pair<std::string, std::string>>{{"k", "v"}})
      .EndObject()
      .Newline();
  EXPECT_EQ(text, R"({"s":"a\"b","i":-9223372036854775808,"b":false,"d":1.23,"j":[1],)"
                  R"("strings":["x","y"],"ints":[1,-2],"object":{"k":"v","l":"w"},)"
                  R"("pairs":[["k","v"]]})"
                  "\n");
}

TEST(JsonWriterTest, AppendsOneTextAfterTheOther) {
  std::string text = "before";
  JsonWriter json(&text);
  json.StartObject().EndObject().StartArray().EndArray();
  EXPECT_EQ(text, "before{}[]");
}

std::string WithPolicy(JsonText how, const std::string& text) {
  std::string json;
  JsonWriter(&json, {.text = how}).StartArray().String(text).EndArray();
  return json;
}

TEST(JsonWriterTest, TreatsTextAsTheStyleSays) {
  const std::string text = "\x1b[2J\n\xff\xc3\xa9";
  EXPECT_EQ(WithPolicy(JsonText::kAsIs, text), "[\"\\u001B[2J\\n\xff\xc3\xa9\"]");
  EXPECT_EQ(WithPolicy(JsonText::kPrintable, text), "[\"\\\\x1b[2J\\\\x0a\\\\xff\xc3\xa9\"]");
  EXPECT_EQ(WithPolicy(JsonText::kPrintableLines, text), "[\"\\\\x1b[2J\\n\\\\xff\xc3\xa9\"]");
  EXPECT_EQ(WithPolicy(JsonText::kHex, text), "[{\"hex\":\"1b5b324a0affc3a9\"}]");
  EXPECT_EQ(WithPolicy(JsonText::kHex, "caf\xc3\xa9\n"), "[\"caf\xc3\xa9\\n\"]");
}

TEST(JsonWriterTest, OneFieldMayDifferFromTheStyle) {
  std::string text;
  JsonWriter json(&text, {.text = JsonText::kPrintable});
  json.StartObject().String("a", "1\n2", JsonText::kPrintableLines).String("b", "1\n2").EndObject();
  EXPECT_EQ(text, R"({"a":"1\n2","b":"1\\x0a2"})");
}

TEST(JsonWriterTest, GivesALongTextToTheSinkInPieces) {
  const std::string item(1000, 'x');
  std::string text;
  size_t longest = 0;
  int pieces = 0;
  const auto take = [&](absl::string_view piece) {
    absl::StrAppend(&text, piece);
    longest = std::max(longest, piece.size());
    ++pieces;
    return absl::OkStatus();
  };
  JsonWriter json(take);
  json.StartArray();
  for (int i = 0; i < 200; ++i) json.String(item);
  json.EndArray();
  EXPECT_TRUE(json.Finish().ok());
  EXPECT_EQ(text.size(), 200 * (item.size() + 3) + 1);
  EXPECT_EQ(pieces, 4);
  EXPECT_LT(longest, (64U << 10) + 2000);
}

TEST(JsonWriterTest, GivesNothingMoreToASinkThatFailed) {
  int pieces = 0;
  const auto fail = [&](absl::string_view) {
    ++pieces;
    return absl::UnavailableError("the disk is full");
  };
  JsonWriter json(fail);
  json.StartArray();
  for (int i = 0; i < 200'000; ++i) json.Int(i);
  json.EndArray();
  EXPECT_EQ(json.status().message(), "the disk is full");
  EXPECT_EQ(json.Finish().message(), "the disk is full");
  EXPECT_EQ(pieces, 1);
}

TEST(JsonDocumentTest, SaysWhereTheTextIsNoJson) {
  JsonDocument json;
  EXPECT_FALSE(json.Parse("[1 2]"));
  EXPECT_FALSE(json.root());
  EXPECT_EQ(json.error(), "byte 3: Missing a comma or ']' after an array element");
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

// More about these in znodes_test.cc.
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
