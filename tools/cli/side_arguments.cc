#include "tools/cli/side_arguments.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "tools/cli/store_arguments.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/znode_path.h"

namespace metarec::tools {
namespace {

constexpr absl::string_view kFilePrefix = "file:";

bool LooksLikeFile(absl::string_view text) {
  for (const absl::string_view prefix : {"/", "./", "../"}) {
    if (absl::StartsWith(text, prefix)) return true;
  }
  return text == "." || text == "..";
}

bool IsThere(absl::string_view path) {
  std::error_code error;  // what cannot be looked at is not there
  return std::filesystem::exists(std::string(path), error);
}

// A folder is nothing else, even if its logs are in another one.
bool IsDataDirectory(const SidePlace& place) {
  std::error_code error;
  return place.is_file() && (std::filesystem::is_directory(place.file, error) ||
                             DataDirectory::LooksLikeOne(place.file));
}

// "zk1:2181": what may stand in front of a path in ZooKeeper.
bool LooksLikeServers(absl::string_view text) {
  return absl::StrContains(text.substr(0, text.find('/')), ':');
}

absl::Status NoPath(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("the path behind the servers is missing: ", text,
                                                 "/PATH, or ", text,
                                                 "/ for everything in this ZooKeeper"));
}

// As shells complete it, or scripts join it: "/a/" and "/a//" mean the znode "/a". But "//" does
// not mean "/": a name may be missing between the slashes.
void DropLastSlashes(absl::string_view* path) {
  const size_t end = path->find_last_not_of('/');
  if (end != absl::string_view::npos) *path = path->substr(0, end + 1);
}

// Whether it is the path of a znode, be it one that ZooKeeper would not take: a file may have it.
absl::Status CheckZnodePath(absl::string_view path) {
  if (CheckPath("read", path).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Printable(path), " is no path of a znode; write one such as /apps/1"));
}

absl::StatusOr<SidePlace> ParseServersAndPath(absl::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  absl::string_view path = text.substr(slash);
  METAREC_ASSIGN_OR_RETURN(ZooKeeperAddresses addresses,
                           ParseZooKeeperHosts(text.substr(0, slash)));
  if (path.empty()) return NoPath(text);
  if (absl::StrContains(path, ",")) {
    // As "a:1/x,b:1/x": ParseZooKeeperHosts says how that is written.
    METAREC_RETURN_IF_ERROR(ParseZooKeeperHosts(text).status());
  }
  DropLastSlashes(&path);
  METAREC_RETURN_IF_ERROR(CheckZnodePath(path));
  return SidePlace{.hosts = std::move(addresses.hosts), .path = std::string(path), .file = ""};
}

bool ShareAServer(const SidePlace& a, const SidePlace& b) {
  return std::any_of(a.hosts.begin(), a.hosts.end(), [&](const ZooKeeperHost& of_a) {
    return std::any_of(b.hosts.begin(), b.hosts.end(), [&](const ZooKeeperHost& of_b) {
      return of_a.host == of_b.host && of_a.port == of_b.port;
    });
  });
}

}  // namespace

std::string SidePlace::ToText() const {
  if (!is_file())
    return absl::StrCat(ZooKeeperAddresses{.hosts = hosts, .chroot = ""}.HostsText(), path);
  return LooksLikeFile(file) ? file : absl::StrCat("./", file);
}

absl::StatusOr<SidePlace> ParseSide(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (absl::ConsumePrefix(&text, kFilePrefix)) {
    if (text.empty()) return absl::InvalidArgumentError("a path is missing behind file:");
    return SidePlace{.hosts = {}, .path = "", .file = std::string(text)};
  }
  if (LooksLikeFile(text)) return SidePlace{.hosts = {}, .path = "", .file = std::string(text)};
  if (!LooksLikeServers(text) && IsThere(text)) {
    return SidePlace{.hosts = {}, .path = "", .file = std::string(text)};
  }
  if (LooksLikeServers(text)) return ParseServersAndPath(text);
  return absl::InvalidArgumentError(absl::StrCat(
      "'", Printable(text), "' is no HOST:PORT,.../PATH, and there is no such file or folder"));
}

std::string SideArguments::Option(absl::string_view name) const {
  return absl::StrCat("--", name_ == "side" ? "zk" : name_, "_", name);
}

std::string SideArguments::PathOption() const {
  return name_ == "side" ? "--path" : Option("path");
}

std::string SideArguments::path() const {
  absl::string_view path = path_;
  DropLastSlashes(&path);
  return path == "/" ? "" : std::string(path);
}

absl::Status SideArguments::CheckBelow() const {
  if (path().empty()) return absl::OkStatus();
  const absl::Status wrong = CheckZnodePath(path());
  if (wrong.ok()) return wrong;
  return absl::InvalidArgumentError(absl::StrCat(PathOption(), " ", wrong.message()));
}

// What is made there must be such as people can see and name. ZooKeeper's own znodes are for
// reading, and for ZooKeeper.
absl::Status SideArguments::CheckMayCreate(const SidePlace& place) const {
  if (place.path == "/") return absl::OkStatus();
  if (IsWithin(place.path, kSystemPath)) {
    return MarkedError(ErrorMark::kRefused,
                       absl::StrCat(name_, ": ", place.ToText(),
                                    " is ZooKeeper's own; name another path. Nothing was written"));
  }
  const absl::Status wrong = ValidateRootPath(place.path);
  if (wrong.ok()) return wrong;
  return absl::InvalidArgumentError(absl::StrCat(name_, ": ", wrong.message()));
}

