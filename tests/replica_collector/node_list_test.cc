#include "replica_collector/node_list.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "testing/scratch_folder.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class NodeListFile : public ::testing::Test {
 protected:
  absl::StatusOr<NodeList> Read(const std::string& content, const NodeListOptions& options = {}) {
    std::ofstream(path_, std::ios::binary) << content;
    return ReadNodeListFile(path_, options);
  }

  // The message of the error that `content` gives; "OK" without one.
  std::string ErrorOf(const std::string& content, const NodeListOptions& options = {}) {
    last_error_ = Read(content, options).status();
    return last_error_.ok() ? "OK" : std::string(last_error_.message());
  }

  testing::ScratchFolder scratch_;
  const std::string folder_ = scratch_.path();
  const std::string path_ = scratch_.Path("nodes");
  absl::Status last_error_;
};

std::vector<std::string> Texts(const NodeList& list) {
  std::vector<std::string> texts;
  for (const NodeListEntry& entry : list.entries) texts.push_back(entry.text);
  return texts;
}

TEST_F(NodeListFile, KeepsOrderTextAndLineOfEveryEntry) {
  const auto list = Read("n1.example:34801\n10.0.0.2:34802\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->entries, ElementsAre(NodeListEntry{"n1.example:34801", "n1.example", 34801, 1},
                                         NodeListEntry{"10.0.0.2:34802", "10.0.0.2", 34802, 2}));
  EXPECT_THAT(list->duplicates, IsEmpty());
}

TEST_F(NodeListFile, SkipsBlanksAndCommentsAndTrimsButCountsTheirLines) {
  const auto list = Read("# servers\r\n\r\n  ; old: n0:1\r\n\t n1:34801 \r\n   \n  n2:34801");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(Texts(*list), ElementsAre("n1:34801", "n2:34801"));
  EXPECT_EQ(list->entries[0].line, 4);
  EXPECT_EQ(list->entries[1].line, 6);
}

