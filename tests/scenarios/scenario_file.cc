#include "tests/scenarios/scenario_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

namespace metarec::scenarios {
namespace {

absl::Status ErrorAt(absl::string_view path, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", what));
}

}  // namespace

absl::StatusOr<Scenario> ParseScenario(absl::string_view path, absl::string_view text) {
  Scenario scenario;
  scenario.path = std::string(path);
  scenario.name = std::filesystem::path(scenario.path).stem().string();

  int number = 0;
  bool complete = false;
  bool continued = false;
  absl::string_view rest = text;
  while (!rest.empty() && !complete) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const absl::string_view line = absl::StripSuffix(rest.substr(0, end + 1), "\n");
    rest.remove_prefix(end + 1);
    ++number;
    if (number == 1 && !absl::StartsWith(line, "# ")) {
      return ErrorAt(path, number, "a scenario begins with '# ' and a sentence on what it shows");
    }
    absl::string_view content = absl::StripTrailingAsciiWhitespace(line);
    if (continued) {
      continued = absl::ConsumeSuffix(&content, "\\");
      absl::StrAppend(&scenario.commands.back().text, content);
    } else if (content == "----") {
      complete = true;
    } else if (absl::ConsumePrefix(&content, "$ ")) {
      continued = absl::ConsumeSuffix(&content, "\\");
      scenario.commands.push_back({number, std::string(content)});
    } else if (content.empty() || content[0] == '#') {
      continue;
    } else if (!scenario.commands.empty()) {
      return ErrorAt(path, number,
                     "the world is described before the first command; change it later with a "
                     "command, as in '$ no fault n4'");
    } else {
      scenario.directives.push_back({number, std::string(content)});
    }
  }
  if (!complete) return ErrorAt(path, number, "the line '----' is missing below the commands");
  if (scenario.commands.empty()) return ErrorAt(path, number, "no command ('$ metarec ...')");
  scenario.expected = std::string(rest);
  scenario.head = std::string(text.substr(0, text.size() - rest.size()));
  if (!absl::EndsWith(scenario.head, "\n")) scenario.head += "\n";
  return scenario;
}

absl::StatusOr<Scenario> ReadScenario(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return ParseScenario(path, text.str());
}

}  // namespace metarec::scenarios
