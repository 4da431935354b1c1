#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec::scenarios {

struct ScenarioLine {
  int number = 0;
  std::string text;
};

// A scenario file, taken apart. The notation is in README.md beside this file.
struct Scenario {
  std::string name;  // the file's, without folder and ".txt"
  std::string path;
  std::vector<ScenarioLine> directives;  // the world
  std::vector<ScenarioLine> commands;    // without "$ "; continued lines joined
  std::string head;                      // the text up to and with the line "----"
  std::string expected;                  // the text below it
};

// Errors begin with file:line.
absl::StatusOr<Scenario> ParseScenario(absl::string_view path, absl::string_view text);
absl::StatusOr<Scenario> ReadScenario(const std::string& path);

}  // namespace metarec::scenarios
