#include "benchmarks/raw_zookeeper.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <zookeeper/zookeeper.h>

namespace metarec::benchmarks {
namespace {

constexpr int kSessionTimeoutMs = 40'000;
constexpr size_t kBytesPerOp = 60;  // about what ZooKeeper adds to path and data

}  // namespace

// Counts what is in flight, and keeps the first error.
struct RawZooKeeper::Session {
  zhandle_t* handle = nullptr;

  absl::Mutex mutex;
  bool connected ABSL_GUARDED_BY(mutex) = false;
  size_t in_flight ABSL_GUARDED_BY(mutex) = 0;
  int error ABSL_GUARDED_BY(mutex) = ZOK;

  static void OnEvent(zhandle_t*, int, int state, const char*, void* context) {
    auto* session = static_cast<Session*>(context);
    const absl::MutexLock lock(&session->mutex);
    if (state == ZOO_CONNECTED_STATE) session->connected = true;
  }

  static void OnString(int code, const char*, const void* context) { Done(code, context); }
  static void OnData(int code, const char*, int, const Stat*, const void* context) {
    Done(code, context);
  }
  static void OnAcl(int code, ACL_vector*, Stat*, const void* context) { Done(code, context); }
  static void Done(int code, const void* context) {
    auto* session = static_cast<Session*>(const_cast<void*>(context));
    const absl::MutexLock lock(&session->mutex);
    --session->in_flight;
    if (session->error == ZOK) session->error = code;
  }

  // Calls `submit` as soon as less than `in_flight_max` are in flight.
  absl::Status Submit(size_t in_flight_max, const std::function<int()>& submit) {
    struct Room {
      Session* session;
      size_t max;
    } room{this, in_flight_max};
    {
      const absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(
          +[](Room* r) {
            r->session->mutex.AssertHeld();
            return r->session->in_flight < r->max || r->session->error != ZOK;
          },
          &room));
      if (error != ZOK) return ErrorOf(error);
      ++in_flight;
    }
    const int code = submit();
    if (code == ZOK) return absl::OkStatus();
    const absl::MutexLock lock(&mutex);
    --in_flight;
    return ErrorOf(code);
  }

  // Everything that was submitted refers to memory of the caller.
  absl::Status AwaitAllAfter(const absl::Status& failed) {
    AwaitAll().IgnoreError();
    return failed;
  }

  absl::Status AwaitAll() {
    const absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(
        +[](Session* s) {
          s->mutex.AssertHeld();
          return s->in_flight == 0;
        },
        this));
    return ErrorOf(std::exchange(error, ZOK));
  }

  static absl::Status ErrorOf(int code) {
    if (code == ZOK) return absl::OkStatus();
    return absl::UnknownError(absl::StrCat("ZooKeeper: ", zerror(code)));
  }
};

RawZooKeeper::RawZooKeeper(std::unique_ptr<Session> session) : session_(std::move(session)) {}

RawZooKeeper::~RawZooKeeper() { zookeeper_close(session_->handle); }

absl::StatusOr<std::unique_ptr<RawZooKeeper>> RawZooKeeper::Connect(const std::string& hosts) {
  auto session = std::make_unique<Session>();
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  session->handle = zookeeper_init(hosts.c_str(), &Session::OnEvent, kSessionTimeoutMs, nullptr,
                                   session.get(), 0);
  if (session->handle == nullptr) return absl::UnavailableError("zookeeper_init failed");
  // Else it would look up the hosts' names at nearly every request.
  zoo_set_servers_resolution_delay(session->handle, -1);
  bool connected = false;
  {
    const absl::MutexLock lock(&session->mutex);
    connected =
        session->mutex.AwaitWithTimeout(absl::Condition(&session->connected), absl::Seconds(20));
  }
  auto raw = std::unique_ptr<RawZooKeeper>(new RawZooKeeper(std::move(session)));
  if (!connected) return absl::UnavailableError(absl::StrCat("no session with ", hosts));
  return raw;
}

