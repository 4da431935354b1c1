#include "testing/zookeeper_server.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"
#include "testing/scratch_folder.h"

namespace metarec::testing {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kStopTimeout = absl::Seconds(5);
constexpr size_t kLogTailBytes = 2000;
constexpr size_t kAnswerBytesMax = 65536;
constexpr size_t kConnectResponseBytes = 41;
constexpr int kExpireAttemptsMax = 100;
constexpr char kJava[] = "/usr/bin/java";
constexpr char kJar[] = "/usr/share/java/zookeeper.jar";

absl::Status Errno(absl::string_view what) {
  return absl::InternalError(absl::StrCat("ZooKeeper server: ", what, ": ", std::strerror(errno)));
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Sends `request` and returns everything that comes back until the server closes the connection.
absl::StatusOr<std::string> Exchange(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno("socket");
  const timeval timeout = {.tv_sec = 2, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  const sockaddr_in address = Loopback(port);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t bytes = 0;
    while (answer.size() < kAnswerBytesMax && (bytes = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<size_t>(bytes));
    }
  }
  close(fd);
  return answer;
}

// Jute, big-endian: a ConnectRequest that takes a session over and the request that closes it.
std::string TakeOverAndClose(const ZooKeeperSession& session) {
  std::string bytes;
  const auto append = [&bytes](uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  append(45, 4);                                 // length
  append(0, 4);                                  // protocol version
  append(0, 8);                                  // last zxid seen
  append(30'000, 4);                             // timeout, ms
  append(static_cast<uint64_t>(session.id), 8);  //
  append(session.password.size(), 4);            // 16
  bytes += session.password;
  append(0, 1);                           // not content with a read-only server
  append(8, 4);                           // length
  append(1, 4);                           // xid
  append(static_cast<uint32_t>(-11), 4);  // closeSession
  return bytes;
}

// In the child, between fork and exec: only what is async-signal-safe.
[[noreturn]] void Execute(char* const* arguments, const char* log_path, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before we asked to be told
  const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0) _exit(127);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_range(3, ~0u, 0);
  execv(arguments[0], arguments);
  _exit(127);
}

}  // namespace

std::vector<std::string> ZooKeeperServer::CommandLine(const ZooKeeperServerOptions& options,
                                                      const std::string& config_path) {
  std::vector<std::string> command = {
      kJava,
      // It is to start fast, not to run fast: 0.4 s instead of 1.2 s on a small machine.
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      "-Xshare:auto",
      "-XX:-UsePerfData",
      absl::StrCat("-Xmx", options.heap_mib, "m"),
      "-Djava.net.preferIPv4Stack=true",
      "-Dzookeeper.jmx.log4j.disable=true",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      absl::StrCat("-Dreadonlymode.enabled=", options.read_only ? "true" : "false"),
  };
  if (options.jute_max_buffer_bytes > 0) {
    command.push_back(absl::StrCat("-Djute.maxbuffer=", options.jute_max_buffer_bytes));
  }
  if (options.outstanding_max > 0) {
    command.push_back(absl::StrCat("-Dzookeeper.globalOutstandingLimit=", options.outstanding_max));
  }
  for (const std::string& property : options.properties) {
    command.push_back(absl::StrCat("-D", property));
  }
  // The jar's manifest names all others that it needs.
  command.insert(command.end(), {"-cp", absl::StrCat(kJar, ":/usr/share/java/slf4j-simple.jar"),
                                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", config_path});
  return command;
}

std::string ZooKeeperServer::Configuration(const ZooKeeperServerOptions& options,
                                           const std::string& folder, uint16_t port) {
  std::string text =
      absl::StrCat("clientPort=", port, "\nclientPortAddress=127.0.0.1\ndataDir=", folder, "/data",
                   "\ntickTime=", absl::ToInt64Milliseconds(options.tick),
                   "\nminSessionTimeout=100\nmaxSessionTimeout=",
                   absl::ToInt64Milliseconds(options.session_timeout_max), "\nmaxClientCnxns=0",
                   "\nadmin.enableServer=false\n4lw.commands.whitelist=*",
                   // A killed process loses nothing by this, only a killed machine would.
                   "\nforceSync=no\npreAllocSize=1024\n");
  if (options.read_only) {
    // The other members' addresses are such that nobody listens there. Sessions must be local
    // ones, since global ones need a quorum.
    absl::StrAppend(&text, "localSessionsEnabled=true\ninitLimit=10\nsyncLimit=5\n",
                    "server.1=127.0.0.1:1:0\nserver.2=127.0.0.1:3:4\nserver.3=127.0.0.1:5:6\n");
  }
  for (size_t i = 0; i < options.members.size(); ++i) {
    if (i == 0) absl::StrAppend(&text, "initLimit=50\nsyncLimit=25\n");
    absl::StrAppend(&text, "server.", i + 1, "=", options.members[i], "\n");
  }
  return text;
}

ZooKeeperServer::ZooKeeperServer(ZooKeeperServerOptions options) : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<ZooKeeperServer>> ZooKeeperServer::Start(
    ZooKeeperServerOptions options) {
  METAREC_ASSIGN_OR_RETURN(auto server, Prepare(std::move(options)));
  METAREC_RETURN_IF_ERROR(server->Restart());
  return server;
}

absl::StatusOr<std::unique_ptr<ZooKeeperServer>> ZooKeeperServer::Prepare(
    ZooKeeperServerOptions options) {
  for (const char* needed : {kJava, kJar}) {
    if (access(needed, R_OK) != 0) {
      return absl::NotFoundError(absl::StrCat(needed,
                                              " is missing; install Debian's packages zookeeper, "
                                              "libzookeeper-java and default-jre-headless"));
    }
  }
  std::unique_ptr<ZooKeeperServer> server(new ZooKeeperServer(std::move(options)));
  server->port_ = server->options_.port;
  METAREC_ASSIGN_OR_RETURN(server->reservation_, ReserveLoopbackPort(&server->port_));
  METAREC_RETURN_IF_ERROR(server->WriteConfiguration());
  return server;
}

ZooKeeperServer::~ZooKeeperServer() {
  Kill();
  if (reservation_ >= 0) close(reservation_);
  if (!options_.folder.empty() || folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ZooKeeperServer::hosts() const { return absl::StrCat("127.0.0.1:", port_); }

// Sockets that are bound with SO_REUSEADDR may share a port as long as none but one of them
// listens. So this one keeps the port for the server while that is down: the kernel gives it to
// nobody else, in particular not as the local port of a client that is connecting to it.
absl::StatusOr<int> ReserveLoopbackPort(uint16_t* port) {
  const int reservation = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (reservation < 0) return Errno("socket");
  const int on = 1;
  setsockopt(reservation, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = Loopback(*port);
  socklen_t length = sizeof(address);
  if (bind(reservation, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      getsockname(reservation, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    absl::Status error = Errno(absl::StrCat("bind to port ", *port));
    close(reservation);
    return error;
  }
  *port = ntohs(address.sin_port);
  return reservation;
}

absl::Status ZooKeeperServer::WriteConfiguration() {
  folder_ = options_.folder;
  if (folder_.empty()) {
    METAREC_ASSIGN_OR_RETURN(folder_, MakeTemporaryFolder("metarec-zookeeper"));
  }
  std::error_code error;
  std::filesystem::create_directories(folder_ + "/data", error);
  if (error) return absl::InternalError(absl::StrCat(folder_, ": ", error.message()));
  std::ofstream(folder_ + "/zoo.cfg") << Configuration(options_, folder_, port_);
  const int id = options_.read_only ? 1 : options_.id;
  if (id > 0) std::ofstream(folder_ + "/data/myid") << id << "\n";
  return absl::OkStatus();
}

absl::Status ZooKeeperServer::Launch() {
  std::vector<std::string> command = CommandLine(options_, folder_ + "/zoo.cfg");
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const std::string log_path = folder_ + "/server.log";
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return Errno("fork");
  if (child == 0) Execute(arguments.data(), log_path.c_str(), parent);
  child_ = child;
  return absl::OkStatus();
}

absl::Status ZooKeeperServer::Restart() {
  Stop();
  METAREC_RETURN_IF_ERROR(Launch());
  absl::Status serving = AwaitServing();
  if (!serving.ok()) Kill();
  return serving;
}

absl::Status ZooKeeperServer::AwaitServing() {
  const absl::Time deadline = absl::Now() + options_.start_timeout;
  while (absl::Now() < deadline) {
    if (Reap(false)) {
      return absl::InternalError(
          absl::StrCat("the ZooKeeper server ended at once; its log ends with:\n", LogTail()));
    }
    METAREC_ASSIGN_OR_RETURN(const std::string mode, Mode());
    if (options_.read_only ? mode == "read-only" : !mode.empty()) return absl::OkStatus();
    absl::SleepFor(kPollInterval);
  }
  return absl::DeadlineExceededError(absl::StrCat("the ZooKeeper server does not serve after ",
                                                  absl::FormatDuration(options_.start_timeout),
                                                  "; its log ends with:\n", LogTail()));
}

absl::StatusOr<std::string> ZooKeeperServer::Mode() const {
  constexpr char kMode[] = "Mode: ";
  METAREC_ASSIGN_OR_RETURN(const std::string answer, Exchange(port_, "srvr"));
  const size_t at = absl::string_view(answer).find(kMode);
  if (at == absl::string_view::npos) return "";
  const std::string rest = answer.substr(at + sizeof(kMode) - 1);
  return rest.substr(0, rest.find('\n'));
}

bool ZooKeeperServer::Reap(bool block) {
  if (child_ == 0) return true;
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(child_, &status, block ? 0 : WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == 0) return false;
  child_ = 0;
  wait_status_ = status;
  return true;
}

absl::Status ZooKeeperServer::CheckRunning() {
  if (!Reap(false)) return absl::OkStatus();
  const std::string how = WIFSIGNALED(wait_status_)
                              ? absl::StrCat("was ended by signal ", WTERMSIG(wait_status_))
                              : absl::StrCat("ended with exit code ", WEXITSTATUS(wait_status_));
  return absl::UnavailableError(
      absl::StrCat("the ZooKeeper server ", how, "; its log ends with:\n", LogTail()));
}

void ZooKeeperServer::Stop() {
  if (child_ == 0) return;
  Resume();
  kill(child_, SIGTERM);
  const absl::Time deadline = absl::Now() + kStopTimeout;
  while (absl::Now() < deadline) {
    if (Reap(false)) return;
    absl::SleepFor(kPollInterval);
  }
  Kill();
}

void ZooKeeperServer::Kill() {
  if (child_ == 0) return;
  kill(child_, SIGKILL);
  Reap(true);
}

absl::Status ZooKeeperServer::ExpireSession(const ZooKeeperSession& session) {
  const std::string request = TakeOverAndClose(session);
  // The owner, whose connection the server drops, may be so quick to reconnect that it takes the
  // session back before it is closed.
  for (int attempt = 0; attempt < kExpireAttemptsMax; ++attempt) {
    METAREC_ASSIGN_OR_RETURN(const std::string answer, Exchange(port_, request));
    if (answer.size() > kConnectResponseBytes) return absl::OkStatus();  // closeSession is answered
    // The third field is the timeout: 0 for a session that is no more.
    if (answer.size() == kConnectResponseBytes && answer.substr(8, 4) == std::string(4, '\0')) {
      return attempt > 0 ? absl::OkStatus()
                         : absl::NotFoundError("the ZooKeeper server does not know the session");
    }
  }
  return absl::UnavailableError("the session's owner is always quicker");
}

void ZooKeeperServer::Pause() {
  if (child_ == 0) return;
  kill(child_, SIGSTOP);
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(child_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

void ZooKeeperServer::Resume() {
  if (child_ > 0) kill(child_, SIGCONT);
}

std::string ZooKeeperServer::LogTail() const {
  std::ifstream file(folder_ + "/server.log");
  std::stringstream text;
  text << file.rdbuf();
  std::string log = text.str();
  if (log.size() > kLogTailBytes) log.erase(0, log.size() - kLogTailBytes);
  return log;
}

namespace {

constexpr absl::Duration kEnsemblePollInterval = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<std::unique_ptr<ZooKeeperEnsemble>> ZooKeeperEnsemble::Start(
    ZooKeeperServerOptions options) {
  std::unique_ptr<ZooKeeperEnsemble> ensemble(new ZooKeeperEnsemble);
  for (int id = 1; id <= kServers; ++id) {
    uint16_t ports[2] = {0, 0};  // of the quorum, of the election
    for (uint16_t& port : ports) {
      METAREC_ASSIGN_OR_RETURN(const int reservation, ReserveLoopbackPort(&port));
      ensemble->reservations_.push_back(reservation);
    }
    options.members.push_back(absl::StrCat("127.0.0.1:", ports[0], ":", ports[1]));
  }
  for (int id = 1; id <= kServers; ++id) {
    options.id = id;
    METAREC_ASSIGN_OR_RETURN(auto server, ZooKeeperServer::Prepare(options));
    ensemble->servers_.push_back(std::move(server));
  }
  METAREC_RETURN_IF_ERROR(ensemble->RestartAll());
  return ensemble;
}

ZooKeeperEnsemble::~ZooKeeperEnsemble() {
  servers_.clear();
  for (const int reservation : reservations_) close(reservation);
}

std::string ZooKeeperEnsemble::hosts() const {
  return absl::StrJoin(servers_, ",",
                       [](std::string* out, const auto& server) { *out += server->hosts(); });
}

absl::Status ZooKeeperEnsemble::RestartAll() {
  for (const auto& server : servers_) {
    if (!server->running()) METAREC_RETURN_IF_ERROR(server->Launch());
  }
  for (const auto& server : servers_) METAREC_RETURN_IF_ERROR(server->AwaitServing());
  return absl::OkStatus();
}

absl::StatusOr<int> ZooKeeperEnsemble::AwaitLeader(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    for (int i = 0; i < kServers; ++i) {
      if (!servers_[i]->running()) continue;
      METAREC_ASSIGN_OR_RETURN(const std::string mode, servers_[i]->Mode());
      if (mode == "leader") return i;
    }
    absl::SleepFor(kEnsemblePollInterval);
  }
  return absl::DeadlineExceededError("no server of the ensemble leads");
}

}  // namespace metarec::testing
