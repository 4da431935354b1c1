// Those who write while a copy runs: users of the source, and strangers in the target.

#include <iterator>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>

#include "copy_world.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec::simulation {
namespace {

const StoreClient kWriter = {.name = "writer",
                             .number = -1,
                             .is_engine = false,
                             .identities = {CopierIdentity(), OtherIdentity()}};
const StoreClient kIntruder = {.name = "stranger",
                               .number = -2,
                               .is_engine = false,
                               .identities = {CopierIdentity(), OtherIdentity()}};

}  // namespace

std::string CopyWorld::Absolute(Side side, const std::string& path) const {
  const std::string& root = side == Side::kFrom ? case_.from_root : case_.to_root;
  if (root != "/") return root + path;
  return path.empty() ? "/" : path;
}

std::string CopyWorld::AnyPath(Side side) {
  const TreeSnapshot& now = (side == Side::kFrom ? source_states_ : target_states_).back();
  if (now.empty()) return "";
  return std::next(now.begin(), random.Pick(0, std::ssize(now) - 1))->first;
}

void CopyWorld::WriteToSource(const TransferItem& writer) {
  CountFault("writer");
  const absl::Time until = queue.now() + writer.lasts;
  ++writers_;
  // It refers to itself only while it is planned.
  const auto write = std::make_shared<std::function<void()>>();
  *write = [this, until, every = absl::Milliseconds(writer.b),
            again = std::weak_ptr<std::function<void()>>(write)] {
    if (is_calm() || queue.now() >= until) {
      --writers_;
      return;
    }
    ChangeSource();
    queue.After(every, [next = again.lock()] { (*next)(); });
  };
  (*write)();
}

void CopyWorld::ChangeSource() {
  const std::string path = AnyPath(Side::kFrom);
  const std::string absolute = Absolute(Side::kFrom, path);
  const std::string data = absl::StrCat("w", random.Pick(0, 99));
  const auto write = [this](std::vector<StoreOp> ops) {
    Write(Side::kFrom, kWriter, 0, std::move(ops)).IgnoreError();
  };
  const auto below = [&](const std::string& name) {
    return absl::StrCat(absolute == "/" ? "" : absolute, "/", name);
  };
  switch (random.Pick(0, 9)) {
    case 0:
    case 1:
      return write({CreateOp{below(absl::StrCat("new", random.Pick(0, 9))), data}});
    case 2:
      return path.empty() ? void() : write({DeleteOp{absolute}});
    case 3:
      // It looks the same afterwards, and is another one.
      if (path.empty()) return;
      return write({DeleteOp{absolute}, CreateOp{absolute, data}});
    case 4: {
      const std::string other = Absolute(Side::kFrom, AnyPath(Side::kFrom));
      return write({SetOp{absolute, data}, SetOp{other, data}});
    }
    case 5: {
      const int64_t session = zookeeper(Side::kFrom).OpenForeignSession();
      foreign_sessions_.emplace_back(Side::kFrom, session);
      Write(Side::kFrom, kWriter, session,
            {CreateOp{below("ephemeral"), data, CreateMode::kEphemeral}})
          .IgnoreError();
      return;
    }
    case 6: {
      if (case_.IsSimple()) return;
      const auto acl = static_cast<CopyAcl>(random.Pick(0, kCopyAcls - 2));
      return write({SetAclOp{absolute, AclOf(acl)}});
    }
    default:
      return write({SetOp{absolute, data}});
  }
}

void CopyWorld::WriteAsStranger(int64_t what) {
  CountFault("stranger");
  const std::string path = AnyPath(Side::kTo);
  const std::string absolute = Absolute(Side::kTo, path);
  const std::string journal = Absolute(Side::kTo, std::string(kTreeJournalPath));
  const auto below = [&](const std::string& name) {
    return absl::StrCat(absolute == "/" ? "" : absolute, "/", name);
  };
  const auto write = [this](StoreOp op) {
    Write(Side::kTo, kIntruder, 0, {std::move(op)}).IgnoreError();
  };
  switch (what) {
    case 0:
      return write(CreateOp{Absolute(Side::kTo, "/stranger"), "hello"});
    case 1:
      return write(CreateOp{below("a"), "hello"});
    case 2:
      return write(SetOp{absolute, "hello"});
    case 3:
      return path.empty() ? void() : write(DeleteOp{absolute});
    case 4:
      return write(SetAclOp{absolute, AclOf(CopyAcl::kReadable)});
    case 5: {
      const int64_t session = zookeeper(Side::kTo).OpenForeignSession();
      foreign_sessions_.emplace_back(Side::kTo, session);
      Write(Side::kTo, kIntruder, session,
            {CreateOp{below("ephemeral"), "hello", CreateMode::kEphemeral}})
          .IgnoreError();
      return;
    }
    case 6:
      return write(DeleteOp{journal});
    case 7:
      return write(SetOp{journal, "{}"});
    default: {
      // All of it.
      write(DeleteOp{journal});
      const TreeSnapshot now = target_states_.back();
      for (auto node = now.rbegin(); node != now.rend(); ++node) {
        if (!node->first.empty()) write(DeleteOp{Absolute(Side::kTo, node->first)});
      }
      return;
    }
  }
}

}  // namespace metarec::simulation
