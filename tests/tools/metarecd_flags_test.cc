#include "tools/metarecd/metarecd_flags.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Flags = std::vector<std::pair<std::string, std::string>>;

constexpr char kConfig[] =
    "[apps.meta]\n  ports = 34601\n[meta_server]\n  server_list = meta1:34601,meta2:34602\n"
    "  cluster_root = /pegasus/onebox\n  distributed_lock_service_parameters = /pegasus/lock\n"
    "  meta_state_service_type = meta_state_service_zookeeper\n"
    "  distributed_lock_service_type = distributed_lock_service_zookeeper\n"
    "  recover_from_replica_server = false\n[zookeeper]\n  hosts_list = 127.0.0.1:1\n";

class MetarecdFlagsTest : public ::testing::Test {
 protected:
  MetarecdFlagsTest() { folder_.Write("config.ini", kConfig); }

  // Of these flags, all others being as at the start.
  static absl::StatusOr<MetarecdOptions> OptionsOf(const Flags& flags) {
    const gflags::FlagSaver saver;
    for (const auto& [name, value] : flags) {
      EXPECT_NE(gflags::SetCommandLineOption(name.c_str(), value.c_str()), "") << name;
    }
    return OptionsFromFlags();
  }
  static std::string ErrorOf(const Flags& flags) {
    return std::string(OptionsOf(flags).status().message());
  }

  // The real program, which must end by itself.
  Ended Run(const std::vector<std::string>& arguments) {
    auto process = StartProgram(arguments, folder_.Path("ended"), "metarecd");
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return {};
    const int exit_code = (*process)->Wait(absl::Seconds(60));
    return {exit_code, (*process)->Output(), (*process)->Errors()};
  }

  const ScratchFolder folder_;
  const std::string config_ = folder_.Path("config.ini");
};

TEST_F(MetarecdFlagsTest, EveryFlagIsInTheHelpPageAndInTheDocuments) {
  std::ifstream file(METAREC_TESTS_DIR "/../docs/service.md");
  const std::string document((std::istreambuf_iterator<char>(file)),
                             std::istreambuf_iterator<char>());
  const std::vector<std::string> names = MetarecdFlagNames();
  EXPECT_THAT(names, Contains("pegasus_config"));
  for (const std::string& name : names) {
    EXPECT_THAT(MetarecdHelp(), HasSubstr(absl::StrCat("\n  --", name, " ")));
    EXPECT_THAT(document, HasSubstr(absl::StrCat("| `--", name, " ")));
  }
  const std::vector<std::string> lines = absl::StrSplit(MetarecdHelp(), '\n');
  EXPECT_THAT(lines, Each(SizeIs(Le(100u))));
}

