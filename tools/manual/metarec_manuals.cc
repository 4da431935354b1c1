// metarec-manuals: writes the manual pages of all programs and the completions of shells into a
// folder, from what the programs' help is made of. The build runs it; it is not installed.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include "tools/cli/verb_parser.h"
#include "tools/manual/completions.h"
#include "tools/manual/man_page.h"
#include "tools/metarecd/metarecd_flags.h"
#include "tools/process/manual.h"
#include "tools/process/version.h"
#include "tools/sim/sim_arguments.h"

namespace metarec::tools {
namespace {

struct ProgramPages {
  CommandManual manual;
  int section = 1;
  std::string page() const { return absl::StrCat(manual.name, "(", section, ")"); }
};

// What packagers set, so that the same sources always give the same pages.
std::string DateOfSources() {
  const char* const epoch = std::getenv("SOURCE_DATE_EPOCH");
  int64_t seconds = 0;
  if (epoch == nullptr || !absl::SimpleAtoi(epoch, &seconds)) return "";
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

bool Write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) std::cerr << "metarec-manuals: cannot write " << path.string() << std::endl;
  return static_cast<bool>(file);
}

bool WriteCompletions(const std::filesystem::path& folder, const CommandManual& program) {
  return Write(folder / "bash" / program.name, BashCompletion(program)) &&
         Write(folder / "zsh" / ("_" + program.name), ZshCompletion(program)) &&
         Write(folder / "fish" / (program.name + ".fish"), FishCompletion(program));
}

// The page of a command and those of its verbs, each of which refers to the program's.
bool WritePages(const std::filesystem::path& folder, const CommandManual& command,
                ManPageOptions options, const std::string& program_page) {
  const std::string name = PageName(command.name);
  const std::string section = absl::StrCat(options.section);
  const std::string page = absl::StrCat(name, "(", section, ")");
  ManPageOptions own = options;
  if (page != program_page) own.see_also = {program_page};
  for (const CommandManual& verb : command.verbs) {
    own.see_also.push_back(absl::StrCat(PageName(verb.name), "(", section, ")"));
    if (!WritePages(folder, verb, options, program_page)) return false;
  }
  return Write(folder / ("man" + section) / absl::StrCat(name, ".", section),
               ManPage(command, own));
}

bool WriteAll(const std::filesystem::path& folder) {
  const std::vector<ProgramPages> programs = {
      {MetarecManual(), 1}, {MetarecdManual(), 8}, {SimManual(), 1}};
  for (const ProgramPages& program : programs) {
    ManPageOptions options{
        .section = program.section, .version = kVersion, .date = DateOfSources(), .see_also = {}};
    for (const ProgramPages& other : programs) {
      if (other.page() != program.page()) options.see_also.push_back(other.page());
    }
    if (!WritePages(folder / "man", program.manual, options, program.page())) return false;
    if (!WriteCompletions(folder / "completions", program.manual)) return false;
  }
  return true;
}

}  // namespace
}  // namespace metarec::tools

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: metarec-manuals FOLDER" << std::endl;
    return 1;
  }
  return metarec::tools::WriteAll(argv[1]) ? 0 : 1;
}
