#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "tools/process/command.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/root_inspection.h"

namespace metarec::tools {

// What is said of the options with which one gets into any ZooKeeper.
inline constexpr char kAuthFileHelp[] =
    "file with one line user:password for ZooKeeper's digest authentication";
inline constexpr char kZkTimeoutHelp[] = "seconds to wait for a connection";

// `seconds` as a duration; kInvalidArgument, with the option's name, if nobody can mean it.
absl::StatusOr<absl::Duration> ZkTimeout(absl::string_view option, double seconds);

// kInvalidArgument if the creator's ACL is chosen without credentials.
absl::Status CheckCreatorAcl(absl::string_view acl_option, absl::string_view auth_file_option,
                             absl::string_view auth_file);

// Reads the credentials, if `auth_file` is not empty, and opens a session. Prints warnings on
// stderr.
asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> OpenZooKeeper(ZooKeeperOptions options,
                                                                          std::string auth_file,
                                                                          Clock* clock);

// STORE: a cluster's root in ZooKeeper, and how to get in: --zk, --root, --zk_auth_file, ... A verb
// with two roots has two of these, and one of them has a prefix: with "to_" its options are
// --to_zk, --to_root, --to_zk_auth_file, ... (A tree of any kind is a SIDE: side_arguments.h.)
class StoreArguments {
 public:
  enum class Access { kRead, kWrite };

  explicit StoreArguments(Access access, std::string prefix = "")
      : access_(access), prefix_(std::move(prefix)) {}

  enum class Need {
    kAlways,
    kInsteadOfMeta,  // or the meta servers are asked
  };

  void AddTo(Command& verb, Need need = Need::kAlways);

  // OK, or what is wrong with them, with the option's name.
  absl::Status Check() const;

  // The name of an option of these that was given; "" if none was.
  std::string given_option() const;
  // Where it really is: under the path behind the servers (chroot), if there is one.
  std::string root() const { return Under(root_); }
  // Where to look for a living meta server before writing.
  RootInspectionOptions inspection() const { return {.lock_root = Under(lock_root_)}; }
  // What to do next, once the tree is written there.
  std::string HowToStart() const;

  // Reads the credentials and opens a session.
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Open(Clock* clock) const;

 private:
  std::string Under(absl::string_view path) const;
  // "--to_zk" for "zk".
  std::string Option(absl::string_view name) const;
  CommandOption Add(Command& verb, absl::string_view name, std::string* value,
                    const char* description);
  absl::StatusOr<ZooKeeperOptions> ToOptions() const;

  const Access access_;
  const std::string prefix_;
  std::vector<CommandOption> options_;
  std::string hosts_;
  std::string root_;
  std::string auth_file_;
  std::string acl_ = "open";
  std::string lock_root_;
  double timeout_seconds_ = 15;
};

}  // namespace metarec::tools
