#include "tools/cli/store_arguments.h"

#include <iostream>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec::tools {

absl::StatusOr<absl::Duration> ZkTimeout(absl::string_view option, double seconds) {
  if (seconds > 0 && seconds <= 3600) return absl::Seconds(seconds);
  return absl::InvalidArgumentError(
      absl::StrCat(option, " must be above 0 and at most 3600 seconds"));
}

absl::Status CheckCreatorAcl(absl::string_view acl_option, absl::string_view auth_file_option,
                             absl::string_view auth_file) {
  if (!auth_file.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(acl_option, " creator needs ", auth_file_option,
                   ": without credentials nobody could read the tree"));
}

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> OpenZooKeeper(ZooKeeperOptions options,
                                                                          std::string auth_file,
                                                                          Clock* clock) {
  if (!auth_file.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(ZkAuthFile file, ReadZkAuthFile(auth_file));
    if (!file.warning.empty()) std::cerr << "warning: " << file.warning << std::endl;
    options.auth = std::move(file.auth);
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> store,
                              co_await ZooKeeperMetaStore::Connect(std::move(options), clock));
  if (store->session_state() == SessionState::kReadOnly) {
    std::cerr << "warning: the ZooKeeper server has lost its quorum and only reads; what it shows "
                 "may be old"
              << std::endl;
  }
  co_return store;
}

std::string StoreArguments::Option(absl::string_view name) const {
  return absl::StrCat("--", prefix_, name);
}

CommandOption StoreArguments::Add(Command& verb, absl::string_view name, std::string* value,
                                  const char* description) {
  CommandOption option = verb.Add(Option(name), value, description);
  option.Group(prefix_.empty() ? "STORE" : absl::StrCat("STORE, --", prefix_, "..."));
  options_.push_back(option);
  return option;
}

void StoreArguments::AddTo(Command& verb, Need need) {
  CommandOption hosts =
      Add(verb, "zk", &hosts_,
          "ZooKeeper servers; behind the last one, the path under which all others lie (chroot), "
          "if there is one");
  hosts.TypeName("HOST:PORT,...[/PATH]");
  CommandOption root =
      Add(verb, "root", &root_, "the cluster's root, such as /pegasus/onebox (cluster_root)");
  root.TypeName("PATH");
  if (need == Need::kAlways) {
    hosts.Needed();
    root.Needed();
  }
  Add(verb, "zk_auth_file", &auth_file_, kAuthFileHelp).TypeName("FILE");
  if (access_ == Access::kWrite) {
    Add(verb, "zk_acl", &acl_,
        "ACL of what is created: open (as Pegasus does) or creator (only who presents "
        "the same credentials)")
        .TypeName("open|creator")
        .ShowDefault();
    Add(verb, "lock_root", &lock_root_,
        "where the meta servers keep their locks (distributed_lock_service_parameters) "
        "if neither in PATH of --root nor in its lock/")
        .TypeName("PATH");
  }
  const std::string group = options_.front().group();
  options_.push_back(verb.Add(Option("zk_timeout"), &timeout_seconds_, kZkTimeoutHelp)
                         .TypeName("SECONDS")
                         .ShowDefault()
                         .Group(group));
}

std::string StoreArguments::given_option() const {
  for (const CommandOption option : options_) {
    if (option.is_given()) return option.name();
  }
  return "";
}

absl::Status StoreArguments::Check() const {
  if (hosts_.empty() && root_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Option("zk"), " HOST:PORT,... and ", Option("root"), " PATH are missing"));
  }
  if (hosts_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(Option("zk"), " HOST:PORT,... is missing"));
  }
  if (root_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(Option("root"), " PATH is missing"));
  }
  if (const absl::Status root = ValidateRootPath(root_); !root.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(Option("root"), ": ", root.message()));
  }
  if (!lock_root_.empty()) {
    if (const absl::Status lock_root = ValidateRootPath(lock_root_); !lock_root.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Option("lock_root"), ": ", lock_root.message()));
    }
  }
  return ToOptions().status();
}

std::string StoreArguments::Under(absl::string_view path) const {
  const absl::StatusOr<ZooKeeperAddresses> addresses = ParseZooKeeperHosts(hosts_);
  return addresses.ok() ? addresses->Under(path) : std::string(path);
}

std::string StoreArguments::HowToStart() const {
  const absl::StatusOr<ZooKeeperAddresses> addresses = ParseZooKeeperHosts(hosts_);
  const bool has_chroot = addresses.ok() && !addresses->chroot.empty();
  return absl::StrCat(
      "start one meta server with cluster_root = ", root_,
      has_chroot ? absl::StrCat(", ", addresses->chroot, " behind the servers of its hosts_list,")
                 : "",
      " and recover_from_replica_server = false");
}

absl::StatusOr<ZooKeeperOptions> StoreArguments::ToOptions() const {
  ZooKeeperOptions options;
  const absl::StatusOr<ZooKeeperAddresses> addresses = ParseZooKeeperHosts(hosts_);
  if (!addresses.ok()) {
    const absl::Status& wrong = addresses.status();
    return prefix_.empty()
               ? wrong
               : absl::InvalidArgumentError(absl::StrCat(Option("zk"), ": ", wrong.message()));
  }
  options.hosts = addresses->HostsText();
  METAREC_ASSIGN_OR_RETURN(options.connect_timeout,
                           ZkTimeout(Option("zk_timeout"), timeout_seconds_));
  options.accept_read_only = access_ == Access::kRead;
  if (acl_ == "creator") {
    METAREC_RETURN_IF_ERROR(CheckCreatorAcl(Option("zk_acl"), Option("zk_auth_file"), auth_file_));
    options.acl = CreatorOnlyAcl();
  } else if (acl_ != "open") {
    return absl::InvalidArgumentError(
        absl::StrCat(Option("zk_acl"), " ", acl_, ": say open or creator"));
  }
  return options;
}

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> StoreArguments::Open(
    Clock* clock) const {
  METAREC_CO_ASSIGN_OR_RETURN(ZooKeeperOptions options, ToOptions());
  co_return co_await OpenZooKeeper(std::move(options), auth_file_, clock);
}

}  // namespace metarec::tools