void SideArguments::AddTo(Command& verb) {
  const std::string group = name_ == "side" ? "SIDE OPTIONS" : absl::AsciiStrToUpper(name_);
  CommandOption place =
      verb.Add(name_, &text_,
               place_help_ != nullptr       ? place_help_
               : access_ == Access::kRead   ? "the tree that is read: a SIDE, see below"
               : access_ == Access::kChange ? "the tree in a running ZooKeeper: HOST:PORT,.../PATH"
                                            : "where it is written in a running ZooKeeper: "
                                              "HOST:PORT,.../PATH");
  place.TypeName(kSideType).Required().MayBeFile();
  if (access_ == Access::kRead) {
    verb.Add(PathOption(), &path_, path_help_).TypeName("/PATH").Group(group);
    offline_.AddTo(verb, name_ == "side" ? "--" : absl::StrCat("--", name_, "_"), group);
  }
  options_ = {
      verb.Add(Option("auth_file"), &auth_file_, kAuthFileHelp).TypeName("FILE").Group(group),
      verb.Add(Option("timeout"), &timeout_seconds_, kZkTimeoutHelp)
          .TypeName("SECONDS")
          .ShowDefault()
          .Group(group)};
  if (access_ != Access::kCreate) return;
  options_.push_back(
      verb.Add("--acl", &acl_,
               "ACL of what is created: keep (what it was), open (everybody may do everything) or "
               "creator (only who presents the same credentials)")
          .TypeName("keep|open|creator")
          .OneOf({"keep", "open", "creator"})
          .ShowDefault()
          .Group(group));
}

absl::Status SideArguments::Check() const {
  const absl::StatusOr<SidePlace> place = ParseSide(text_);
  if (!place.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": ", place.status().message()));
  }
  METAREC_RETURN_IF_ERROR(CheckBelow());
  METAREC_RETURN_IF_ERROR(offline_.Check(place->ToText(), IsDataDirectory(*place)));
  if (!place->is_file()) {
    if (access_ == Access::kCreate) METAREC_RETURN_IF_ERROR(CheckMayCreate(*place));
    return ToOptions(*place).status();
  }
  for (const CommandOption& option : options_) {
    if (!option.is_given()) continue;
    return absl::InvalidArgumentError(absl::StrCat(option.name(), " is for ZooKeeper, but ", name_,
                                                   " is a file; leave the option out"));
  }
  return absl::OkStatus();
}

SidePlace SideArguments::place() const { return ParseSide(text_).value_or(SidePlace()); }

SideArguments::AclChoice SideArguments::acl() const {
  return acl_ == "keep"   ? AclChoice::kKeep
         : acl_ == "open" ? AclChoice::kOpen
                          : AclChoice::kCreator;
}

absl::StatusOr<ZooKeeperOptions> SideArguments::ToOptions(const SidePlace& place) const {
  ZooKeeperOptions options;
  options.hosts = ZooKeeperAddresses{.hosts = place.hosts, .chroot = ""}.HostsText();
  METAREC_ASSIGN_OR_RETURN(options.connect_timeout, ZkTimeout(Option("timeout"), timeout_seconds_));
  options.accept_read_only = access_ == Access::kRead;
  if (acl() == AclChoice::kCreator) {
    METAREC_RETURN_IF_ERROR(CheckCreatorAcl("--acl", Option("auth_file"), auth_file_));
    options.acl = CreatorOnlyAcl();
  }
  return options;
}

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> SideArguments::Open(
    Clock* clock) const {
  METAREC_CO_ASSIGN_OR_RETURN(const SidePlace where, ParseSide(text_));
  if (where.is_file()) {
    co_return absl::InvalidArgumentError(
        absl::StrCat(name_, ": ", where.file, " is a file; give HOST:PORT,.../PATH"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(ZooKeeperOptions options, ToOptions(where));
  co_return co_await OpenZooKeeper(std::move(options), auth_file_, clock);
}

absl::Status CheckIsNoSide(absl::string_view file, absl::string_view what_then) {
  if (LooksLikeFile(file) || !LooksLikeServers(file)) return absl::OkStatus();
  const absl::StatusOr<SidePlace> place = ParseSide(file);
  if (!place.ok() || place->is_file()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("file: ", Printable(file), " is a tree in ZooKeeper, but ", what_then));
}

void AddSides(Command& verb, std::initializer_list<SideArguments*> sides) {
  bool is_any_read = false;
  for (SideArguments* side : sides) {
    side->AddTo(verb);
    is_any_read = is_any_read || side->access() == SideArguments::Access::kRead;
  }
  if (!is_any_read) return;
  verb.Terms({.heading = "SIDE",
              .terms = {{"HOST:PORT,.../PATH",
                         "a tree in ZooKeeper: its servers, and its path there; / is all of it"},
                        {"FILE",
                         "a tree file, as zk export writes it: its name begins with /, ./, ../ or "
                         "file:, or is that of something that is there"},
                        {"FOLDER",
                         "the data directory of a ZooKeeper server that does not run any more, or "
                         "one snapshot.* file in it"}}});
}

absl::Status CheckApart(const SideArguments& a, const SideArguments& b) {
  const SidePlace of_a = a.place();
  const SidePlace of_b = b.place();
  const auto refuse = [&](absl::string_view how) {
    return WithMark(
        absl::InvalidArgumentError(absl::StrCat(a.name(), " ", of_a.ToText(), " and ", b.name(),
                                                " ", of_b.ToText(), " ", how)),
        ErrorMark::kRefused);
  };
  if (!ShareAServer(of_a, of_b)) return absl::OkStatus();
  if (of_a.path == of_b.path) return refuse("are the same place");
  if (IsWithin(of_a.path, of_b.path) || IsWithin(of_b.path, of_a.path)) {
    return refuse("are one inside the other");
  }
  return absl::OkStatus();
}

}  // namespace metarec::tools
