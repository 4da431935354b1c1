#include <string>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"
#include "meta_recovery/planner/settlements.h"
#include "recovery_service/operator_access.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::fuzz {
namespace {

void CheckNetworks(absl::string_view text) {
  const auto allowed = AllowedNetworks::Parse(text);
  if (!allowed.ok() || allowed->allows_everyone()) return;
  // Every network that is listed is allowed, and alone allows no more than all of them.
  for (absl::string_view piece : absl::StrSplit(text, ',')) {
    piece = absl::StripAsciiWhitespace(piece);
    const auto address = ParseIpv4(piece.substr(0, piece.find('/')));
    if (!address.ok()) continue;
    CHECK(allowed->Allows(*address)) << piece;
    const auto alone = AllowedNetworks::Parse(piece);
    CHECK(alone.ok()) << alone.status();
    for (const uint32_t ip : {*address ^ 1, *address ^ 0x100, *address ^ 0x80000000}) {
      if (alone->Allows(ip)) CHECK(allowed->Allows(ip)) << piece;
    }
  }
}

void CheckAddresses(absl::string_view text) {
  if (const auto endpoint = ParseIpv4Endpoint(text); endpoint.ok()) {
    CHECK_EQ(endpoint->ToString(), text);
  }
  if (const auto hosts = ParseZooKeeperHosts(text); hosts.ok()) {
    const auto again = ParseZooKeeperHosts(absl::StrCat(hosts->HostsText(), hosts->chroot));
    CHECK(again.ok()) << again.status();
    CHECK_EQ(again->hosts.size(), hosts->hosts.size());
    CHECK_EQ(again->chroot, hosts->chroot);
    const std::string root = hosts->Under("/pegasus");
    CHECK(ValidateRootPath(root).ok()) << root;
  }
  if (const auto auth = ParseZkAuth(text); auth.ok()) {
    CHECK_EQ(auth->scheme, "digest");
    CHECK(absl::StrContains(auth->credentials, ':'));
    CHECK(absl::StrContains(text, auth->credentials));
  }
}

void CheckRootPath(absl::string_view text) {
  const absl::Status valid = ValidateRootPath(text);
  if (valid.ok()) {
    CHECK(CheckPath("create", text).ok()) << CheckPath("create", text);
    CHECK_EQ(Printable(text), text);
  } else {
    CHECK(Printable(valid.message()) == valid.message()) << valid;
  }
}

// As a POSIX shell reads one word.
std::string Unquoted(absl::string_view word) {
  std::string text;
  bool quoted = false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\'') {
      quoted = !quoted;
    } else if (!quoted && word[i] == '\\' && i + 1 < word.size()) {
      text.push_back(word[++i]);
    } else {
      text.push_back(word[i]);
    }
  }
  CHECK(!quoted) << word;
  return text;
}

void CheckTexts(absl::string_view text) {
  const std::string printable = Printable(text);
  CHECK_EQ(Printable(printable), printable);
  for (const unsigned char c : printable) CHECK(c >= 0x20 && c != 0x7f);
  const std::string lines = PrintableLines(text);
  CHECK_EQ(PrintableLines(lines), lines);
  if (!absl::StrContains(text, '\0')) CHECK_EQ(Unquoted(ShellWord(text)), text);
  const std::string wrapped = Wrapped(text, 10, 4);
  const auto words = [](absl::string_view of) {
    return std::vector<std::string>(absl::StrSplit(of, absl::ByAnyChar(" \n"), absl::SkipEmpty()));
  };
  CHECK(words(wrapped) == words(text));
}

void CheckSettlements(absl::string_view text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto settlements = Settlements::Parse({parts});
  if (!settlements.ok()) return;
  CHECK(settlements->Find(parts.first) != nullptr);
  CHECK(!settlements->CheckAllUsed().ok());
}

void CheckRemoteCommand(absl::string_view text) {
  static const auto* const commands = [] {
    auto* made = new RemoteCommands();
    made->Add("server-info", "- show it", [](const std::vector<std::string>&) { return "info"; });
    return made;
  }();
  std::vector<std::string> words = absl::StrSplit(text, ' ');
  const std::string name = words.front();
  words.erase(words.begin());
  CHECK(!commands->Run(name, words).empty());
}

}  // namespace

// One text, taken for everything that a text may be.
void FuzzArguments(absl::string_view input) {
  CheckNetworks(input);
  CheckAddresses(input);
  CheckRootPath(input);
  CheckTexts(input);
  CheckSettlements(input);
  CheckRemoteCommand(input);
}

}  // namespace metarec::fuzz
