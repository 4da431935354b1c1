#include "tools/metarecd/metarecd_command_line.h"

#include <iostream>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <gflags/gflags.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/process/exit_code.h"
#include "tools/process/version.h"

namespace metarec::tools {
namespace {

struct FlagLine {
  const char* name;
  const char* value;
};

// In the order of the help page, in two groups.
constexpr FlagLine kFileFlags[] = {
    {"pegasus_config", "FILE"},
    {"port", "PORT"},
    {"server_list", "HOST:PORT,..."},
    {"zk", "HOST:PORT,..."},
    {"zk_timeout", "SECONDS"},
    {"root", "PATH"},
    {"lock_root", "PATH"},
    {"recover_from_replica_server", "true|false"},
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
    {"rename_separator", "TEXT"},
};

constexpr char kHelpBegin[] =
    "Recovers a Pegasus cluster's metadata in place of its meta server: waits, on the meta "
    "server's\n"
    "port, for the shell's recover command (or metarec recover --meta), and writes what it "
    "rebuilds\n"
    "into an empty root. Then set recover_from_replica_server = false, stop metarecd, and start "
    "the\n"
    "meta server.\n"
    "Usage: metarecd --pegasus_config FILE [FLAGS]\n"
    "       metarecd --zk HOST:PORT,... --root PATH --own_name HOST:PORT [FLAGS]\n";

constexpr char kHelpEnd[] =
    "\n"
    "Other flags:\n"
    "  --help, --version\n"
    "  --minloglevel, --log_dir, --logtostderr=false and the others of glog (metarecd --helpfull)."
    " The\n"
    "      log goes to stderr.\n"
    "\n"
    "Examples:\n"
    "  metarecd --pegasus_config onebox/meta1/config.ini --operators 127.0.0.1\n"
    "  metarecd --pegasus_config /etc/pegasus/config.ini --root /pegasus/recovered \\\n"
    "      --recover_from_replica_server true\n"
    "  metarecd --zk zk1:2181,zk2:2181 --root /pegasus/recovered --own_name meta1:34601\n"
    "\n"
    "Exit codes: 0 told to end (SIGTERM, SIGINT); 1 failed; 4 the root is not what the flags "
    "say.\n";

template <size_t kSize>
std::string FlagLines(const FlagLine (&flags)[kSize]) {
  std::string text;
  for (const FlagLine& flag : flags) {
    gflags::CommandLineFlagInfo info;
    if (!gflags::GetCommandLineFlagInfo(flag.name, &info)) continue;
    const bool has_default = !info.default_value.empty() && info.default_value != "0";
    absl::StrAppend(&text, "  --", flag.name, " ", flag.value,
                    has_default ? absl::StrCat("  [", info.default_value, "]") : "", "\n      ",
                    Wrapped(info.description, 6, 6), "\n");
  }
  return text;
}

int PrintToStdout(absl::string_view text) {
  if (std::cout << text << std::flush) return static_cast<int>(ExitCode::kDone);
  std::cerr << "metarecd: cannot write to stdout" << std::endl;
  return static_cast<int>(ExitCode::kFailed);
}

int WrongUsage(absl::string_view what) {
  std::cerr << "metarecd: " << Printable(what) << "; metarecd --help tells more" << std::endl;
  return static_cast<int>(ExitCode::kFailed);
}

// The flag, also of "noNAME"; nullopt: there is none.
std::optional<gflags::CommandLineFlagInfo> FlagOf(const std::string& name) {
  gflags::CommandLineFlagInfo info;
  if (gflags::GetCommandLineFlagInfo(name.c_str(), &info)) return info;
  if (!absl::StartsWith(name, "no")) return std::nullopt;
  if (!gflags::GetCommandLineFlagInfo(name.c_str() + 2, &info)) return std::nullopt;
  return info.type == "bool" ? std::make_optional(info) : std::nullopt;
}

// Whether gflags, whose own messages say less, will understand every argument; or what to print.
std::optional<int> CheckArguments(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "-h" || argument == "--help" || argument == "-help") {
      return PrintToStdout(MetarecdHelp());
    }
    if (argument == "--version" || argument == "-version") {
      return PrintToStdout(absl::StrCat("metarecd ", kVersion, "\n"));
    }
    if (!absl::ConsumePrefix(&argument, "-")) {
      return WrongUsage(absl::StrCat("'", argument, "' belongs to no flag"));
    }
    absl::ConsumePrefix(&argument, "-");
    const std::string name(argument.substr(0, argument.find('=')));
    const std::optional<gflags::CommandLineFlagInfo> flag = FlagOf(name);
    if (!flag.has_value()) return WrongUsage(absl::StrCat("there is no flag --", name));
    if (flag->type == "bool" || absl::StrContains(argument, '=')) continue;
    if (++i == arguments.size()) return WrongUsage(absl::StrCat("--", name, " has no value"));
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> ParseMetarecdFlags(int* argc, char*** argv) {
  const std::optional<int> ended =
      CheckArguments(std::vector<std::string>(*argv + 1, *argv + *argc));
  if (ended.has_value()) return ended;
  gflags::SetUsageMessage("metarecd --help tells more");
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(argc, argv, true);
  return std::nullopt;
}

std::string MetarecdHelp() {
  return absl::StrCat(kHelpBegin, "\nIn place of a key of the file, or without a file:\n",
                      FlagLines(kFileFlags), "\nBeyond the file:\n", FlagLines(kOwnFlags),
                      kHelpEnd);
}

}  // namespace metarec::tools