TEST_F(NodeListFile, IgnoresTheByteOrderMarkOfWindowsEditors) {
  const auto list = Read("\xEF\xBB\xBFn1:34801\r\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(Texts(*list), ElementsAre("n1:34801"));
}

TEST_F(NodeListFile, ReportsDuplicatesWithBothLinesAndKeepsTheFirst) {
  const auto list = Read("n1:34801\n# x\nn2:34801\nN1:34801\nn1:34802\nn1:34801\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(Texts(*list), ElementsAre("n1:34801", "n2:34801", "n1:34802"));
  EXPECT_THAT(list->duplicates, ElementsAre(NodeListDuplicate{"N1:34801", 4, 1},
                                            NodeListDuplicate{"n1:34801", 6, 1}));
  EXPECT_EQ(PegasusTextOf(list->duplicates[1]), "duplicate replica node n1:34801, just ingore it");
}

TEST_F(NodeListFile, NamesFileAndLineOfAnEntryThatCannotBeUnderstood) {
  EXPECT_THAT(ErrorOf("n1:34801\nn2\n"), HasSubstr(path_ + ":2: cannot understand 'n2'"));
  EXPECT_EQ(PegasusTextOf(last_error_),
            absl::StrCat("parse n2 at file ", path_, " line 2 as host:port failed"));
}

TEST_F(NodeListFile, RefusesWhatIsNoHostAndPort) {
  EXPECT_THAT(ErrorOf("n1\n"), HasSubstr("the ':' and the port are missing"));
  EXPECT_THAT(ErrorOf(":34801\n"), HasSubstr("the host before the ':' is missing"));
  EXPECT_THAT(ErrorOf("n1:\n"), HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("n1:34a\n"), HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("n1:-1\n"), HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("n 1:34801\n"), HasSubstr("a host name has only"));
  EXPECT_THAT(ErrorOf("n\xC3\xA9:34801\n"), HasSubstr("a host name has only"));
  EXPECT_THAT(ErrorOf(std::string(254, 'a') + ":34801\n"), HasSubstr("longer than 253"));
}

TEST_F(NodeListFile, RefusesPortsOutOfRange) {
  EXPECT_THAT(ErrorOf("n1:0\n"), HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("n1:65536\n"), HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_THAT(ErrorOf("n1:99999999999999999999\n"),
              HasSubstr("is not a port, a number from 1 to 65535"));
  EXPECT_EQ(ErrorOf("n1:1\nn1:65535\n"), "OK");
}

TEST_F(NodeListFile, RefusesAnAddressWithATypingErrorInsteadOfLookingItUp) {
  EXPECT_THAT(ErrorOf("10.0.0.300:34801\n"), HasSubstr("'10.0.0.300' is not an IPv4 address"));
  EXPECT_THAT(ErrorOf("10.0.0:34801\n"), HasSubstr("'10.0.0' is not an IPv4 address"));
}

TEST_F(NodeListFile, ExplainsWhyIpv6CannotBeUsed) {
  for (const char* text : {"[::1]:34801", "fe80::1:34801", "::1"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat(text, "\n")), HasSubstr("IPv6")) << text;
    EXPECT_THAT(std::string(last_error_.message()), HasSubstr("IPv4 address or a name")) << text;
  }
}

// It was taken for a list of IPv6 addresses.
TEST_F(NodeListFile, WhatNodesPrintsSaysHowToMakeAListOfIt) {
  for (const char* content :
       {"[details]\naddress          status  replica_count\nrs1:34801        ALIVE   3\n",
        "[parameters]\nout_file  : nodes.list\n\n[details]\n", "address  status\n"}) {
    EXPECT_THAT(ErrorOf(content),
                HasSubstr(absl::StrCat(path_,
                                       ":1: this is what `nodes -d` prints. Make a node list of "
                                       "it: grep ' ALIVE' ",
                                       path_, " | awk '{print $1}' > recover_node_list")));
    EXPECT_THAT(PegasusTextOf(last_error_), HasSubstr(" line 1 as host:port failed"));
  }
}

TEST_F(NodeListFile, SpeaksOfCommentsOnlyWhereThereIsOne) {
  EXPECT_THAT(ErrorOf("n1:0\n"), Not(HasSubstr("comment")));
  EXPECT_THAT(ErrorOf("n 1:34801\n"), Not(HasSubstr("comment")));
}

TEST_F(NodeListFile, SaysThatACommentBehindAnEntryNeedsItsOwnLine) {
  EXPECT_THAT(ErrorOf("n1:34801 # rack 3\n"), HasSubstr("a comment needs a line of its own"));
}

TEST_F(NodeListFile, MissingFileIsToldAsPegasusDoesAndWithARemedy) {
  const absl::Status status = ReadNodeListFile(folder_ + "/none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("one host:port a line"));
  EXPECT_EQ(PegasusTextOf(status), absl::StrCat("open file ", folder_, "/none failed"));
}

TEST_F(NodeListFile, UnreadableFileIsAnError) {
  std::ofstream(path_) << "n1:34801\n";
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  std::filesystem::permissions(path_, std::filesystem::perms::none);
  // Root reads everything, so that it has to be somebody else for a moment.
  constexpr uid_t kNobody = 65534;
  const bool is_root = ::geteuid() == 0;
  ASSERT_EQ(is_root ? ::seteuid(kNobody) : 0, 0);
  const absl::Status status = ReadNodeListFile(path_).status();
  ASSERT_EQ(is_root ? ::seteuid(0) : 0, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(PegasusTextOf(status), absl::StrCat("open file ", path_, " failed"));
}

TEST_F(NodeListFile, DirectoryIsAnError) {
  const absl::Status status = ReadNodeListFile(folder_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("it is a directory"));
  EXPECT_EQ(PegasusTextOf(status), absl::StrCat("no node specified in file ", folder_));
}

TEST_F(NodeListFile, FileWithoutNodesIsAnError) {
  for (const char* content : {"", "\n\n", "# only\n; comments\n"}) {
    EXPECT_THAT(ErrorOf(content), HasSubstr("no node in it"));
    EXPECT_EQ(PegasusTextOf(last_error_), absl::StrCat("no node specified in file ", path_));
  }
}

TEST_F(NodeListFile, BinaryFileIsAnError) {
  EXPECT_THAT(ErrorOf(std::string("\x7F"
                                  "ELF\x02\x01\x01\0\0\n",
                                  10)),
              HasSubstr(path_ + ":1: not a text file"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '\0')), HasSubstr(path_ + ":1: the line is longer"));
}

TEST_F(NodeListFile, LineAboveTheBoundIsAnErrorEvenInAComment) {
  EXPECT_THAT(ErrorOf("n1:34801\n#" + std::string(5'000, 'x') + "\n"),
              HasSubstr(path_ + ":2: the line is longer than 4096 bytes"));
}

TEST_F(NodeListFile, MillionLinesEndAtTheBoundOnNodes) {
  std::string content;
  for (int i = 0; i < 1'000'000; ++i) absl::StrAppend(&content, "n", i, ":34801\n");
  EXPECT_THAT(ErrorOf(content), HasSubstr(path_ + ":10001: more than 10000 nodes"));
  EXPECT_EQ(last_error_.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(NodeListFile, MillionBlankLinesEndAtTheBoundOnLines) {
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '\n')), HasSubstr("more than 100000 lines"));
}

TEST_F(NodeListFile, AsManyNodesAsTheBoundAreAccepted) {
  EXPECT_EQ(ErrorOf("n1:1\nn2:1\n", {.nodes_max = 2}), "OK");
  EXPECT_THAT(ErrorOf("n1:1\nn2:1\nn3:1\n", {.nodes_max = 2}), HasSubstr("more than 2 nodes"));
}

TEST(NodeListString, SplitsAtCommasAndTrims) {
  const auto list = ParseNodeListString(" n1:34801, 10.0.0.2:34802 ,,");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->entries, ElementsAre(NodeListEntry{"n1:34801", "n1", 34801, 1},
                                         NodeListEntry{"10.0.0.2:34802", "10.0.0.2", 34802, 2}));
}

TEST(NodeListString, ReportsDuplicatesByPosition) {
  const auto list = ParseNodeListString("n1:34801,n2:34801,n1:34801");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->duplicates, ElementsAre(NodeListDuplicate{"n1:34801", 3, 1}));
}

TEST(NodeListString, TellsABadNodeAsPegasusDoes) {
  const absl::Status status = ParseNodeListString("n1:34801,n2").status();
  EXPECT_EQ(PegasusTextOf(status), "parse n2 as a host:port node failed");
  EXPECT_THAT(std::string(status.message()), HasSubstr("node 2: cannot understand 'n2'"));
}

TEST(NodeListString, TellsAnEmptyListAsPegasusDoes) {
  for (const char* text : {"", " , ,"}) {
    EXPECT_EQ(PegasusTextOf(ParseNodeListString(text).status()),
              "can't parse node from node_list_str");
  }
}

TEST_F(NodeListFile, AnAddressThatNoServerCanHaveWasAskedAndWritten) {
  EXPECT_THAT(ErrorOf("n1:34801\n0.0.0.0:34801\n"),
              HasSubstr(path_ + ":2: cannot understand '0.0.0.0:34801': no server has the address "
                                "0.0.0.0, which stands for all the addresses of a machine"));
  EXPECT_THAT(ErrorOf("255.255.255.255:34801\n"), HasSubstr("broadcast"));
  EXPECT_THAT(ErrorOf("224.0.0.1:34801\n"), HasSubstr("multicast"));
  EXPECT_EQ(ErrorOf("223.255.255.255:34801\n240.0.0.1:34801\n"), "OK");
}

}  // namespace
}  // namespace metarec
