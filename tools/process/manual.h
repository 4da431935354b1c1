// What a command says of itself: its help, its manual page and the completions of shells are made
// of it (tools/manual).

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace metarec::tools {

constexpr char kVersionHelp[] = "print the version and the commit";

// Members have initializers, so that a designated one may leave them out.
struct OptionManual {
  std::vector<std::string> names{};  // "-o", "--output"; none of a positional argument
  std::string value{};  // what follows: "FILE"; of a positional argument its name; "" of a flag
  std::string description{};
  std::string heading{};               // "NODES"; "" belongs to no group
  std::string default_value{};         // "" if there is none worth showing
  std::vector<std::string> choices{};  // the only values that it takes; empty: others
  bool may_be_file = false;            // one of several things that it can be
  bool is_required = false;
  bool is_repeatable = false;

  bool is_positional() const { return names.empty(); }
  bool is_flag() const { return value.empty(); }
};

struct ExampleManual {
  std::string command{};
  std::string description{};  // "" if it is plain
};

// Terms and what they mean, in a section of their own: "FAULTS".
struct TermsManual {
  std::string heading{};
  std::vector<std::pair<std::string, std::string>> terms{};
};

struct CommandManual {
  std::string name{};                 // "metarec plan"
  std::string summary{};              // "decide what the metadata shall be, and report why"
  std::string heading{};              // under which the program's help lists it
  std::vector<std::string> usages{};  // what follows the name, a line for each form: "[OPTIONS]"
  std::vector<std::string> paragraphs{};
  std::vector<OptionManual> options{};  // in the order of the help; those of a heading together
  std::vector<TermsManual> terms{};
  std::vector<ExampleManual> examples{};
  std::vector<std::pair<int, std::string>> exit_codes{};
  std::vector<CommandManual> verbs{};
};

// Options or verbs that stand under one heading.
template <typename Item>
struct HeadedGroup {
  std::string heading;
  std::vector<const Item*> items;
};

// Those without a heading first, then in the order in which the headings first appear. The items
// must outlive the groups.
template <typename Item>
std::vector<HeadedGroup<Item>> ByHeading(const std::vector<Item>& items) {
  std::vector<HeadedGroup<Item>> groups = {{}};
  for (const Item& item : items) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const HeadedGroup<Item>& known) {
      return known.heading == item.heading;
    });
    if (group == groups.end()) group = groups.insert(group, {item.heading, {}});
    group->items.push_back(&item);
  }
  if (groups.front().items.empty()) groups.erase(groups.begin());
  return groups;
}

// A command line to type, in lines of at most `columns` bytes if its words allow that.
std::string CommandLines(const std::string& command, size_t columns);

// The page of --help.
std::string HelpText(const CommandManual& manual);

}  // namespace metarec::tools
