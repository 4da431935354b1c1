// What metarecd says of itself.

#include <cstddef>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gflags/gflags.h>

#include "tools/metarecd/metarecd_flags.h"
#include "tools/process/exit_code.h"
#include "tools/process/version.h"

namespace metarec::tools {
namespace {

struct FlagLine {
  const char* name;
  const char* value;
};

constexpr char kTrueOrFalse[] = "true|false";

// In the order of the help page, in two groups.
constexpr FlagLine kFileFlags[] = {
    {"pegasus_config", "FILE"},
    {"port", "PORT"},
    {"server_list", "HOST:PORT,..."},
    {"zk", "HOST:PORT,...[/PATH]"},
    {"zk_timeout", "SECONDS"},
    {"root", "PATH"},
    {"lock_root", "PATH"},
    {"recover_from_replica_server", kTrueOrFalse},
    {"cluster_name", "NAME"},
};
constexpr FlagLine kOwnFlags[] = {
    {"listen", "ADDRESS"},
    {"http_port", "PORT"},
    {"own_name", "HOST:PORT"},
    {"operators", "NETWORK,..."},
    {"zk_auth_file", "FILE"},
    {"node_timeout", "SECONDS"},
    {"wait_seconds_default", "SECONDS"},
    {"node_name", "IP:PORT=HOST:PORT,..."},
    {"membership", "warm|cold"},
    {"rename_separator", "TEXT"},
    {"settle", "KEY=VALUE"},
    {"old_tree", "SIDE"},
    {"carry", "duplications"},
    {"max_app_id", "ID"},
    {"max_id_gap", "COUNT"},
    {"skip_bad_nodes", "HOST:PORT,..."},
    {"skip_lost_partitions", "ID,..."},
};

constexpr char kFileHeading[] = "IN PLACE OF A KEY OF THE FILE, OR WITHOUT A FILE";
constexpr char kOwnHeading[] = "BEYOND THE FILE";
constexpr char kOtherHeading[] = "OTHERS";

template <size_t kSize>
void AddFlags(const FlagLine (&flags)[kSize], const char* heading, CommandManual* manual) {
  for (const FlagLine& flag : flags) {
    gflags::CommandLineFlagInfo info;
    if (!gflags::GetCommandLineFlagInfo(flag.name, &info)) continue;
    OptionManual option;
    option.names = {absl::StrCat("--", flag.name)};
    option.value = flag.value;
    option.description = info.description;
    option.heading = heading;
    if (info.default_value != "0") option.default_value = info.default_value;
    manual->options.push_back(std::move(option));
  }
}

}  // namespace

CommandManual MetarecdManual() {
  CommandManual manual;
  manual.name = "metarecd";
  manual.summary = "recover a Pegasus cluster's metadata in place of its meta server";
  manual.usages = {"--pegasus_config FILE [FLAGS]",
                   "--zk HOST:PORT,... --root PATH --own_name HOST:PORT [FLAGS]"};
  manual.paragraphs = {
      "Waits, on the meta server's port, for the shell's recover command (or metarec recover "
      "--meta), and writes what it rebuilds into an empty root. Then set "
      "recover_from_replica_server = false, stop metarecd, and start the meta server.",
      "The log goes to stderr. The flags of glog work, too, such as --minloglevel, --log_dir and "
      "--logtostderr=false; metarecd --helpfull lists them.",
      "Under systemd, its flags are in /etc/default/metarecd, and journalctl -u metarecd shows its "
      "log.",
  };
  AddFlags(kFileFlags, kFileHeading, &manual);
  AddFlags(kOwnFlags, kOwnHeading, &manual);
  for (OptionManual& option : manual.options) {
    if (option.value == kTrueOrFalse) option.choices = {"true", "false"};
  }
  manual.options.push_back(
      {.names = {"-h", "--help"}, .description = "print this page", .heading = kOtherHeading});
  manual.options.push_back(
      {.names = {"--version"}, .description = kVersionHelp, .heading = kOtherHeading});
  manual.examples = {
      {"metarecd --pegasus_config onebox/meta1/config.ini --operators 127.0.0.1", ""},
      {"metarecd --pegasus_config /etc/pegasus/config.ini --root /pegasus/recovered "
       "--recover_from_replica_server true",
       ""},
      {"metarecd --zk zk1:2181,zk2:2181 --root /pegasus/recovered --own_name meta1:34601", ""},
  };
  manual.exit_codes = {
      {static_cast<int>(ExitCode::kDone), "told to end (SIGTERM, SIGINT)"},
      {static_cast<int>(ExitCode::kFailed), "failed"},
      {static_cast<int>(ExitCode::kRefused), "the root is not what the flags say"},
  };
  return manual;
}

std::string MetarecdHelp() { return HelpText(MetarecdManual()); }

}  // namespace metarec::tools