absl::Status RawZooKeeper::MakePath(const std::string& path) {
  std::string made;
  for (const absl::string_view component : absl::StrSplit(path.substr(1), '/')) {
    absl::StrAppend(&made, "/", component);
    const int code =
        zoo_create(session_->handle, made.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    if (code != ZOK && code != ZNODEEXISTS) return Session::ErrorOf(code);
  }
  return absl::OkStatus();
}

absl::Status RawZooKeeper::CreateInMultis(const std::vector<RawZnode>& znodes, size_t parents,
                                          size_t ops_max, size_t bytes_max, size_t in_flight_max) {
  // Operations and results must live until the answer is there; so they all do.
  std::vector<zoo_op_t> ops(znodes.size());
  std::vector<zoo_op_result_t> results(znodes.size());
  for (size_t begin = 0; begin < znodes.size();) {
    const size_t limit = begin < parents ? parents : znodes.size();
    size_t end = begin;
    for (size_t bytes = 0; end < limit && end - begin < ops_max; ++end) {
      const RawZnode& znode = znodes[end];
      bytes += znode.path.size() + znode.data.size() + kBytesPerOp;
      if (bytes > bytes_max && end > begin) break;
      zoo_create_op_init(&ops[end], znode.path.c_str(), znode.data.data(),
                         static_cast<int>(znode.data.size()), &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    }
    const absl::Status sent = session_->Submit(in_flight_max, [&] {
      return zoo_amulti(
          session_->handle, static_cast<int>(end - begin), &ops[begin], &results[begin],
          +[](int code, const void* context) { Session::Done(code, context); }, session_.get());
    });
    begin = end;
    if (!sent.ok()) return session_->AwaitAllAfter(sent);
    if (begin != parents) continue;
    if (absl::Status status = session_->AwaitAll(); !status.ok()) return status;
  }
  return session_->AwaitAll();
}

absl::Status RawZooKeeper::CheckAll(const std::vector<RawZnode>& znodes, size_t ops_max,
                                    size_t in_flight_max) {
  std::vector<zoo_op_t> ops(znodes.size());
  std::vector<zoo_op_result_t> results(znodes.size());
  for (size_t begin = 0; begin < znodes.size(); begin += ops_max) {
    const size_t end = std::min(znodes.size(), begin + ops_max);
    for (size_t i = begin; i < end; ++i) zoo_check_op_init(&ops[i], znodes[i].path.c_str(), 0);
    const absl::Status sent = session_->Submit(in_flight_max, [&] {
      return zoo_amulti(
          session_->handle, static_cast<int>(end - begin), &ops[begin], &results[begin],
          +[](int code, const void* context) { Session::Done(code, context); }, session_.get());
    });
    if (!sent.ok()) return session_->AwaitAllAfter(sent);
  }
  return session_->AwaitAll();
}

absl::Status RawZooKeeper::CreateOneByOne(const std::vector<RawZnode>& znodes) {
  for (const RawZnode& znode : znodes) {
    const absl::Status sent = session_->Submit(znodes.size(), [&] {
      return zoo_acreate(session_->handle, znode.path.c_str(), znode.data.data(),
                         static_cast<int>(znode.data.size()), &ZOO_OPEN_ACL_UNSAFE, 0,
                         &Session::OnString, session_.get());
    });
    if (!sent.ok()) return session_->AwaitAllAfter(sent);
  }
  return session_->AwaitAll();
}

absl::Status RawZooKeeper::GetAll(const std::vector<RawZnode>& znodes, size_t in_flight_max) {
  for (const RawZnode& znode : znodes) {
    const absl::Status sent = session_->Submit(in_flight_max, [&] {
      return zoo_aget(session_->handle, znode.path.c_str(), 0, &Session::OnData, session_.get());
    });
    if (!sent.ok()) return session_->AwaitAllAfter(sent);
  }
  return session_->AwaitAll();
}

absl::Status RawZooKeeper::GetAllWithAcls(const std::vector<RawZnode>& znodes,
                                          size_t in_flight_max) {
  for (const RawZnode& znode : znodes) {
    absl::Status sent = session_->Submit(in_flight_max, [&] {
      return zoo_aget(session_->handle, znode.path.c_str(), 0, &Session::OnData, session_.get());
    });
    sent.Update(session_->Submit(in_flight_max, [&] {
      return zoo_aget_acl(session_->handle, znode.path.c_str(), &Session::OnAcl, session_.get());
    }));
    if (!sent.ok()) return session_->AwaitAllAfter(sent);
  }
  return session_->AwaitAll();
}

}  // namespace metarec::benchmarks
