#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text/host_port_mistake.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

TEST(CutListTest, SaysHowManyAreLeftOut) {
  EXPECT_EQ(CutList({"a", "b", "c", "d", "e", "f", "g", "h"}, 5), "a, b, c, d, e and 3 more");
  EXPECT_EQ(CutList({"a", "b", "c", "d", "e", "f"}, 5), "a, b, c, d, e, f");
  EXPECT_EQ(CutList({}), "");
}

TEST(TimeTextTest, IsUtcWhereverTheMachineIs) {
  const absl::Time time = absl::FromUnixMillis(1'795'997'400'125);
  EXPECT_EQ(UtcText(time), "2026-11-30 00:10:00 UTC");
  EXPECT_EQ(UtcTextWithMs(time), "2026-11-30 00:10:00.125 UTC");
  EXPECT_EQ(Rfc3339Text(time), "2026-11-30T00:10:00Z");
}

TEST(ClosestWordTest, IsTheOneThatWasMeant) {
  const std::vector<std::string> words = {"collect", "plan", "cluster_info", "--skip_bad_nodes"};
  EXPECT_EQ(ClosestWord("colect", words), "collect");
  EXPECT_EQ(ClosestWord("paln", words), "plan") << "two letters exchanged";
  EXPECT_EQ(ClosestWord("cluster", words), "cluster_info") << "its beginning";
  EXPECT_EQ(ClosestWord("--skip_bad_node", words), "--skip_bad_nodes");
  EXPECT_EQ(ClosestWord("restore", words), "");
  EXPECT_EQ(ClosestWord("", words), "");
  EXPECT_EQ(ClosestWord(std::string(100'000, 'x'), words), "");
}

TEST(AlignedRowsTest, HaveNoBlanksAtTheirEnds) {
  EXPECT_EQ(AlignedRows({{"id", "name", "n"}, {"1", "usertable", "22"}, {"10", "t", ""}}, 2),
            "  id  name       n\n"
            "  1   usertable  22\n"
            "  10  t\n");
  EXPECT_EQ(AlignedRows({}), "");
}

// All of them were called IPv6 addresses, or nothing but wrong.
TEST(HostPortMistakeTest, SaysWhatItSaw) {
  const struct {
    const char* text;
    const char* mistake;
  } kCases[] = {
      {"", "it is empty"},
      {"[::1]:34801", "IPv6 addresses cannot be used"},
      {"[fe80::1%eth0]:34801", "IPv6 addresses cannot be used"},
      {"::1", "IPv6 addresses cannot be used"},
      {"2001:db8::1:34801", "IPv6 addresses cannot be used"},
      {"1:2:3:4:5:6:7:8", "IPv6 addresses cannot be used"},
      {"[details]", "a host has no brackets"},
      {"a:1,b:1", "these are several addresses"},
      {"http://rs1:34801/", "this is a URL"},
      {"zk1:2181:2888:3888", "there are several ports; give the one for clients"},
      {"10.0.0.1:2181:2888", "there are several ports; give the one for clients"},
      {"rs1:34801 # rack 3", "a comment needs a line of its own"},
      {"rs1:34801  ALIVE  3", "leave out what stands behind the port"},
      {"rs1:34801/data", "leave out the path, /data"},
  };
  for (const auto& test : kCases) {
    EXPECT_TRUE(HostPortMistake(test.text).starts_with(test.mistake))
        << test.text << ": " << HostPortMistake(test.text);
  }
  for (const char* text : {"rs1:34801", "10.0.0.1:34801", "rs1", ":34801", "n 1:34801", "rs1:x"}) {
    EXPECT_EQ(HostPortMistake(text), "") << text;
  }
}

TEST(ShortenedTest, KeepsWholeCharactersAndSaysThatThereIsMore) {
  EXPECT_EQ(Shortened("abc", 3), "abc");
  EXPECT_EQ(Shortened("abcd", 3), "abc...");
  EXPECT_EQ(Shortened("ab\u00fc", 3), "ab...");
  EXPECT_EQ(Shortened("\xbf\xbf", 1), "...");
}

TEST(ShortenedTest, InTheMiddleKeepsBothEnds) {
  EXPECT_EQ(ShortenedInTheMiddle("abcdef", 6), "abcdef");
  EXPECT_EQ(ShortenedInTheMiddle("abcdefg", 6), "abc...efg");
  EXPECT_EQ(ShortenedInTheMiddle("abcdefg", 5), "abc...fg");
  EXPECT_EQ(ShortenedInTheMiddle("ab\u00fcd\u00fcfg", 6), "ab...fg");
  EXPECT_EQ(ShortenedInTheMiddle("\xbf\xbf", 1), "...");
}

TEST(PrintableTest, WhatATerminalWouldActUponIsEscaped) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\xff\xc2\x9bü"), "a\\x1b[2Jb\\x0ac\\xff\\xc2\\x9bü");
  EXPECT_EQ(PrintableLines("a\x1b\n\nb\n"), "a\\x1b\n\nb\n");
  EXPECT_EQ(Printable("a\u202Eb"), "a\\xe2\\x80\\xaeb") << "turns what follows around";
  EXPECT_EQ(Printable("\u200Ba\u2066\uFEFF\u00AD\U000E0041"),
            "\\xe2\\x80\\x8ba\\xe2\\x81\\xa6\\xef\\xbb\\xbf\\xc2\\xad\\xf3\\xa0\\x81\\x81")
      << "invisible";
  EXPECT_EQ(Printable("\u00AE \u2026 \u8868 \U0001F600"), "\u00AE \u2026 \u8868 \U0001F600");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate is not UTF-8";
  EXPECT_EQ(Printable("\xc0\x80"), "\\xc0\\x80") << "an overlong form is not UTF-8";
  EXPECT_EQ(Printable("\xe2\x82"), "\\xe2\\x82") << "cut short";
}

// They were shown as they are.
TEST(PrintableTest, LettersWithoutAShapeAreEscaped) {
  EXPECT_EQ(Printable("a\u3164"), "a\\xe3\\x85\\xa4");
  EXPECT_EQ(Printable("\u115F\uFFA0"), "\\xe1\\x85\\x9f\\xef\\xbe\\xa0");
  EXPECT_EQ(Printable("\u00A0\u3000"), "\u00A0\u3000") << "blanks are seen between others";
}

TEST(ShellWordTest, IsQuotedOnlyWhenItMustBe) {
  EXPECT_EQ(ShellWord("a-b.plan"), "a-b.plan");
  EXPECT_EQ(ShellWord("a b"), "'a b'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace metarec
