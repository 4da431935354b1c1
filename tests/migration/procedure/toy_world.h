// A world that a procedure changes, with everything that can go wrong, and that knows what must
// never happen in it.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "migration/procedure/procedure.h"
#include "testing/virtual_clock.h"

namespace metarec {

// What goes wrong, once, at the `at`th moment at which anything can.
struct ToyFault {
  enum class Kind {
    kNone,
    kDieBefore,   // the process is killed before it happens
    kDieAfter,    // ... after it has happened
    kFailBefore,  // an error, and it has not happened
    kFailAfter,   // an error, and it has happened
  };
  Kind kind = Kind::kNone;
  int64_t at = 0;
};

class ToyWorld : public ProcedureListener {
 public:
  explicit ToyWorld(ToyFault fault = {}) : fault_(fault) {}

  // What is done at the moment; how often each was done and undone.
  std::map<std::string, bool> is_done;
  std::vector<std::string> log;        // acts that took effect, "+a", "-a"
  std::vector<std::string> wrongs;     // what must never happen
  std::vector<std::string> waits;      // what was said of waiting
  std::vector<std::string> acting;     // of acts that were still under way
  std::vector<std::string> ways_back;  // what was said for them
  std::vector<std::string> requests;   //
  std::string saved;                   // the state, as it is on the disk
  bool operator_is_there = true;       // does what he is asked to
  bool way_back_is_open = true;
  std::optional<std::string> broken_guard;  // of this step
  int64_t moments = 0;

  // An act that is done by the program.
  absl::Status Do(const std::string& name, bool done) {
    return Happen([this, name, done] { Change(name, done); });
  }

  absl::Status Save(const ProcedureState& state) {
    return Happen([this, &state] {
      std::string text;
      const absl::Status encoded = EncodeProcedureState(state, [&text](absl::string_view line) {
        absl::StrAppend(&text, line, "\n");
        return absl::OkStatus();
      });
      if (!encoded.ok()) wrongs.push_back(std::string(encoded.message()));
      saved = text;
    });
  }

  void ForgetFault() { fault_ = {}; }

  std::vector<Step> Steps() {
    std::vector<Step> steps;
    Step look;
    look.name = "look";
    look.deed.title = "Look at everything";
    look.deed.act = [] { return Nothing(); };
    look.deed.after = [this] { return Seen("look", true); };
    steps.push_back(std::move(look));
    for (const char* const name : {"a", "b"}) steps.push_back(Automatic(name));
    steps.push_back(ByOperator("c"));
    steps.push_back(Automatic("d"));
    Step last = Automatic("e");
    last.stage = Stage::kFinish;
    last.back = WayBack();
    last.back.kind = WayBack::Kind::kNone;
    last.back.why_none = "What e has removed is gone.";
    steps.push_back(std::move(last));
    return steps;
  }

  ProcedureState NewState() {
    ProcedureHead head;
    head.kind = "toy";
    head.title = "change the toy world";
    head.run_id = "0123456789abcdef";
    head.created_at = "2026-11-29T00:00:00Z";
    head.tool_version = "1";
    head.request = R"({"what":"toy"})";
    for (const Step& step : Steps()) head.steps.push_back(step.name);
    return ProcedureState(std::move(head));
  }

  // One life of the process. It knows what is on the disk.
  absl::Status Live(bool aborts, Stage through = Stage::kRun) {
    ProcedureState state = NewState();
    if (!saved.empty()) {
      std::vector<std::string> lines = absl::StrSplit(saved, '\n');
      lines.pop_back();
      auto decoded = DecodeProcedureState("toy.state", lines);
      if (!decoded.ok()) return decoded.status();
      state = *std::move(decoded);
    }
    is_dead_ = false;
    asio::io_context context;
    testing::EventQueue queue;
    testing::VirtualClock clock(&queue);
    Procedure procedure(
        Steps(), &state, [this](const ProcedureState& now) { return Save(now); }, &clock, this);
    std::optional<absl::Status> ended;
    auto run = aborts ? procedure.Abort() : procedure.Run(through);
    asio::co_spawn(context, std::move(run),
                   [&](const std::exception_ptr& thrown, absl::Status status) {
                     if (thrown) std::rethrow_exception(thrown);
                     ended = std::move(status);
                   });
    do {
      context.restart();
      context.poll();
    } while (!ended.has_value() && queue.RunNext());
    return ended.value_or(absl::InternalError("it waits for ever"));
  }