TEST_F(MetarecdFlagsTest, TheFileAloneIsEnough) {
  const auto options = OptionsOf({{"pegasus_config", config_}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server.listen, (Ipv4Endpoint{.ip = 0, .port = 34601}));
  EXPECT_EQ(options->server.http_listen, std::nullopt);
  EXPECT_EQ(options->server.own_name, "meta1:34601");
  EXPECT_FALSE(options->server.recover);
  EXPECT_EQ(options->server.lock_root, "/pegasus/lock");
  EXPECT_EQ(options->server.service.recovery.root, "/pegasus/onebox");
  EXPECT_EQ(options->server.service.default_wait, absl::Seconds(100));
  EXPECT_EQ(options->zookeeper.hosts, "127.0.0.1:1");
  EXPECT_FALSE(options->zookeeper.auth.has_value());
  EXPECT_THAT(options->warnings, ElementsAre(HasSubstr("restrict that with --operators")));
}

TEST_F(MetarecdFlagsTest, FlagsCountMoreThanTheFile) {
  folder_.Write("auth", "metarec:secret\n");
  const auto options = OptionsOf({{"pegasus_config", config_},
                                  {"zk", "zk1:2181"},
                                  {"zk_timeout", "1.5"},
                                  {"zk_auth_file", folder_.Path("auth")},
                                  {"root", "/pegasus/recovered"},
                                  {"lock_root", "/pegasus/recovered"},
                                  {"recover_from_replica_server", "true"},
                                  {"port", "34602"},
                                  {"http_port", "8080"},
                                  {"listen", "127.0.0.1"},
                                  {"cluster_name", "onebox"},
                                  {"operators", "127.0.0.1"},
                                  {"node_timeout", "7"},
                                  {"wait_seconds_default", "300"},
                                  {"membership", "warm"},
                                  {"rename_separator", "_"},
                                  {"settle", "3.app_type=pegasus\n7=ignore"},
                                  {"max_app_id", "7"},
                                  {"max_id_gap", "20"},
                                  {"skip_bad_nodes", "rs2:34801,rs3:34801"},
                                  {"skip_lost_partitions", "3,4.2"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->zookeeper.hosts, "zk1:2181");
  EXPECT_EQ(options->zookeeper.session_timeout, absl::Seconds(1.5));
  ASSERT_TRUE(options->zookeeper.auth.has_value());
  EXPECT_EQ(options->zookeeper.auth->credentials, "metarec:secret");
  EXPECT_EQ(options->server.session_timeout, absl::Seconds(1.5));
  EXPECT_EQ(options->server.lock_root, "/pegasus/recovered");
  EXPECT_TRUE(options->server.recover);
  EXPECT_EQ(options->server.listen, (Ipv4Endpoint{.ip = 0x7F000001, .port = 34602}));
  EXPECT_EQ(options->server.http_listen, (Ipv4Endpoint{.ip = 0x7F000001, .port = 8080}));
  EXPECT_EQ(options->server.own_name, "meta2:34602");
  const RecoveryServiceOptions& service = options->server.service;
  EXPECT_EQ(service.recovery.root, "/pegasus/recovered");
  EXPECT_EQ(service.recovery.collector.node_timeout, absl::Seconds(7));
  EXPECT_EQ(service.default_wait, absl::Seconds(300));
  EXPECT_EQ(service.recovery.plan.membership, Membership::kWarm);
  EXPECT_EQ(service.recovery.plan.rename_separator, "_");
  EXPECT_EQ(service.recovery.plan.settlements,
            (std::map<std::string, std::string>{{"3.app_type", "pegasus"}, {"7", "ignore"}}));
  EXPECT_EQ(service.recovery.plan.max_app_id, 7);
  EXPECT_EQ(service.recovery.plan.max_id_gap, 20);
  EXPECT_THAT(service.recovery.plan.bad_nodes_skipped, ElementsAre("rs2:34801", "rs3:34801"));
  EXPECT_THAT(service.recovery.plan.lost_partitions_skipped, ElementsAre("3", "4.2"));
  EXPECT_FALSE(service.recovery.plan.skip_bad_nodes);
  EXPECT_FALSE(service.recovery.plan.skip_lost_partitions);
  EXPECT_EQ(service.cluster.name, "onebox");
  EXPECT_FALSE(service.operators.allows_everyone());
}

TEST_F(MetarecdFlagsTest, ThreeFlagsAreEnoughWithoutAFile) {
  const auto options =
      OptionsOf({{"zk", "zk1:2181"}, {"root", "/pegasus/r"}, {"own_name", "meta1:34601"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server.listen.port, 34601);
  EXPECT_EQ(options->server.lock_root, "/pegasus/r/lock");
  EXPECT_TRUE(options->server.recover);
  EXPECT_THAT(options->server.service.cluster.meta_servers, ElementsAre("meta1:34601"));
  EXPECT_EQ(options->zookeeper.session_timeout, absl::Seconds(30));
  EXPECT_EQ(ErrorOf({{"root", "/pegasus/r"}}),
            "--pegasus_config FILE is missing; or, to do without a file, --zk HOST:PORT,... and "
            "--own_name HOST:PORT");
}

TEST_F(MetarecdFlagsTest, WrongValuesAreNamedByTheirFlag) {
  const struct {
    const char* flag;
    const char* value;
    const char* message;
  } kCases[] = {
      {"port", "-1", "--port is -1; it must be from 1 to 65535"},
      {"port", "1", "Say it with --own_name HOST:PORT"},
      {"http_port", "70000", "--http_port is 70000"},
      {"zk", "zk1", "--zk is 'zk1': "},
      {"zk_timeout", "-2", "--zk_timeout is -2; it must be above 0"},
      {"root", "r", "--root is 'r': "},
      {"lock_root", "/", "--lock_root is '/': "},
      {"recover_from_replica_server", "yes", "--recover_from_replica_server is 'yes'; it must be"},
      {"server_list", "meta1", "--server_list is 'meta1': "},
      {"own_name", "meta1", "--own_name: "},
      {"listen", "localhost", "--listen: 'localhost'"},
      {"operators", "10.0.0.0/33", "--operators: "},
      {"node_timeout", "-1", "--node_timeout is -1; it must be above 0"},
      {"node_name", "10.0.0.1:34801", "--node_name 10.0.0.1:34801: expected ADDRESS=NAME"},
      {"node_name", "10.0.0.1:34801=rs1:34801,10.0.0.2:34801=rs2:34802",
       "--node_name 10.0.0.2:34801=rs2:34802: the name rs2:34802 has the port 34802"},
      {"wait_seconds_default", "1e9", "--wait_seconds_default is 1e+09; it must be above 0 and at"},
      {"membership", "hot", "--membership is neither warm nor cold"},
      {"rename_separator", "", "--rename_separator: "},
      {"settle", "3.app_type", "--settle 3.app_type: expected KEY=VALUE"},
      {"settle", "x=y", "--settle: cannot settle 'x=y': the key must be"},
      {"max_app_id", "0", "--max_app_id is 0: must be from 1"},
      {"max_id_gap", "-1", "--max_id_gap is -1: must be from 0"},
      {"skip_bad_nodes", "rs1:34801,,rs2:34801", "--skip_bad_nodes: 'rs1:34801,,rs2:34801' names"},
      {"skip_bad_nodes", "true", "--skip_bad_nodes: 'true'"},
      {"skip_lost_partitions", "3,temp", "--skip_lost_partitions=temp: neither a table's id"},
      {"skip_lost_partitions", "3,", "'3,' names nothing before or behind a comma"},
      {"zk_auth_file", "/nowhere", "/nowhere: No such file"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(ErrorOf({{"pegasus_config", config_}, {test.flag, test.value}}),
                HasSubstr(test.message));
  }
}

TEST_F(MetarecdFlagsTest, NamesOfReplicaServersCanBeGivenAsInTheCommandLine) {
  const auto options =
      OptionsOf({{"pegasus_config", config_},
                 {"node_name", "10.0.0.1:34801=rs1:34801,10.0.0.2:34801=rs2:34801"}});
  ASSERT_TRUE(options.ok()) << options.status();
  const NodeNames& names = options->server.service.recovery.collector.node_names;
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names.begin()->first.ToString(), "10.0.0.1:34801");
  EXPECT_EQ(names.begin()->second, "rs1:34801");
}

TEST_F(MetarecdFlagsTest, HelpAndVersionGoToStdout) {
  for (const char* help : {"--help", "-h"}) {
    const Ended ended = Run({"--port", "1", help});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.out, MetarecdHelp());
    EXPECT_EQ(ended.err, "");
  }
  const Ended version = Run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, MatchesRegex("metarecd [0-9.]+ \\(commit .+\\)\n"));
}

TEST_F(MetarecdFlagsTest, WrongUsageIsOneLineOnStderr) {
  const struct {
    std::vector<std::string> arguments;
    const char* message;
  } kCases[] = {
      {{"--prot", "1"},
       "metarecd: there is no flag --prot (did you mean --port?); metarecd --help tells more\n"},
      {{"--xyzzy", "1"}, "metarecd: there is no flag --xyzzy; metarecd --help tells more\n"},
      {{"--port"}, "metarecd: --port has no value; metarecd --help tells more\n"},
      {{"--settle"}, "metarecd: --settle has no value; metarecd --help tells more\n"},
      {{"--zk=zk1:1", "--root=/r", "--own_name=m:1", "--settle", "3=ignore", "--settle=3=x:1:1"},
       "metarecd: --settle 3 is given twice with different values\n"},
      {{"config.ini"}, "metarecd: 'config.ini' belongs to no flag; metarecd --help tells more\n"},
      {{"--logtostderr", "false"}, "metarecd: 'false' belongs to no flag;"},
      {{"--port=many"}, "ERROR: illegal value 'many' specified for int32 flag 'port'\n"},
      {{"--pegasus-config=/nowhere"}, "metarecd: cannot open /nowhere: No such file"},
      {{}, "metarecd: --pegasus_config FILE is missing"},
  };
  for (const auto& test : kCases) {
    const Ended ended = Run(test.arguments);
    EXPECT_EQ(ended.exit_code, 1) << test.message;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, StartsWith(test.message));
    EXPECT_THAT(std::vector<std::string>(absl::StrSplit(ended.err, '\n')),
                ElementsAre(SizeIs(::testing::Gt(0u)), IsEmpty()));
  }
}

// What comes back on a connection until it ends.
std::string Fetch(uint16_t port) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  asio::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  if (error) return "no connection: " + error.message();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  asio::write(socket, asio::buffer(request), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  return answer;
}

TEST_F(MetarecdFlagsTest, ThePagesMayHaveAPortOfTheirOwn) {
  const std::string http_port = absl::StrCat(FreePort());
  const std::vector<std::string> common = {"--zk",     "127.0.0.1:1", "--root",      "/r",
                                           "--listen", "127.0.0.1",   "--http_port", http_port};
  const auto with_name = [&common](uint16_t port) {
    std::vector<std::string> arguments = common;
    arguments.insert(arguments.end(), {"--own_name", absl::StrCat("127.0.0.1:", port)});
    return arguments;
  };
  Metarecd metarecd;
  metarecd.port = FreePort();
  auto process = StartProgram(with_name(metarecd.port), folder_.Path("metarecd"), "metarecd");
  ASSERT_TRUE(process.ok()) << process.status();
  metarecd.process = *std::move(process);
  ASSERT_TRUE(metarecd.AwaitLog("status pages on 127.0.0.1:" + http_port));
  EXPECT_THAT(Fetch(static_cast<uint16_t>(std::stoi(http_port))),
              AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\nok\n")));
  EXPECT_EQ(Fetch(metarecd.port), "");

  const Ended second = Run(with_name(FreePort()));
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("metarecd: cannot listen on 127.0.0.1:" + http_port));
  metarecd.process->Signal(SIGTERM);
  EXPECT_EQ(metarecd.process->Wait(absl::Seconds(60)), 0) << metarecd.process->Errors();
}

TEST_F(MetarecdFlagsTest, AStderrThatNobodyReadsDoesNotKeepItFromServing) {
  const FullPipe pipe(folder_.Path("unread.err"));
  const uint16_t http_port = FreePort();
  auto process =
      StartProgram({"--zk", "127.0.0.1:1", "--root", "/r", "--listen", "127.0.0.1", "--http_port",
                    absl::StrCat(http_port), "--own_name", absl::StrCat("127.0.0.1:", FreePort())},
                   folder_.Path("unread"), "metarecd");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(
      Await([&] { return absl::StartsWith(Fetch(http_port), "HTTP/1.1 200"); }, absl::Seconds(30)));
  (*process)->Signal(SIGTERM);
  EXPECT_EQ((*process)->Wait(absl::Seconds(30)), 0);
}

TEST_F(MetarecdFlagsTest, AnEmptyValueDoesNotCountAsNotGiven) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--operators="}, {"--operators", ""}}) {
    const Ended ended = Run(arguments);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_EQ(ended.err,
              "metarecd: --operators has an empty value; give another one, or leave it out; "
              "metarecd --help tells more\n");
  }
}

}  // namespace
}  // namespace metarec::tools
