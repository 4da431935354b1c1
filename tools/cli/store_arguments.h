#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/root_inspection.h"

namespace metarec::tools {

// STORE: --zk and --root, and how to get in.
class StoreArguments {
 public:
  enum class Access { kRead, kWrite };
  // Of the options, in help.
  static constexpr char kGroup[] = "STORE";

  explicit StoreArguments(Access access) : access_(access) {}

  void AddTo(CLI::App& verb);

  // What is wrong with them, naming the option.
  absl::Status Check() const;

  const std::string& root() const { return root_; }
  // Where to look for a living meta server before writing.
  RootInspectionOptions inspection() const { return {.lock_root = lock_root_}; }
  // As it is typed: "--zk zk1:2181 --root /pegasus/onebox".
  std::string AsTyped() const;
  // With what only the verbs that write understand.
  std::string AsTypedToWrite() const;

  // Reads the credentials and opens a session.
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Open(Clock* clock) const;

 private:
  absl::StatusOr<ZooKeeperOptions> ToOptions() const;

  const Access access_;
  std::string hosts_;
  std::string root_;
  std::string auth_file_;
  std::string acl_ = "open";
  std::string lock_root_;
  double timeout_seconds_ = 15;
};

}  // namespace metarec::tools
