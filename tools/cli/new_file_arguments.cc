#include "tools/cli/new_file_arguments.h"

#include <filesystem>
#include <system_error>

#include <absl/strings/str_cat.h>

#include "base/line_file/line_file.h"

namespace metarec::tools {

void NewFileArguments::AddTo(CLI::App& verb, const char* option) {
  constexpr auto kGroup = "OUTPUT";
  verb.add_option(option, path_, "the file to write; compressed if the name ends in .zst")
      ->type_name("FILE")
      ->required()
      ->group(kGroup);
  verb.add_flag("--overwrite", overwrite_, "replace the file if it is there")->group(kGroup);
}

absl::Status NewFileArguments::Check() const {
  std::error_code error;  // what is wrong with the path is said by the trial below
  if (!overwrite_ && std::filesystem::exists(path_, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " is there already; give another name or --overwrite"));
  }
  // Leaves nothing behind.
  return LineWriter::Create(path_, {.overwrite = overwrite_}).status();
}

}  // namespace metarec::tools
