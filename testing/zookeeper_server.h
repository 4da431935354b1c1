#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/types.h>

#include "zk_store/client/zookeeper_options.h"

namespace metarec::testing {

struct ZooKeeperServerOptions {
  // Holds data and log, and stays. Empty: a folder of its own below TMPDIR, removed in the end.
  std::string folder;
  // 0: chosen by the kernel.
  uint16_t port = 0;
  // Requests and answers may not be longer; 0: ZooKeeper's own default, 1 MiB.
  size_t jute_max_buffer_bytes = 0;
  // Requests of all clients that the server works on at once, until it lets them wait; 0: 1000.
  int outstanding_max = 0;
  // A million znodes want about 3000.
  int heap_mib = 256;
  // A member of an ensemble whose other two members are not there, so that it only reads.
  bool read_only = false;
  // A member of an ensemble (ZooKeeperEnsemble): which one, from 1, and all members' addresses,
  // "host:<port of the quorum>:<port of the election>".
  int id = 0;
  std::vector<std::string> members;
  // Java's system properties, which configure what the file cannot: "zookeeper.enforceQuota=true".
  std::vector<std::string> properties;
  // ZooKeeper expires sessions in steps of this.
  absl::Duration tick = absl::Milliseconds(200);
  // Clients that ask for a longer one get this.
  absl::Duration session_timeout_max = absl::Minutes(10);
  absl::Duration start_timeout = absl::Seconds(60);
};

// A socket that keeps a port of loopback for the server that will listen there, until it is closed;
// `*port` is chosen by the kernel if it is 0.
absl::StatusOr<int> ReserveLoopbackPort(uint16_t* port);

// A real ZooKeeper server for tests and demos, on loopback: Debian's `zookeeper` jars in a child
// process. Every call blocks until it is done. Not thread-safe; the child dies with the thread that
// started it, which should therefore be the main one.
class ZooKeeperServer {
 public:
  // Returns once it answers. kNotFound if java or the jars are not installed; other errors have the
  // end of the server's log.
  static absl::StatusOr<std::unique_ptr<ZooKeeperServer>> Start(
      ZooKeeperServerOptions options = {});
  // Everything but the process: for members of an ensemble, none of which serves alone.
  static absl::StatusOr<std::unique_ptr<ZooKeeperServer>> Prepare(ZooKeeperServerOptions options);
  ~ZooKeeperServer();
  ZooKeeperServer(const ZooKeeperServer&) = delete;
  ZooKeeperServer& operator=(const ZooKeeperServer&) = delete;

  // "127.0.0.1:<port>"; the same for its whole life.
  std::string hosts() const;
  uint16_t port() const { return port_; }
  const std::string& folder() const { return folder_; }
  bool running() const { return child_ > 0; }

  // OK while the process runs; else how it ended and the end of its log.
  absl::Status CheckRunning();

  // Ends the process, on request or by SIGKILL. Port and data are kept for Restart. Without effect
  // on a server that is not running.
  void Stop();
  void Kill();
  // Starts it again with the same port and data, stopping it first if necessary.
  absl::Status Restart();
  // The two halves of it, for a server that is not running.
  absl::Status Launch();
  absl::Status AwaitServing();
  // "standalone", "leader", "follower" or "read-only"; empty while it does not serve.
  absl::StatusOr<std::string> Mode() const;

  // Ends a session as if its client had been silent for too long. kNotFound if there is none.
  absl::Status ExpireSession(const ZooKeeperSession& session);

  // The process stands still: connections stay open and nothing is answered.
  void Pause();
  void Resume();

  // The command that runs a server with this configuration file: the one place that knows it.
  static std::vector<std::string> CommandLine(const ZooKeeperServerOptions& options,
                                              const std::string& config_path);
  // The text of the configuration file.
  static std::string Configuration(const ZooKeeperServerOptions& options, const std::string& folder,
                                   uint16_t port);

 private:
  explicit ZooKeeperServer(ZooKeeperServerOptions options);

  absl::Status WriteConfiguration();
  bool Reap(bool block);
  std::string LogTail() const;

  const ZooKeeperServerOptions options_;
  std::string folder_;
  uint16_t port_ = 0;
  int reservation_ = -1;  // see ReserveLoopbackPort
  pid_t child_ = 0;       // 0: not running
  int wait_status_ = 0;   // of the last process that ended
};

// Three real ZooKeeper servers with a quorum, on loopback. As ZooKeeperServer: every call blocks,
// not thread-safe, and the servers die with the thread that started them.
class ZooKeeperEnsemble {
 public:
  static constexpr int kServers = 3;

  // Returns once all of them serve.
  static absl::StatusOr<std::unique_ptr<ZooKeeperEnsemble>> Start(
      ZooKeeperServerOptions options = {});
  ~ZooKeeperEnsemble();
  ZooKeeperEnsemble(const ZooKeeperEnsemble&) = delete;
  ZooKeeperEnsemble& operator=(const ZooKeeperEnsemble&) = delete;

  // All three, separated by commas.
  std::string hosts() const;
  ZooKeeperServer& server(int index) { return *servers_[index]; }

  // Which one leads; waits until one does.
  absl::StatusOr<int> AwaitLeader(absl::Duration timeout = absl::Seconds(60));
  // Starts whichever does not run, and waits until all serve.
  absl::Status RestartAll();

 private:
  ZooKeeperEnsemble() = default;

  std::vector<int> reservations_;  // of the ports by which they talk to each other
  std::vector<std::unique_ptr<ZooKeeperServer>> servers_;
};

}  // namespace metarec::testing
