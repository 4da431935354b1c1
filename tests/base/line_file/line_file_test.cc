#include "base/line_file/line_file.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/scratch_folder.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LineFileErrors : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  std::vector<std::string> NamesInFolder() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  static void Write(const std::string& path, const std::vector<std::string>& lines,
                    LineWriterOptions options = {}) {
    auto writer = LineWriter::Create(path, options);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const std::string& line : lines) ASSERT_TRUE(writer->Append(line).ok());
    const absl::Status finished = writer->Finish();
    ASSERT_TRUE(finished.ok()) << finished;
  }

  // All lines up to the first error, which goes to `status`.
  static std::vector<std::string> Read(const std::string& path, absl::Status* status,
                                       LineReaderOptions options = {}) {
    std::vector<std::string> lines;
    auto reader = LineReader::Open(path, options);
    *status = reader.status();
    while (status->ok()) {
      std::string line;
      const absl::StatusOr<bool> more = reader->Next(&line);
      *status = more.status();
      if (!more.ok() || !*more) break;
      lines.push_back(line);
      EXPECT_EQ(reader->line_number(), static_cast<int64_t>(lines.size()));
    }
    return lines;
  }

  static std::string Bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  static void PutBytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  const metarec::testing::ScratchFolder folder_;
};

class LineFile : public LineFileErrors, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string DefaultPath() const { return Path(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(PlainAndCompressed, LineFile, ::testing::Values("f.jsonl", "f.jsonl.zst"),
                         [](const auto& test) {
                           return IsCompressedName(test.param) ? "compressed" : "plain";
                         });

TEST_P(LineFile, ReadsBackWhatWasWritten) {
  Write(DefaultPath(), {"one", "", "three"});
  absl::Status status;
  EXPECT_THAT(Read(DefaultPath(), &status), ElementsAre("one", "", "three"));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(LineFile, ReadsBackMegabytesThatDoNotFitIntoAnyBuffer) {
  std::vector<std::string> lines;
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    // Alternately incompressible and very compressible.
    std::string line(random() % 40'000, 'x');
    if (i % 2 == 0) {
      for (char& c : line) c = static_cast<char>('a' + random() % 26);
    }
    lines.push_back(line);
  }
  Write(DefaultPath(), lines);
  absl::Status status;
  EXPECT_EQ(Read(DefaultPath(), &status), lines);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(LineFile, IsNotThereBeforeFinishAndLeavesNothingWhenAbandoned) {
  {
    auto writer = LineWriter::Create(DefaultPath());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append("half").ok());
    EXPECT_FALSE(std::filesystem::exists(DefaultPath()));
  }
  EXPECT_THAT(NamesInFolder(), IsEmpty());
}

TEST_P(LineFile, WritingEndsOnceItIsInterruptedAndLeavesNothing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    LineWriterOptions options;
    options.interrupt_descriptor = ends[0];
    auto writer = LineWriter::Create(DefaultPath(), options);
    ASSERT_TRUE(writer.ok()) << writer.status();
    const std::string line(100'000, 'x');
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer->Append(line).ok());
    ASSERT_EQ(::write(ends[1], "", 1), 1);
    EXPECT_TRUE(absl::IsCancelled(writer->Finish()));
  }
  EXPECT_THAT(NamesInFolder(), IsEmpty());
  ::close(ends[0]);
  ::close(ends[1]);
}

// A process that was killed then left a temporary file.
TEST_P(LineFile, HasNoNameWhileItIsWritten) {
  PutBytes(DefaultPath(), "old");
  auto writer = LineWriter::Create(DefaultPath(), {.overwrite = true});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append("half").ok());
  EXPECT_THAT(NamesInFolder(), ElementsAre(GetParam()));
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(NamesInFolder(), ElementsAre(GetParam()));
}

TEST_P(LineFile, ReplacingAFileDoesNotWidenItsPermissions) {
  for (const mode_t mode : {0600, 0640, 0444}) {
    PutBytes(DefaultPath(), "old");
    ASSERT_EQ(::chmod(DefaultPath().c_str(), mode), 0);
    Write(DefaultPath(), {"new"}, {.overwrite = true});
    struct stat info {};
    ASSERT_EQ(::stat(DefaultPath().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode);
    std::filesystem::remove(DefaultPath());
  }
}

TEST_P(LineFile, ReplacingAFileLeavesItToItsOwner) {
  if (::geteuid() != 0) return;  // others have only files of their own to replace
  constexpr uid_t kNobody = 65534;
  PutBytes(DefaultPath(), "old");
  ASSERT_EQ(::chown(DefaultPath().c_str(), kNobody, kNobody), 0);
  Write(DefaultPath(), {"new"}, {.overwrite = true});
  struct stat info {};
  ASSERT_EQ(::stat(DefaultPath().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, kNobody);
  EXPECT_EQ(info.st_gid, kNobody);
}

TEST_P(LineFile, LeavesOnlyTheFinishedFile) {
  Write(DefaultPath(), {"line"});
  EXPECT_THAT(NamesInFolder(), ElementsAre(GetParam()));
}

TEST_P(LineFile, RefusesToReplaceAFileUnlessAsked) {
  Write(DefaultPath(), {"old"});
  const auto refused = LineWriter::Create(DefaultPath());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(DefaultPath()));

  Write(DefaultPath(), {"new"}, {.overwrite = true});
  absl::Status status;
  EXPECT_THAT(Read(DefaultPath(), &status), ElementsAre("new"));
}

TEST_P(LineFile, WhatIsNotFinishedLeavesTheFileThatItWasToReplace) {
  Write(DefaultPath(), {"old"});
  {
    auto writer = LineWriter::Create(DefaultPath(), {.overwrite = true});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->Append("half").ok());
  }
  absl::Status status;
  EXPECT_THAT(Read(DefaultPath(), &status), ElementsAre("old"));
  EXPECT_THAT(NamesInFolder(), ElementsAre(GetParam()));
}

TEST_P(LineFile, RefusesToReplaceAFileThatAppearedWhileWriting) {
  auto writer = LineWriter::Create(DefaultPath());
  ASSERT_TRUE(writer.ok());
  PutBytes(DefaultPath(), "somebody else's");
  EXPECT_EQ(writer->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Bytes(DefaultPath()), "somebody else's");
}

TEST_P(LineFile, RefusesLinesAboveTheBoundAndNewlinesInLines) {
  auto writer = LineWriter::Create(DefaultPath(), {.line_bytes_max = 5});
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE(writer->Append("12345").ok());
  EXPECT_EQ(writer->Append("123456").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(writer->Append("a\nb").code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(LineFile, NamesTheLineThatIsAboveTheReadersBound) {
  Write(DefaultPath(), {"12345", "123456"});
  absl::Status status;
  EXPECT_THAT(Read(DefaultPath(), &status, {.line_bytes_max = 5}), ElementsAre("12345"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr(DefaultPath() + ":2:"));
}

TEST_F(LineFileErrors, MissingFileAndMissingFolderAreNotFound) {
  EXPECT_EQ(LineReader::Open(Path("none")).status().code(), absl::StatusCode::kNotFound);
  const auto writer = LineWriter::Create(Path("none/f"));
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(writer.status().message()), HasSubstr(Path("none/f")));
}

TEST_F(LineFileErrors, DirectoryIsNeitherReadNorReplaced) {
  EXPECT_EQ(LineReader::Open(folder_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LineWriter::Create(folder_.path(), {.overwrite = true}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(LineFileErrors, DeviceAndLinkAreNotReplacedEvenWhenOverwriting) {
  EXPECT_EQ(LineWriter::Create("/dev/null", {.overwrite = true}).status().code(),
            absl::StatusCode::kAlreadyExists);
  std::filesystem::create_symlink(Path("target"), Path("link"));
  EXPECT_EQ(LineWriter::Create(Path("link"), {.overwrite = true}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

// Some of them never end.
TEST_F(LineFileErrors, ADeviceWasReadAsIfItWereAFile) {
  const auto zeros = LineReader::Open("/dev/zero");
  EXPECT_EQ(zeros.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(zeros.status().message()), HasSubstr("/dev/zero: it is a device"));
  absl::Status status;
  EXPECT_THAT(Read("/dev/null", &status), IsEmpty());
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(LineFileErrors, AShortFileIsReadWholeAndALongOneRefused) {
  PutBytes(Path("f"), "one\r\n\ntwo");
  const absl::StatusOr<std::string> text = ReadTextFile(Path("f"), 9);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "one\r\n\ntwo");
  EXPECT_EQ(ReadTextFile(Path("f"), 8).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTextFile(Path("f"), 3).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LineFileErrors, LastLineWithoutNewlineIsReadAndKnownAsSuch) {
  PutBytes(Path("f"), "one\ntwo");
  auto reader = LineReader::Open(Path("f"));
  ASSERT_TRUE(reader.ok());
  std::string line;
  EXPECT_TRUE(*reader->Next(&line));
  EXPECT_TRUE(reader->line_was_terminated());
  EXPECT_TRUE(*reader->Next(&line));
  EXPECT_EQ(line, "two");
  EXPECT_FALSE(reader->line_was_terminated());
  EXPECT_EQ(reader->Where(), Path("f") + ":2");
  EXPECT_FALSE(*reader->Next(&line));
}

TEST_F(LineFileErrors, CompressedFileCutAnywhereIsKnownAsTruncated) {
  Write(Path("f.zst"), {"one", "two", "three"});
  const std::string whole = Bytes(Path("f.zst"));
  for (size_t length = 0; length < whole.size(); ++length) {
    PutBytes(Path("cut.zst"), whole.substr(0, length));
    absl::Status status;
    Read(Path("cut.zst"), &status);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "cut at " << length;
    EXPECT_THAT(std::string(status.message()), HasSubstr("truncated")) << "cut at " << length;
  }
}

TEST_F(LineFileErrors, DamagedCompressedFileIsAnErrorWhereverTheBitFlipped) {
  Write(Path("f.zst"), {"one", "two", "three"});
  const std::string whole = Bytes(Path("f.zst"));
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    PutBytes(Path("damaged.zst"), damaged);
    absl::Status status;
    const std::vector<std::string> lines = Read(Path("damaged.zst"), &status);
    // A few header bits only hint at sizes; what is read must then still be what was written.
    if (status.ok()) {
      EXPECT_THAT(lines, ElementsAre("one", "two", "three")) << "byte " << i;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "byte " << i << ": " << status;
    }
  }
}

TEST_F(LineFileErrors, CompressedDataWereNotKnownUnderAnotherName) {
  Write(Path("f.zst"), {"one", "two", "three"});
  std::filesystem::rename(Path("f.zst"), Path("f"));
  absl::Status status;
  EXPECT_THAT(Read(Path("f"), &status), ElementsAre("one", "two", "three"));
  EXPECT_TRUE(status.ok()) << status;
  PutBytes(Path("cut"), Bytes(Path("f")).substr(0, 8));
  Read(Path("cut"), &status);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

// A byte at a time, so that the first reading does not show all that tells.
TEST_F(LineFileErrors, CompressedDataWereNotKnownInAPipe) {
  Write(Path("f.zst"), {"one", "two"});
  const std::string bytes = Bytes(Path("f.zst"));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream pipe(Path("pipe"));
    for (const char byte : bytes) pipe << byte << std::flush;
  });
  absl::Status status;
  EXPECT_THAT(Read(Path("pipe"), &status), ElementsAre("one", "two"));
  EXPECT_TRUE(status.ok()) << status;
  writer.join();
}

TEST_F(LineFileErrors, TextThatBeginsAsCompressedDataDoIsText) {
  for (const std::string text : {"(", "(\xb5", "(\xb5/", "(\xb5 one", ""}) {
    PutBytes(Path("f"), text);
    absl::Status status;
    const std::vector<std::string> lines = Read(Path("f"), &status);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(lines, text.empty() ? std::vector<std::string>() : std::vector<std::string>{text});
  }
}

TEST_F(LineFileErrors, PlainTextUnderACompressedNameIsAnError) {
  PutBytes(Path("f.zst"), "{\"format\":\"x\"}\n");
  absl::Status status;
  EXPECT_THAT(Read(Path("f.zst"), &status), IsEmpty());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

TEST_F(LineFileErrors, NamedPipeThatNobodyWritesToIsAnError) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  absl::Status status;
  EXPECT_THAT(Read(Path("pipe"), &status, {.writer_timeout = absl::Milliseconds(1)}), IsEmpty());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nobody writes to it"));
}

TEST_F(LineFileErrors, WriterOfANamedPipeMayTakeItsTime) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  auto reader = LineReader::Open(Path("pipe"), {.writer_timeout = absl::Milliseconds(1)});
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::thread writer([this] {
    std::ofstream pipe(Path("pipe"));
    absl::SleepFor(absl::Milliseconds(20));
    pipe << "one\n";
  });
  std::string line;
  absl::StatusOr<bool> more = false;
  do {  // until the writer has come
    more = reader->Next(&line);
  } while (absl::IsUnavailable(more.status()));
  writer.join();
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(line, "one");
}

}  // namespace
}  // namespace metarec
