// The verbs that change something at a cluster's meta servers: rename, set_meta_level.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "idl/enum_names.h"
#include "pegasus_client/meta_admin.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/shell_failure.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/meta_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

// What is printed when it is done.
struct Done {
  std::string text;
  std::string json;
};

// What these verbs have in common: META, OUTPUT, and how they run.
class Change {
 public:
  using Make = std::function<asio::awaitable<absl::StatusOr<Done>>(MetaClient*)>;

  void AddTo(Command& verb) {
    verb_ = verb.name();
    meta_.AddTo(verb, MetaArguments::Need::kAlways);
    output_.AddTo(verb);
  }

  // Prints what was done, or what failed in the words of Pegasus's shell.
  ExitCode Run(const Make& make) const {
    if (const absl::Status given = meta_.CheckGiven(); !given.ok()) return Fail(verb_, given);
    CommandLoop loop;
    CommandLoop::AfterInterruption after(
        "it may or may not have been done: look before you run it again");
    after.same_command = false;
    return loop.Run(verb_, after, [&](ProgressPrinter*) { return MakeIt(make, &loop.clock()); });
  }

 private:
  asio::awaitable<absl::StatusOr<ExitCode>> MakeIt(const Make& make, Clock* clock) const {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaClient> client,
                                meta_.Open(executor, clock));
    const absl::StatusOr<Done> done = co_await make(client.get());
    if (!ShellTextOf(done.status()).empty()) {
      co_return PrintShellFailure(verb_, done.status(), output_.json());
    }
    METAREC_CO_RETURN_IF_ERROR(done.status());
    METAREC_CO_RETURN_IF_ERROR(output_.Print(output_.json() ? done->json : done->text));
    co_return ExitCode::kDone;
  }

  std::string verb_;
  MetaArguments meta_;
  OutputArguments output_;
};

struct RenameArguments {
  Change change;
  std::string old_name;
  std::string new_name;
};

asio::awaitable<absl::StatusOr<Done>> Rename(MetaClient* client, const RenameArguments& arguments) {
  METAREC_CO_ASSIGN_OR_RETURN(std::string text,
                              co_await RenameTable(client, arguments.old_name, arguments.new_name));
  co_return Done{.text = std::move(text),
                 .json = JsonObject()
                             .Set("old_name", arguments.old_name)
                             .Set("new_name", arguments.new_name)
                             .ToLine()};
}

struct LevelArguments {
  Change change;
  std::string level;
};

asio::awaitable<absl::StatusOr<Done>> SetLevel(MetaClient* client, const std::string& name) {
  idl::meta_function_level level = idl::meta_function_level::fl_invalid;
  idl::FromName(absl::StrCat("fl_", name), &level);  // the option's check knows them
  METAREC_CO_ASSIGN_OR_RETURN(const MetaLevelChange change, co_await SetMetaLevel(client, level));
  co_return Done{.text = change.text,
                 .json = JsonObject()
                             .Set("level", idl::ToName(level))
                             .Set("old_level", change.old_level)
                             .ToLine()};
}

}  // namespace

RunVerb MakeRenameVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell does for rename, for any name: a stock shell cannot rename a table "
      "with "
      "a '-' in its name, such as recovery gives to tables whose name is contested, and cannot "
      "list "
      "the cluster in detail until somebody does. The meta server must be a stock one; metarecd "
      "changes nothing.");
  verb.Example("metarec rename temp-2 temp_2 --meta meta1:34601,meta2:34601");
  const auto arguments = std::make_shared<RenameArguments>();
  verb.Add("old_name", &arguments->old_name, "the table").Required();
  verb.Add("new_name", &arguments->new_name, "its new name").Required();
  arguments->change.AddTo(verb);
  return [=] {
    return arguments->change.Run([&](MetaClient* client) { return Rename(client, *arguments); });
  };
}

RunVerb MakeSetMetaLevelVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell does for set_meta_level: tells the meta server how much to do by "
      "itself. At steady or below it moves no replica and deletes none; stay there until every "
      "node "
      "that ever held data is back.");
  verb.Example("metarec set_meta_level steady --meta meta1:34601,meta2:34601");
  const auto arguments = std::make_shared<LevelArguments>();
  verb.Add("level", &arguments->level, "the function level")
      .TypeName("stopped|blind|freezed|steady|lively")
      .OneOf({"stopped", "blind", "freezed", "steady", "lively"})
      .Required();
  arguments->change.AddTo(verb);
  return [=] {
    return arguments->change.Run(
        [&](MetaClient* client) { return SetLevel(client, arguments->level); });
  };
}

}  // namespace metarec::tools
