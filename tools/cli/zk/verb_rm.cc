// zk rm: deletes a tree, exactly what was seen of it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "zk_store/tree/tree_removal.h"

namespace metarec::tools {
namespace {

struct RmArguments {
  std::string verb;
  SideArguments side{SideArguments::Access::kChange};
  std::string digest;
  OutputArguments output;
};

std::string SurveyText(const TreeRemovalResult& result, const std::string& name) {
  const TreeSurvey& survey = result.survey;
  std::string text;
  std::vector<std::vector<std::string>> rows;
  for (const TreeSurvey::Child& child : survey.children) {
    rows.push_back({absl::StrCat("/", Printable(child.name)), Counted(child.znodes, "znode"),
                    Counted(child.data_bytes, "byte")});
  }
  absl::StrAppend(&text, AlignedRows(rows));
  if (survey.more_children > 0) absl::StrAppend(&text, "and ", survey.more_children, " more\n");
  if (!result.unfinished.empty()) {
    absl::StrAppend(&text, "unfinished: ", Printable(result.unfinished), "\n");
  }
  if (survey.ephemerals.count > 0) {
    absl::StrAppend(&text, Counted(survey.ephemerals.count, "ephemeral znode"), ": ",
                    survey.ephemerals.ToText(),
                    " (sessions: ", absl::StrJoin(survey.sessions, ", "),
                    "). Somebody who is alive uses this tree: it would not be deleted\n");
  }
  absl::StrAppend(&text, name, ": ", Counted(survey.znodes, "znode"), ", ",
                  Counted(survey.data_bytes, "byte"), " of data. Nothing was deleted\n");
  if (survey.ephemerals.count == 0) {
    absl::StrAppend(&text, "to delete exactly this, add --yes=", survey.digest, "\n");
  }
  return text;
}

std::string JsonOfRemoval(const TreeRemovalResult& result, const std::string& name, bool looked) {
  std::vector<std::string> sessions;
  for (const std::string& session : result.survey.sessions) {
    sessions.push_back(JsonString(session));
  }
  return JsonObject()
      .Set("side", name)
      .Set("znodes", result.survey.znodes)
      .Set("data_bytes", result.survey.data_bytes)
      .Set("ephemerals", result.survey.ephemerals.count)
      .SetJson("sessions", JsonArray(sessions))
      .Set("unfinished", result.unfinished)
      .Set("tree_digest", result.survey.digest)
      .Set("removed", !looked)
      .Set("deleted", result.deleted)
      .Set("resumed", result.resumed)
      .ToLine();
}

asio::awaitable<absl::StatusOr<ExitCode>> Remove(const RmArguments& arguments, CommandLoop* loop,
                                                 ProgressPrinter* progress) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await arguments.side.Open(&loop->clock()));
  const SidePlace place = arguments.side.place();
  TreeRemovalOptions options;
  options.root = place.path;
  options.name = place.ToText();
  options.digest = arguments.digest;
  TreeRemovalEvents events;
  events.on_progress = [progress](absl::string_view activity, int64_t znodes) {
    Progress shown;
    shown.phase = activity == "delete" ? Phase::kWrite : Phase::kRead;
    shown.done = znodes;
    progress->OnProgress(shown);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeRemovalResult result,
      co_await RemoveTree(store.get(), &loop->clock(), std::move(options), std::move(events)));
  progress->Clear();
  const bool looked = arguments.digest.empty();
  const std::string name = place.ToText();
  std::string text;
  if (arguments.output.json()) {
    text = JsonOfRemoval(result, name, looked);
  } else if (looked) {
    text = SurveyText(result, name);
  } else {
    text =
        absl::StrCat(name, " is deleted: ", Counted(result.deleted, "znode"),
                     result.resumed ? " by this run, which went on with an earlier one" : "", "\n");
  }
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(text));
  if (!looked) co_return ExitCode::kDone;
  co_return result.survey.ephemerals.count > 0 ? ExitCode::kRefused : ExitCode::kDifferences;
}

// "sha256:" and 64 hexadecimal digits.
bool LooksLikeDigest(absl::string_view text) {
  constexpr size_t kDigits = 64;
  return absl::ConsumePrefix(&text, "sha256:") && text.size() == kDigits &&
         absl::c_all_of(text, [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

ExitCode RunRm(const RmArguments& arguments) {
  if (const absl::Status wrong = arguments.side.Check(); !wrong.ok()) {
    return Fail(arguments.verb, wrong);
  }
  if (arguments.side.place().is_file()) {
    return Fail(arguments.verb,
                absl::InvalidArgumentError(absl::StrCat(
                    "side: ", arguments.side.place().ToText(),
                    " is a file or a folder; zk rm deletes HOST:PORT,.../PATH in a ZooKeeper")));
  }
  if (!arguments.digest.empty() && !LooksLikeDigest(arguments.digest)) {
    return Fail(arguments.verb,
                absl::InvalidArgumentError(absl::StrCat(
                    "--yes ", Printable(Shortened(arguments.digest)),
                    " is no digest; the same command without --yes prints the one to give")));
  }
  CommandLoop loop;
  const CommandLoop::AfterInterruption after(
      "a part of the tree may be deleted; the same command goes on with it",
      /*does_write=*/true);
  return loop.Run(
      arguments.verb, after,
      [&](ProgressPrinter* progress) { return Remove(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeZkRmVerb(Command& verb) {
  verb.Paragraph(
      "Deletes a znode with all below it. Without --yes it only shows what would go, and the "
      "digest of it. With that digest it deletes exactly this, leaves first, and refuses if the "
      "tree has changed, or if there are ephemeral znodes in it: then somebody uses it, or holds a "
      "lock. An interrupted deletion goes on with the same command.");
  verb.Example("metarec zk rm zk1:2181/pegasus/old", "shows what would go");
  verb.Example("metarec zk rm zk1:2181/pegasus/old --yes=sha256:0c8f...");
  const auto arguments = std::make_shared<RmArguments>();
  arguments->verb = absl::StrCat("zk ", verb.name());
  AddSides(verb, {&arguments->side});
  verb.Add("--yes", &arguments->digest,
           "delete the tree that has this digest, as zk rm without --yes and zk diff print it")
      .TypeName("DIGEST");
  arguments->output.AddTo(verb);
  return [arguments] { return RunRm(*arguments); };
}

}  // namespace metarec::tools
