#include "migration/zookeeper/by_hand.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>

#include "base/text/wording.h"
#include "migration/zookeeper/move_world.h"

namespace metarec::by_hand {
namespace {

// Debian's package does not put it into the PATH.
constexpr char kZkCli[] = "/usr/share/zookeeper/bin/zkCli.sh";

std::string ZkCli(const MoveSide& side, absl::string_view command, absl::string_view path,
                  absl::string_view data) {
  return absl::StrCat(kZkCli, " -server ", ShellWord(side.Reach()), " ", command, " ",
                      ShellWord(path), " ", ShellWord(data));
}

// Characters that mean something in a basic regular expression of sed, or end it.
std::string SedPattern(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"\\", "\\\\"}, {"/", "\\/"}, {".", "\\."}, {"*", "\\*"}, {"[", "\\["}, {"]", "\\]"}});
}

}  // namespace

std::string MetaOption(const MoveRequest& request) {
  return absl::StrCat("--meta ", absl::StrJoin(AddressesOf(request.metas), ","));
}

std::string AuthOption(absl::string_view option, const MoveSide& side) {
  if (side.auth_file.empty()) return "";
  return absl::StrCat(" ", option, " ", ShellWord(side.auth_file));
}

std::string CopyTree(const MoveRequest& request, bool updates) {
  return absl::StrCat("metarec zk copy ", updates ? "--update --delete " : "",
                      ShellWord(request.from.Address()), " ", ShellWord(request.to.Address()),
                      AuthOption("--from_auth_file", request.from),
                      AuthOption("--to_auth_file", request.to));
}

std::string DiffTrees(const MoveRequest& request) {
  return absl::StrCat("metarec zk diff ", ShellWord(request.from.Address()), " ",
                      ShellWord(request.to.Address()), AuthOption("--a_auth_file", request.from),
                      AuthOption("--b_auth_file", request.to));
}

std::string RemoveTree(const MoveSide& side, absl::string_view path_suffix) {
  return absl::StrCat("metarec zk rm ", ShellWord(absl::StrCat(side.Address(), path_suffix)),
                      AuthOption("--zk_auth_file", side), "   # then the same with --yes=DIGEST");
}

std::vector<std::string> WriteNodeList(const MoveRequest& request, const std::string& nodes_path,
                                       const std::string& list_path) {
  const std::string list = ShellWord(list_path);
  std::vector<std::string> commands = {
      absl::StrCat("metarec nodes -d ", MetaOption(request), " -o ", ShellWord(nodes_path))};
  if (request.nodes == request.alive) {
    commands.push_back(
        absl::StrCat("grep \" ALIVE\" ", ShellWord(nodes_path), " | awk '{print $1}' > ", list));
  } else {
    commands.push_back(
        absl::StrCat("printf '%s\\n' ", absl::StrJoin(request.nodes, " "), " > ", list));
  }
  return commands;
}

std::string Recover(const MoveRequest& request, const std::string& list_path) {
  return absl::StrCat("metarec recover -f ", ShellWord(list_path), " --zk ",
                      ShellWord(request.to.Reach()), " --root ", ShellWord(request.to.root),
                      " --lock_root ", ShellWord(request.to.lock_root),
                      AuthOption("--zk_auth_file", request.to), request.skip_bad_nodes ? " -b" : "",
                      request.skip_lost_partitions ? " -l" : "");
}

std::string EditConfig(const std::vector<ConfigChange>& changes, absl::string_view path) {
  std::string command = "sed -i.bak";
  for (const ConfigChange& change : changes) {
    const std::string section =
        absl::StrCat("/^[[:space:]]*\\[", SedPattern(change.section), "\\]/");
    absl::StrAppend(&command, " -e ",
                    ShellWord(absl::StrCat(section, ",/^[[:space:]]*\\[/{/^[[:space:]]*",
                                           SedPattern(change.key), "[[:space:]]*=/d}")));
    absl::StrAppend(&command, " -e ",
                    ShellWord(absl::StrCat(section, "a ", change.key, " = ",
                                           absl::StrReplaceAll(change.value, {{"\\", "\\\\"}}))));
  }
  return absl::StrCat(command, " ", ShellWord(path));
}

std::string SetZnode(const MoveSide& side, absl::string_view path, absl::string_view data) {
  return ZkCli(side, "set", path, data);
}

std::string CreateZnode(const MoveSide& side, absl::string_view path, absl::string_view data) {
  return ZkCli(side, "create", path, data);
}

}  // namespace metarec::by_hand
