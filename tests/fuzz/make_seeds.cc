// Writes the first inputs of every target, made of the captured messages, trees and evidence in
// tests/golden: make_seeds FOLDER. scripts/fuzz --seed runs it before a corpus is there.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <glog/logging.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "replica_collector/evidence_file.h"
#include "testing/data_directory_writer.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/root_world.h"
#include "tests/meta_recovery/planner/evidence_builder.h"
#include "tests/meta_recovery/planner/golden_evidence.h"
#include "tests/zk_store/topology/golden_tree.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::fuzz {
namespace {

constexpr size_t kSeedBytesMax = 4000;
constexpr char kWays[] = {'\0', '\1', '\5'};

class SeedWriter {
 public:
  explicit SeedWriter(std::string folder) : folder_(std::move(folder)) {}

  void Add(const std::string& target, const std::string& bytes) {
    if (bytes.size() > kSeedBytesMax) return;
    const std::string folder = absl::StrCat(folder_, "/", target);
    std::filesystem::create_directories(folder);
    std::ofstream file(absl::StrCat(folder, "/seed_", count_[target]++), std::ios::binary);
    file << bytes;
  }

 private:
  const std::string folder_;
  std::map<std::string, int> count_;
};

std::vector<std::filesystem::path> FilesOf(const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(METAREC_GOLDEN_DIR)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

uint32_t BigEndian(const std::string& bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(offset + i));
  return value;
}

// Where the wrapper struct starts.
size_t BodyOffset(const std::string& message) {
  size_t offset = 4;
  if (absl::StartsWith(message, "RDSN")) return 192;
  if (absl::StartsWith(message, "THFT")) {
    offset = BigEndian(message, 4) == 0 ? 48 : 16 + BigEndian(message, 8);
  } else {
    offset += 4 + BigEndian(message, 4);  // the error name
  }
  return offset + 4 + 4 + BigEndian(message, offset + 4) + 4;  // Thrift's message begin
}

void AddBody(const std::string& task_code, bool is_request, const std::string& body,
             SeedWriter* seeds) {
  const auto codecs = is_request ? RequestCodecs() : ResponseCodecs();
  for (size_t i = 0; i < codecs.size(); ++i) {
    if (codecs[i].task_code != task_code) continue;
    seeds->Add(is_request ? "requests" : "responses",
               absl::StrCat(std::string(1, static_cast<char>(i)), body));
  }
}

void AddMessages(SeedWriter* seeds) {
  for (const auto& path : FilesOf(".bin")) {
    const std::string message = ReadWholeFile(path);
    const std::string file_name = path.filename();
    const bool is_request = absl::StrContains(file_name, ".request.");
    AddBody(file_name.substr(0, file_name.find('.')), is_request,
            message.substr(BodyOffset(message)), seeds);
    for (const char way : kWays) {
      const std::string input = std::string(1, way) + message;
      seeds->Add("frames", input);
      if (is_request) seeds->Add("server", input + message);
      if (is_request || !absl::StartsWith(message, "RDSN")) continue;
      // The answers to the first two calls.
      constexpr size_t kId = 24;
      std::string first = message;
      first.replace(kId, 8, std::string("\1\0\0\0\0\0\0\0", 8));
      std::string second = message;
      second.replace(kId, 8, std::string("\2\0\0\0\0\0\0\0", 8));
      seeds->Add("client", std::string(1, way) + second + first);
    }
  }
  for (const std::string target : {"frames", "server"}) {
    seeds->Add(target, "\3GET /metrics?a=b HTTP/1.1\r\nHost: meta\r\n\r\n");
    seeds->Add(target,
               "\3GET / HTTP/1.0\r\n\r\nGET /status.json HTTP/1.1\r\nConnection: close\r\n\r\n");
    seeds->Add(target, "\4POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    seeds->Add(target,
               "\4POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  }
}

void AddNodeLists(SeedWriter* seeds) {
  seeds->Add("node_list", "n1:34801,n2:34801, 10.0.0.3:34801,N1:34801\n");
  seeds->Add("node_list",
             "# the servers\n\nn1:34801\r\n n2:34801 \n;n3:1\n10.0.0.3:34801\nn1:34801\n");
  seeds->Add("node_list", "\xEF\xBB\xBFlocalhost:34801\nlocalhost:34802\n");
  seeds->Add("node_list", "n1\nn2:0\n[::1]:34801\n10.0.0:1\nn1:34801 # comment\n");
}

// Nodes with at most so many tables, and the replicas of these.
Evidence Reduced(Evidence evidence, size_t tables_max) {
  for (NodeEvidence& node : evidence.nodes) {
    node.tables.resize(std::min(node.tables.size(), tables_max), TableRecord());
    std::erase_if(node.replicas, [&](const ReplicaRecord& replica) {
      return std::none_of(
          node.tables.begin(), node.tables.end(),
          [&](const SharedTableRecord& table) { return table->app_id == replica.app_id; });
    });
  }
  return evidence;
}

void AddEvidence(const Evidence& evidence, SeedWriter* seeds) {
  const std::string path = absl::StrCat(ScratchFolder(), "/seed");
  CHECK(WriteEvidenceFile(evidence, path, {.overwrite = true}).ok());
  seeds->Add("evidence_file", ReadWholeFile(path));
  PlanOptions options;
  options.skip_bad_nodes = options.skip_lost_partitions = true;
  const auto plan = MakePlan(evidence, options);
  if (plan.ok()) seeds->Add("plan_file", EncodePlan(*plan));
}

void AddFiles(SeedWriter* seeds) {
  const std::vector<std::string> nodes = {"localhost:34801", "localhost:34802", "localhost:34803"};
  for (const char* folder : {".", "variants/a_one_node_down", "variants/c2_name_conflicts",
                             "variants/m_split_interrupted"}) {
    for (size_t tables = 0; tables <= 3; ++tables) {
      AddEvidence(Reduced(LoadGoldenEvidence(folder, nodes), tables), seeds);
    }
  }
  std::mt19937 random(1);
  for (int i = 0; i < 40; ++i) {
    Evidence evidence = RandomEvidence(random);
    if (i % 2 == 1) Mutate(evidence, random);
    AddEvidence(evidence, seeds);
  }
}

void AddConfigs(SeedWriter* seeds) {
  const std::string stock =
      "; a stock file has many more keys\n[apps.meta]\ntype = meta\nports = 34601\n\n"
      "[meta_server]\nserver_list = 10.0.0.1:34601,meta2:34601 ; two of them\n"
      "cluster_root = /pegasus/onebox\n"
      "distributed_lock_service_parameters = /pegasus/onebox/lock\n"
      "meta_state_service_type = meta_state_service_zookeeper\n"
      "distributed_lock_service_type = distributed_lock_service_zookeeper\n"
      "recover_from_replica_server = false\n\n"
      "[replication]\ncluster_name = onebox\nfd_grace_seconds = 10\n\n"
      "[zookeeper]\nhosts_list = 127.0.0.1:22181\ntimeout_ms = 10000\n";
  seeds->Add("config_ini", stock);
  seeds->Add("config_ini", absl::StrReplaceAll(stock, {{"onebox", "one^#box"}, {" = ", "="}}));
  seeds->Add("config_ini", absl::StrReplaceAll(stock, {{"34601\n", "%{port}\n"}, {"\n", "\r\n"}}));
  seeds->Add("config_ini", stock + "[zookeeper]\n");
  seeds->Add("config_ini", absl::StrReplaceAll(stock, {{"timeout_ms", "hosts_list"}}));
}

void AddArguments(SeedWriter* seeds) {
  for (const char* text :
       {"10.0.0.0/8,127.0.0.1", "10.0.0.1:34801,zk2:2181", "user:pass:word", "digest:user:password",
        "/pegasus/my_cluster", "/pegasus/../x", "10.app_type=pegasus", "3=ignore", "3.1=ignore",
        "3=name:8:3", "help server-info", "it's \"quoted\"\x1b[2J \xc3\xa9", "0.0.0.0/0"}) {
    seeds->Add("arguments", text);
  }
}

// A snapshot in the first eighth, its log in the rest; see FuzzDataDirectory.
void AddDataDirectories(SeedWriter* seeds) {
  using testing::DataDirectoryWriter;
  constexpr char kEighth = 2;  // in sixteenths
  constexpr char kRightChecksums = 16;
  constexpr size_t kSealBytes = 13;
  const Acl ours = {{"digest", "us:x", 31}};
  for (const bool with_snapshot : {true, false}) {
    for (const bool with_digests : {true, false}) {
      DataDirectoryWriter writer;
      writer.with_digests = with_digests;
      std::string snapshot = writer.Snapshot(testing::SnapshotTail::kNothing);
      snapshot.resize(with_snapshot ? snapshot.size() - kSealBytes : 0);
      writer.CreateSession(1, 30000);
      writer.Create("/a", "1");
      writer.CreateWithAcl("/a/\xc3\xa9", "2", ours);
      writer.Create("/e", "", 1);
      writer.CreateTtl("/t", 5);
      writer.CreateContainer("/c");
      writer.SetAcl("/a", ours);
      writer.Fail();
      writer.Multi({{"/m", "1"}, {"/c", std::nullopt}});
      writer.CloseSession(1, with_digests);
      int64_t first_zxid = 0;
      std::string log = writer.TakeLog(&first_zxid);
      if (with_snapshot) log.resize(7 * snapshot.size(), '\0');
      const char choice = static_cast<char>((with_snapshot ? kEighth : 0) | kRightChecksums);
      seeds->Add("data_directory", absl::StrCat(std::string(1, choice), snapshot, log));
    }
  }
}

void AddAppInfos(SeedWriter* seeds) {
  for (const char* replica : {"8.2.pegasus", "8.3.pegasus"}) {
    for (const char* file : {".app-info", ".init-info"}) {
      seeds->Add("app_info", ReadWholeFile(absl::StrCat(METAREC_GOLDEN_DIR, "/disk/replica_folder/",
                                                        replica, "/", file)));
    }
  }
}

void AddTreeFiles(SeedWriter* seeds) {
  const auto at = [](const std::string& path, const std::string& data, int64_t owner = 0) {
    TreeNode node;
    node.path = path;
    node.data = data;
    node.acl = OpenAcl();
    node.stat.ephemeral_owner = owner;
    return node;
  };
  std::vector<TreeNode> nodes = {at("", ""),
                                 at("/a", "1"),
                                 at("/a/\xc3\xa9", "\xff\n"),
                                 at("/a/t", "", OwnerOfTtl(5)),
                                 at("/c", "", OwnerOfContainer()),
                                 at("/e\xff", "me", 0x100000000000001)};
  nodes[0].null_data = true;
  nodes[2].acl = {{"digest", "us:x", 1}, {"ip", "10.0.0.1", 31}};
  for (const bool has_acls : {true, false}) {
    TreeHead head;
    head.source = "zk1:2181";
    head.root = "/pegasus";
    head.has_acls = has_acls;
    for (size_t count = 1; count <= nodes.size(); ++count) {
      const std::string path = absl::StrCat(ScratchFolder(), "/seed_tree");
      auto file = TreeFileWriter::Create(path, head, {.overwrite = true});
      CHECK(file.ok()) << file.status();
      for (size_t i = 0; i < count; ++i) CHECK(file->Append(nodes[i]).ok());
      CHECK(file->Finish().ok());
      seeds->Add("tree_file", ReadWholeFile(path));
    }
  }
}

void AddZnodes(SeedWriter* seeds) {
  std::map<std::string, int> kinds;
  for (const auto& file : GoldenTreeFiles()) {
    for (const auto& [path, data] : ReadGoldenTree(file)) {
      const bool is_app = absl::StrContains(data, "\"app_type\"");
      const bool is_partition = absl::StrContains(data, "\"pid\"");
      if ((!is_app && !is_partition) || kinds[file.filename()]++ > 20) continue;
      seeds->Add("znode_json", (is_app ? std::string(1, '\0') : "\1") + data);
    }
  }
  Journal journal{.plan_digest = kDigest, .tables = 3, .partitions = 8, .tool_version = "1.2.3"};
  seeds->Add("znode_json", "\2" + EncodeJournal(journal));
  journal.finished = true;
  seeds->Add("znode_json", "\2" + EncodeJournal(journal));
}

void AddRoots(SeedWriter* seeds) {
  for (const auto& file : GoldenTreeFiles()) {
    std::map<std::string, std::string> by_root;
    for (const auto& [path, data] : ReadGoldenTree(file)) {
      const std::vector<std::string> parts = absl::StrSplit(path, '/');
      if (parts.size() < 3) continue;
      std::string& lines = by_root[parts[2]];
      const std::string below =
          absl::StrCat(path.substr(std::min(path.size(), parts[1].size() + parts[2].size() + 2)));
      const std::string line = absl::StrCat(below, " ", data, "\n");
      // The beginning of the tree, and later tables.
      if (lines.size() + line.size() < kSeedBytesMax) lines += line;
    }
    for (const auto& [root, lines] : by_root) seeds->Add("root", lines);
  }
  // A run of ours, ended at any transaction.
  for (int64_t died_at = 1; died_at < 60; died_at += 3) {
    RootWorld world([died_at](const testing::StoreCall& call) {
      return call.index < died_at ? std::nullopt
                                  : std::optional<testing::StoreFault>(testing::StoreFault{
                                        .error = StoreError::kSessionExpired, .for_ever = true});
    });
    (void)world.Write(SampleTopology(), kRoot, kDigest);
    std::string lines;
    for (const auto& node : world.Dump()) {
      absl::string_view path = node.path;
      if (absl::ConsumePrefix(&path, kRoot)) absl::StrAppend(&lines, path, " ", node.data, "\n");
    }
    seeds->Add("root", lines);
  }
  seeds->Add("root", " \n/lock \n/lock/LOCKNODE__ \n!/lock/LOCKNODE__/c-1 meta:34601\n");
}

void AddPrograms(SeedWriter* seeds) {
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(static_cast<size_t>(Pick(random, 10, 300)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(Pick(random, 0, 255));
    seeds->Add("recovery", bytes);
  }
}

}  // namespace
}  // namespace metarec::fuzz

int main(int argc, char** argv) {
  using namespace metarec::fuzz;  // NOLINT
  CHECK_EQ(argc, 2) << "usage: make_seeds FOLDER";
  SeedWriter seeds(argv[1]);
  AddMessages(&seeds);
  AddNodeLists(&seeds);
  AddFiles(&seeds);
  AddConfigs(&seeds);
  AddDataDirectories(&seeds);
  AddAppInfos(&seeds);
  AddTreeFiles(&seeds);
  AddArguments(&seeds);
  AddZnodes(&seeds);
  AddRoots(&seeds);
  AddPrograms(&seeds);
  return 0;
}
