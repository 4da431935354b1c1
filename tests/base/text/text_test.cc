#include <gtest/gtest.h>

#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

TEST(CutListTest, SaysHowManyAreLeftOut) {
  EXPECT_EQ(CutList({"a", "b", "c", "d", "e", "f", "g", "h"}, 5), "a, b, c, d, e and 3 more");
  EXPECT_EQ(CutList({"a", "b", "c", "d", "e", "f"}, 5), "a, b, c, d, e, f");
  EXPECT_EQ(CutList({}), "");
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
