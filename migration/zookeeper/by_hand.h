// The commands by which a person does a step of a move without this program, with the real names in
// them, quoted for a shell.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "migration/zookeeper/move_request.h"

namespace metarec::by_hand {

// "--meta m1:34601,m2:34601".
std::string MetaOption(const MoveRequest& request);

// " --zk_auth_file FILE", under the name of the verb's option; empty if the side has no
// credentials.
std::string AuthOption(absl::string_view option, const MoveSide& side);

// Both sides as `metarec zk` takes them, with their credentials.
std::string CopyTree(const MoveRequest& request, bool updates);
std::string DiffTrees(const MoveRequest& request);
// Shows what would go; the digest that it prints is for the same command with --yes.
std::string RemoveTree(const MoveSide& side, absl::string_view path_suffix = "");

// Writes the addresses of the replica servers that are to be asked, one a line.
std::vector<std::string> WriteNodeList(const MoveRequest& request, const std::string& nodes_path,
                                       const std::string& list_path);
// Into the new ZooKeeper, from the servers in this file.
std::string Recover(const MoveRequest& request, const std::string& list_path);

// Gives the keys these values: in place of what they had, or at the beginning of their section.
std::string EditConfig(const std::vector<ConfigChange>& changes, absl::string_view path);

// What makes the data of a znode this text, with ZooKeeper's own command line.
std::string SetZnode(const MoveSide& side, absl::string_view path, absl::string_view data);
std::string CreateZnode(const MoveSide& side, absl::string_view path, absl::string_view data);

}  // namespace metarec::by_hand
