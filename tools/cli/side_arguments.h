// SIDE: a tree of any kind, and how to get at it. A verb with two of them has FROM and TO.

#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "tools/cli/offline_arguments.h"
#include "tools/process/command.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec::tools {

// Where a side is.
struct SidePlace {
  // Of ZooKeeper: the servers, and the tree's path there, "/" for all. Empty of a file.
  std::vector<ZooKeeperHost> hosts;
  std::string path;
  // Of a file or a folder: its path on this machine. Empty of ZooKeeper.
  std::string file;

  bool is_file() const { return !file.empty(); }
  std::string ToText() const;  // as it can be typed
};

// "zk1:2181,zk2:2181/pegasus" is in ZooKeeper; slashes behind that path mean nothing. What begins
// with "/", "./", "../" or "file:", or is the name of something that is there, is a file or a
// folder. kInvalidArgument for anything else, with what was probably meant.
absl::StatusOr<SidePlace> ParseSide(absl::string_view text);

// The type of the argument, by which others know that it may be a file.
inline constexpr char kSideType[] = "SIDE";

// One positional argument, and the options for its credentials. Not thread-safe.
class SideArguments {
 public:
  enum class Access {
    kRead,
    kChange,  // of znodes that are there
    kCreate,  // of new ones: with an option for their ACL
  };
  // Of what is created.
  enum class AclChoice { kKeep, kOpen, kCreator };

  // `name` is the argument's, and its options begin with it: "from" has --from_auth_file,
  // --from_timeout and, if it is only read, --from_path and --from_at. A verb's only side is "side"
  // and has --zk_auth_file and --zk_timeout, as other verbs have, --path and --at.
  explicit SideArguments(Access access, std::string name = "side")
      : access_(access), name_(std::move(name)) {}

  // What help says of the option --path; before AddSides.
  void set_path_help(const char* help) { path_help_ = help; }

  // What help says of the argument itself, if it is no tree to be read or written; before AddSides.
  void set_place_help(const char* help) { place_help_ = help; }

  // To be called by AddSides.
  void AddTo(Command& verb);

  // OK, or what is wrong with them, with the argument's or the option's name.
  absl::Status Check() const;

  // Once they are checked.
  const std::string& name() const { return name_; }
  Access access() const { return access_; }
  SidePlace place() const;
  // The part of the side that is meant, of one that is only read: "/a/b" below it, or "" for all.
  std::string path() const;
  AclChoice acl() const;
  // Of a data directory.
  DataDirectoryOptions data_directory() const { return offline_.ToOptions(); }
  const OfflineArguments& offline() const { return offline_; }

  // Reads the credentials and opens a session. kInvalidArgument if the side is a file.
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Open(Clock* clock) const;

 private:
  std::string Option(absl::string_view name) const;  // "--from_timeout" for "timeout"
  std::string PathOption() const;
  absl::Status CheckBelow() const;
  absl::Status CheckMayCreate(const SidePlace& place) const;
  absl::StatusOr<ZooKeeperOptions> ToOptions(const SidePlace& place) const;

  const Access access_;
  const std::string name_;
  std::vector<CommandOption> options_;
  std::string text_;
  std::string path_;
  const char* path_help_ = "the znode below the side that is meant, with all below it";
  const char* place_help_ = nullptr;
  OfflineArguments offline_;
  std::string auth_file_;
  std::string acl_ = "keep";
  double timeout_seconds_ = 15;
};

// kInvalidArgument if `file`, an argument that names a tree file, is a tree in ZooKeeper instead:
// `what_then` says what to do.
absl::Status CheckIsNoSide(absl::string_view file, absl::string_view what_then);

// Declares a verb's sides in the order in which they are typed, and what a side is.
void AddSides(Command& verb, std::initializer_list<SideArguments*> sides);

// kInvalidArgument if one of two places in ZooKeeper lies in the other, or is it, as far as their
// texts tell: one ensemble can go by several names. For verbs that change one of them. (That a verb
// has one file twice, CheckFileOptions finds out.)
absl::Status CheckApart(const SideArguments& a, const SideArguments& b);

}  // namespace metarec::tools