  void OnBegin(const Step&, const Deed&) override {}
  void OnRequest(const std::string& request) override {
    requests.push_back(request);
    if (is_dead_ || !operator_is_there) return;
    // He needs some time: his deed is seen at the third look.
    const bool done = request[0] == '+';
    operator_does_[request.substr(1)] = {done, 2};
  }
  void OnWait(const std::string& seen, absl::Duration) override { waits.push_back(seen); }
  void OnActing(const Step& step, absl::Duration) override { acting.push_back(step.name); }
  void OnWayBack(const Step& step, const std::string& seen) override {
    ways_back.push_back(absl::StrCat(step.name, ": ", seen));
  }
  void OnEnd(const Step&, const std::string&) override {}

 private:
  static asio::awaitable<absl::Status> Nothing() { co_return absl::OkStatus(); }

  asio::awaitable<absl::Status> Act(std::string name, bool done) { co_return Do(name, done); }

  asio::awaitable<absl::StatusOr<Sight>> Seen(std::string name, bool wanted) {
    if (is_dead_) co_return absl::CancelledError("dead");
    if (name == "look") co_return Sight::Holds("everything is there");
    if (const auto order = operator_does_.find(name); order != operator_does_.end()) {
      if (--order->second.second <= 0) {
        Change(name, order->second.first);
        operator_does_.erase(order);
      }
    }
    const bool holds = is_done[name] == wanted;
    const std::string seen = absl::StrCat(name, is_done[name] ? " is done" : " is not done");
    co_return holds ? Sight::Holds(seen) : Sight::Lacks(seen);
  }

  asio::awaitable<absl::StatusOr<Sight>> Guard(std::string name) {
    if (is_dead_) co_return absl::CancelledError("dead");
    if (broken_guard == name) co_return Sight::Lacks("something stands in the way");
    co_return Sight::Holds("");
  }

  asio::awaitable<absl::StatusOr<Sight>> Open() {
    if (is_dead_) co_return absl::CancelledError("dead");
    co_return way_back_is_open ? Sight::Holds("n3 was not asked")
                               : Sight::Lacks("d has gone beyond it");
  }

  Step Automatic(const std::string& name) {
    Step step;
    step.name = name;
    step.deed.title = absl::StrCat("Do ", name);
    step.deed.guard = "nothing stands in the way";
    step.deed.result = absl::StrCat(name, " is done");
    step.deed.by_hand = {absl::StrCat("do ", name)};
    step.deed.before = [this, name] { return Guard(name); };
    step.deed.act = [this, name] { return Act(name, true); };
    step.deed.after = [this, name] { return Seen(name, true); };
    step.back.kind = WayBack::Kind::kDeed;
    if (name == "d") step.back.possible = [this] { return Open(); };
    step.back.deed.title = absl::StrCat("Undo ", name);
    step.back.deed.by_hand = {absl::StrCat("undo ", name)};
    step.back.deed.act = [this, name] { return Act(name, false); };
    step.back.deed.after = [this, name] { return Seen(name, false); };
    return step;
  }

  Step ByOperator(const std::string& name) {
    Step step = Automatic(name);
    step.deed.act = nullptr;
    step.deed.request = absl::StrCat("+", name);
    step.back.deed.act = nullptr;
    step.back.deed.request = absl::StrCat("-", name);
    return step;
  }

  void Change(const std::string& name, bool done) {
    if (is_done[name] == done) wrongs.push_back(absl::StrCat(name, " is repeated blindly"));
    if (!operator_is_there && name == "c") wrongs.push_back("c was done by nobody");
    is_done[name] = done;
    log.push_back(absl::StrCat(done ? "+" : "-", name));
  }

  template <typename Effect>
  absl::Status Happen(const Effect& effect) {
    if (is_dead_) {
      wrongs.push_back("something happens although the process is dead");
      return absl::CancelledError("dead");
    }
    const bool is_now = fault_.kind != ToyFault::Kind::kNone && moments++ == fault_.at;
    if (!is_now) {
      effect();
      return absl::OkStatus();
    }
    const ToyFault::Kind kind = fault_.kind;
    if (kind == ToyFault::Kind::kDieAfter || kind == ToyFault::Kind::kFailAfter) effect();
    is_dead_ = kind == ToyFault::Kind::kDieBefore || kind == ToyFault::Kind::kDieAfter;
    return is_dead_ ? absl::CancelledError("killed") : absl::UnavailableError("the answer is lost");
  }

  ToyFault fault_;
  bool is_dead_ = false;
  std::map<std::string, std::pair<bool, int>> operator_does_;
};

}  // namespace metarec
