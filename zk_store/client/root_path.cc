#include "zk_store/client/root_path.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"
#include "zk_store/client/znode_path.h"

namespace metarec {
namespace {

constexpr size_t kShownRootBytesMax = 200;

absl::Status BadRoot(absl::string_view root, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("root path \"", root, "\" ", why, "; give one like /pegasus/my_cluster"));
}

bool IsControl(uint32_t character) {
  return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

// ZooKeeper's own rule, beside control characters. It looks at UTF-16, where everything beyond
// U+FFFF is two surrogates.
bool IsRefusedByZooKeeper(uint32_t character) {
  return (character >= 0xd800 && character <= 0xf8ff) || character >= 0xfff0;
}

std::string NameOf(uint32_t character) {
  return absl::StrCat("U+",
                      absl::AsciiStrToUpper(absl::StrCat(absl::Hex(character, absl::kZeroPad4))));
}

// Marks that are shown on the character before them. (Scripts that are written with such marks have
// others, too, which follow a letter of theirs.)
bool IsCombining(uint32_t character) {
  constexpr std::pair<uint32_t, uint32_t> kRanges[] = {
      {0x0300, 0x036F}, {0x0483, 0x0489}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
      {0x20D0, 0x20FF}, {0x302A, 0x302F}, {0x3099, 0x309A}, {0xFE20, 0xFE2F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [character](const auto& range) {
    return character >= range.first && character <= range.second;
  });
}

// Whether nobody sees that `character` is there, so that the root could be taken for another. The
// ordinary blank is seen between two other characters.
bool IsUnseen(uint32_t before, uint32_t character, uint32_t after) {
  if (character == ' ') return before == '/' || before == ' ' || after == '/' || after == 0;
  return IsBlank(character) || IsInvisible(character) || (before == '/' && IsCombining(character));
}

absl::Status CheckCharacters(absl::string_view root) {
  const auto bad = [root](absl::string_view why) {
    return BadRoot(absl::CHexEscape(root.substr(0, kShownRootBytesMax)), why);
  };
  std::vector<uint32_t> characters;
  for (absl::string_view rest = root; !rest.empty();) {
    uint32_t& character = characters.emplace_back();
    const size_t bytes = Utf8Character(rest, &character);
    if (bytes == 0) return bad("is not UTF-8");
    rest.remove_prefix(bytes);
    if (IsControl(character)) return bad("has a control character");
    if (IsRefusedByZooKeeper(character)) {
      return bad(
          absl::StrCat("has the character ", NameOf(character), ", which ZooKeeper does not take"));
    }
  }
  for (size_t i = 0; i < characters.size(); ++i) {
    const uint32_t before = i == 0 ? '/' : characters[i - 1];
    const uint32_t after = i + 1 == characters.size() ? 0 : characters[i + 1];
    if (!IsUnseen(before, characters[i], after)) continue;
    return bad(absl::StrCat("has a blank or invisible character, ", NameOf(characters[i]),
                            ", so that nobody could tell it from another"));
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
    return BadRoot(root, "is refused: everything in this ZooKeeper lives under it");
  }
  if (root.back() == '/') return BadRoot(root, "ends in a slash");
  const std::vector<absl::string_view> components = absl::StrSplit(root.substr(1), '/');
  for (const absl::string_view component : components) {
    if (component.empty()) return BadRoot(root, "has an empty component");
    if (component == "." || component == "..") {
      return BadRoot(root, "has a dotted component, which ZooKeeper does not have");
    }
  }
  if (IsWithin(root, kSystemPath)) return BadRoot(root, "belongs to ZooKeeper itself");
  return absl::OkStatus();
}

}  // namespace metarec
