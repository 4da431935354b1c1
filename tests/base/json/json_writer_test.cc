#include "base/json/json_writer.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace metarec {
namespace {

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

}  // namespace
}  // namespace metarec
