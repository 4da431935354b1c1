// The step that changes the configuration of the meta servers, here or where they are.

#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/procedure/operator_command.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "pegasus_client/config_edit.h"

namespace metarec {

Step ZooKeeperMove::EditConfigs() {
  Step step;
  step.name = move_step::kEditConfigs;
  FillEditDeed(/*back=*/false, &step.deed);
  step.back.kind = WayBack::Kind::kDeed;
  FillEditDeed(/*back=*/true, &step.back.deed);
  return step;
}

void ZooKeeperMove::FillEditDeed(bool back, Deed* deed) {
  const std::vector<ConfigChange> changes = request_.ConfigChanges(back);
  std::vector<std::string> keys;
  for (const ConfigChange& change : changes) {
    keys.push_back(absl::StrCat("[", change.section, "] ", change.key, " = ", change.value));
  }
  deed->title = absl::StrCat(back ? "Put back in" : "Set in", " the config.ini of ",
                             NamesOf(request_.metas), ": ", absl::StrJoin(keys, ", "));
  deed->guard = back ? "all meta servers are stopped"
                     : "all meta servers are stopped, none was started on the old one since the "
                       "new tree was made, and nobody else has written into that";
  deed->result =
      back ? "each config.ini is as it was before" : "each config.ini has the new values";
  std::vector<MoveServer> elsewhere;
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) elsewhere.push_back(server);
    deed->by_hand.push_back(absl::StrCat(
        by_hand::EditConfig(changes, server.config.empty() ? "config.ini" : server.config),
        server.config.empty() ? absl::StrCat("   # of ", server.address) : ""));
  }
  deed->before = [this, back]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await AllPortsClosed(request_.metas));
    if (!sight.holds) co_return sight;
    if (back) co_return co_await OldLeaderMayStart();
    METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NoteNewTreeOnce());
    if (!sight.holds) co_return sight;
    co_return co_await NobodyLedSince();
  };
  deed->act = [this, back] { return EditAllConfigs(back); };
  deed->after = [this, back] { return ConfigsAre(!back); };
  deed->wait_max = wait_max();
  if (elsewhere.empty()) return;
  const std::string confirm = absl::StrCat("touch ", ShellWord(ConfirmationPath(back)));
  deed->by_hand.push_back(absl::StrCat(confirm, "   # tells metarec that ", NamesOf(elsewhere),
                                       elsewhere.size() == 1 ? " has it" : " have it"));
  if (!request_.edit_config.empty()) {
    deed->settles_in = absl::Seconds(request_.command_seconds) + kCommandTimeToEnd;
    return;
  }
  deed->request = absl::StrCat("Please set ", absl::StrJoin(keys, ", "), back ? " again" : "",
                               " in the config.ini of ", NamesOf(elsewhere), ", such as with ",
                               by_hand::EditConfig(changes, "config.ini"), ", and confirm it with ",
                               confirm, ".");
}

asio::awaitable<absl::Status> ZooKeeperMove::EditAllConfigs(bool back) {
  std::vector<std::string> difference;
  std::vector<MoveServer> elsewhere;
  const std::vector<ConfigChange> changes = request_.ConfigChanges();
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) {
      elsewhere.push_back(server);
    } else if (back) {
      METAREC_CO_RETURN_IF_ERROR(RestoreConfigFile(server.config, changes, BackupSuffix()));
    } else {
      METAREC_CO_ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                                  EditConfigFile(server.config, changes, BackupSuffix()));
      for (const std::string& line : lines) {
        difference.push_back(absl::StrCat(server.config, ":", line));
      }
    }
  }
  if (!back) state_->Note(move_fact::kConfigDifference, std::move(difference));
  if (elsewhere.empty() || request_.edit_config.empty()) co_return absl::OkStatus();
  state_->Note(ConfigsFact(!back), "");
  OperatorAct act;
  act.command = request_.edit_config;
  act.what = absl::StrCat(by_hand::EditConfig(request_.ConfigChanges(back), "config.ini"), " on");
  act.then = absl::StrCat(", and touch ", ShellWord(ConfirmationPath(back)), " here");
  act.back = back;
  METAREC_CO_RETURN_IF_ERROR(co_await RunFor(elsewhere, std::move(act)));
  state_->Note(ConfigsFact(back), "yes");
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::ConfigsAre(bool edited) {
  std::vector<std::string> wrong;
  std::vector<MoveServer> elsewhere;
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) {
      elsewhere.push_back(server);
      continue;
    }
    METAREC_CO_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(server.config));
    for (const ConfigChange& change : request_.ConfigChanges()) {
      const bool is_new = ConfigValue(text, change.section, change.key) == change.value;
      if (is_new == edited) continue;
      wrong.push_back(absl::StrCat(server.config, edited ? " does not have" : " still has",
                                   " the new value of [", change.section, "] ", change.key));
    }
  }
  // What is elsewhere cannot be seen: the command's exit code or the operator says it.
  const std::string confirmation = ConfirmationPath(/*back=*/!edited);
  std::error_code error;
  const bool is_said =
      !state_->Fact(ConfigsFact(!edited)).empty() || std::filesystem::exists(confirmation, error);
  if (!elsewhere.empty() && !is_said) {
    wrong.push_back(
        absl::StrCat(request_.edit_config.empty() ? "nobody has confirmed it for "
                                                  : "--edit_config has not yet ended with 0 for ",
                     NamesOf(elsewhere), " (by hand it is confirmed by touch ", confirmation, ")"));
  }
  co_return SightOf(wrong,
                    absl::StrCat(Counted(static_cast<int64_t>(request_.metas.size()), "config.ini"),
                                 edited ? " changed" : " as before"));
}

}  // namespace metarec
