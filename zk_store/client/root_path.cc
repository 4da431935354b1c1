#include "zk_store/client/root_path.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>

#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr size_t kShownRootBytesMax = 200;

absl::Status BadRoot(absl::string_view root, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("root path \"", root, "\" ", why, "; give one like /pegasus/my_cluster"));
}

bool IsControl(unsigned character) {
  return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

// ZooKeeper's own rule, beside control characters. It looks at UTF-16, where everything beyond
// U+FFFF is two surrogates.
bool IsRefusedByZooKeeper(unsigned character) {
  return (character >= 0xd800 && character <= 0xf8ff) || character >= 0xfff0;
}

absl::Status CheckCharacters(absl::string_view root) {
  const auto bad = [root](absl::string_view why) {
    return BadRoot(absl::CHexEscape(root.substr(0, kShownRootBytesMax)), why);
  };
  rapidjson::MemoryStream in(root.data(), root.size());
  while (in.Tell() < root.size()) {
    unsigned character = 0;
    if (!rapidjson::UTF8<>::Decode(in, &character)) return bad("is not UTF-8");
    if (IsControl(character)) return bad("has a control character");
    if (IsRefusedByZooKeeper(character)) {
      return bad(
          absl::StrCat("has the character U+",
                       absl::AsciiStrToUpper(absl::StrCat(absl::Hex(character, absl::kZeroPad4))),
                       ", which ZooKeeper does not take"));
    }
  }
  if (Printable(root) != root) {
    return bad("has an invisible character, so that nobody could tell it from another");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateRootPath(absl::string_view root) {
  if (root.empty()) return BadRoot(root, "is empty");
  // First of all, so that what is shown of the root is fit for a terminal.
  if (absl::Status status = CheckCharacters(root); !status.ok()) return status;
  if (root[0] != '/') return BadRoot(root, "is not absolute");
  if (root == "/") {
    return BadRoot(root,
                   "is refused: everything in this ZooKeeper lives under it, /zookeeper at least, "
                   "so it can never be told to be this cluster's own");
  }
  if (root.back() == '/') return BadRoot(root, "ends in a slash");
  const std::vector<absl::string_view> components = absl::StrSplit(root.substr(1), '/');
  for (const absl::string_view component : components) {
    if (component.empty()) return BadRoot(root, "has an empty component");
    if (component == "." || component == "..") {
      return BadRoot(root, "has a dotted component, which ZooKeeper does not have");
    }
  }
  if (components[0] == "zookeeper") return BadRoot(root, "belongs to ZooKeeper itself");
  return absl::OkStatus();
}

}  // namespace metarec
