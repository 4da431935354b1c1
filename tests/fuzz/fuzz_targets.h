// What is fuzzed. Each target takes any bytes and ends the program (CHECK) when a property does not
// hold: the same functions run under libFuzzer (scripts/fuzz) and over the kept corpus in every
// test run (corpus_test.cc). docs/fuzzing.md tells how they are used.

#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {
struct RecoveryPlan;
}  // namespace metarec

namespace metarec::fuzz {

// Frames and HTTP requests taken apart: what parses is built again and parses equal.
void FuzzFrames(absl::string_view input);
// A connection to a server, in chunks: handlers see the same requests however the bytes are cut.
void FuzzServer(absl::string_view input);
// The answers to two calls of a client, in chunks: the same results however the bytes are cut.
void FuzzClient(absl::string_view input);
// Bodies of every message: what decodes encodes to what decodes equal. The first byte selects the
// message.
void FuzzRequests(absl::string_view input);
void FuzzResponses(absl::string_view input);
// Files that operators give us: what is read is written to what reads equal.
void FuzzNodeList(absl::string_view input);
void FuzzEvidenceFile(absl::string_view input);
void FuzzPlanFile(absl::string_view input);
void FuzzConfigIni(absl::string_view input);
// Any tree: the data directory of a ZooKeeper server that does not run, which is a snapshot and a
// log, and the file of a tree.
void FuzzDataDirectory(absl::string_view input);
void FuzzTreeFile(absl::string_view input);
// The small files beside a replica's data.
void FuzzAppInfo(absl::string_view input);
// Texts of flags and remote commands.
void FuzzArguments(absl::string_view input);
// What a stranger may have written into ZooKeeper: the JSON of one znode, and a whole root, which
// is inspected, read, verified and refused untouched if it is not ours.
void FuzzZnodeJson(absl::string_view input);
void FuzzRoot(absl::string_view input);
// Any evidence, made of the bytes: planned, settled, written, read back and verified.
void FuzzRecovery(absl::string_view input);

struct FuzzTarget {
  absl::string_view name;  // of the folder in tests/fuzz/corpus; the program is fuzz_<name>
  void (*run)(absl::string_view input);
};
inline constexpr FuzzTarget kFuzzTargets[] = {
    {"frames", FuzzFrames},
    {"server", FuzzServer},
    {"client", FuzzClient},
    {"requests", FuzzRequests},
    {"responses", FuzzResponses},
    {"node_list", FuzzNodeList},
    {"evidence_file", FuzzEvidenceFile},
    {"plan_file", FuzzPlanFile},
    {"config_ini", FuzzConfigIni},
    {"data_directory", FuzzDataDirectory},
    {"tree_file", FuzzTreeFile},
    {"app_info", FuzzAppInfo},
    {"arguments", FuzzArguments},
    {"znode_json", FuzzZnodeJson},
    {"root", FuzzRoot},
    {"recovery", FuzzRecovery},
};

// Every message that has a decoder, in a fixed order: a corpus selects by position, so that new
// ones go to the end.
struct MessageCodec {
  absl::string_view task_code;
  // Decodes; what decodes must encode to bytes that decode to an equal value.
  void (*check)(absl::string_view body);
};

absl::Span<const MessageCodec> RequestCodecs();
absl::Span<const MessageCodec> ResponseCodecs();

// Makes everything that is ever shown of a plan, and looks at what can be seen of it.
void RenderEverything(const RecoveryPlan& plan);

}  // namespace metarec::fuzz
