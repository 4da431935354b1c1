#include "zk_store/client/zookeeper_meta_store.h"

#include <functional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/error_code.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/cancellation.h"
#include "base/runtime/one_shot.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/zookeeper_handle.h"

namespace metarec {
namespace {

// Calls `submit` with a callback, and completes with what that gets on libzookeeper's thread. It
// touches nothing of the store once it is suspended, since the store may be destroyed meanwhile.
template <typename Result>
asio::awaitable<Result> Await(std::function<void(ZooKeeperHandle::Done<Result>)> submit) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it was submitted");
  OneShotReceiver<Result> reply(co_await asio::this_coro::executor);
  submit([sender = reply.sender()](Result result) { sender.Send(std::move(result)); });
  METAREC_CO_RETURN_IF_ERROR(co_await reply.Wait());
  co_return std::move(reply.value());
}

// Half of the time is for this, so that a name service that does not answer for one host leaves
// enough to reach the others.
constexpr double kLookUpShare = 0.5;

struct HostLookup {
  std::string address;  // as it is given
  absl::Status asked;
  const std::shared_ptr<bool> is_known = std::make_shared<bool>(false);
};

asio::awaitable<void> LookUp(ZooKeeperHost host, HostLookup* lookup, absl::Time deadline,
                             Clock* clock) {
  lookup->address = absl::StrCat(host.host, ":", host.port);
  asio::error_code no_address;
  asio::ip::make_address(host.host, no_address);
  if (!no_address) {
    *lookup->is_known = true;
    co_return;
  }
  const std::string name = host.host;
  // Named: see cancellation.h on temporaries beside a co_await.
  const ResolverQuestion question = [host = std::move(host)](asio::ip::tcp::resolver& resolver,
                                                             asio::error_code& error) {
    return resolver.resolve(host.host, absl::StrCat(host.port), error);
  };
  const absl::StatusOr<ResolverResults> found =
      co_await AskResolver(clock, deadline, name, question);
  *lookup->is_known = found.ok();
  lookup->asked = absl::IsNotFound(found.status()) ? absl::OkStatus() : found.status();
}

absl::Status NoKnownHost(const std::vector<std::string>& unknown,
                         const std::vector<std::string>& unanswered) {
  constexpr absl::string_view kAdvice = "; check its spelling and the name service of this machine";
  if (unanswered.empty()) {
    return absl::UnavailableError(absl::StrCat(
        "ZooKeeper: the host name is not known: ", absl::StrJoin(unknown, ", "), kAdvice));
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "ZooKeeper: the name service of this machine does not answer in time for ",
      absl::StrJoin(unanswered, ", "),
      unknown.empty() ? "" : absl::StrCat(" and does not know ", absl::StrJoin(unknown, ", ")),
      "; repair it or give IP addresses"));
}

// libzookeeper starts only if it can resolve every name. This finds out which ones are known: a
// host that is gone for good must not stop us.
asio::awaitable<absl::StatusOr<std::string>> KnownHosts(std::vector<ZooKeeperHost> hosts,
                                                        absl::Time deadline, Clock* clock) {
  std::vector<HostLookup> lookups(hosts.size());
  co_await ForEachBounded(hosts.size(), hosts.size(), [&](size_t i) {
    return LookUp(std::move(hosts[i]), &lookups[i], deadline, clock);
  });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled");
  std::vector<std::string> known;
  std::vector<std::string> unknown;
  std::vector<std::string> unanswered;
  for (HostLookup& lookup : lookups) {
    if (absl::IsDeadlineExceeded(lookup.asked)) {
      unanswered.push_back(std::move(lookup.address));
      continue;
    }
    METAREC_CO_RETURN_IF_ERROR(lookup.asked);
    (*lookup.is_known ? known : unknown).push_back(std::move(lookup.address));
  }
  if (known.empty()) co_return NoKnownHost(unknown, unanswered);
  co_return absl::StrJoin(known, ",");
}

using OpenedHandle = absl::StatusOr<std::unique_ptr<ZooKeeperHandle>>;

// libzookeeper looks the names up once more, which may block although we just did it. A handle
// that comes too late closes itself.
asio::awaitable<OpenedHandle> OpenWithoutBlocking(ZooKeeperOptions options, std::string hosts,
                                                  absl::Time deadline, Clock* clock) {
  const auto opened = std::make_shared<OpenedHandle>(absl::UnknownError("not opened"));
  const std::function<void()> call = [opened, options = std::move(options),
                                      hosts = std::move(hosts)] {
    *opened = ZooKeeperHandle::Open(options, hosts);
  };
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitBlockingCall(clock, deadline, call));
  co_return std::move(*opened);
}

// How long a client that must write looks for a server with a quorum, while it is connected to one
// without. libzookeeper tries the others meanwhile, one after the other.
constexpr absl::Duration kTimeForAQuorum = absl::Seconds(3);

struct Establishing {
  ZooKeeperHandle* handle;
  const ZooKeeperOptions* options;
  Clock* clock;
  absl::Status failure;  // OK: none so far
};

// Some servers take every session, and refuse in it all that does not come from a client that has
// authenticated. The first request tells. What else may become of it matters to nobody.
asio::awaitable<absl::Status> CheckServed(ZooKeeperHandle* handle) {
  using Answer = absl::StatusOr<std::optional<NodeStat>>;
  const std::function<void(ZooKeeperHandle::Done<Answer>)> ask =
      [handle](ZooKeeperHandle::Done<Answer> done) {
        handle->Exists("/", nullptr, std::move(done));
      };
  const Answer answer = co_await Await<Answer>(ask);
  co_return StoreErrorOf(answer.status()) == StoreError::kAuthRequired ? answer.status()
                                                                       : absl::OkStatus();
}

asio::awaitable<void> Establish(Establishing* establishing) {
  ZooKeeperHandle* handle = establishing->handle;
  const ZooKeeperOptions& options = *establishing->options;
  SessionState state = handle->session().Get();
  while (state != SessionState::kConnected &&
         !(state == SessionState::kReadOnly && options.accept_read_only)) {
    if (IsFinal(state)) {
      establishing->failure =
          MakeStoreError(state == SessionState::kAuthFailed ? StoreError::kAuthFailed
                                                            : StoreError::kSessionExpired,
                         "connect", options.hosts);
      co_return;
    }
    absl::StatusOr<SessionState> changed = state;
    // Named: see cancellation.h on temporaries beside a co_await.
    const std::function<asio::awaitable<void>()> await_change = [&]() -> asio::awaitable<void> {
      changed = co_await handle->session().AwaitChange(state);
    };
    const absl::Time until = state == SessionState::kReadOnly
                                 ? establishing->clock->Now() + kTimeForAQuorum
                                 : absl::InfiniteFuture();
    const absl::Status waited = co_await RunUntil(until, establishing->clock, await_change);
    if (absl::IsDeadlineExceeded(waited)) {
      establishing->failure = MakeStoreError(StoreError::kReadOnly, "connect", options.hosts);
      co_return;
    }
    if (!waited.ok() || !changed.ok()) co_return;
    state = *changed;
  }
  if (options.auth.has_value()) {
    const StoreAuth auth = *options.auth;
    establishing->failure =
        co_await Await<absl::Status>([&handle, &auth](ZooKeeperHandle::Done<absl::Status> done) {
          handle->AddAuth(auth, std::move(done));
        });
  }
  if (establishing->failure.ok()) establishing->failure = co_await CheckServed(handle);
}

absl::Status TimedOut(const ZooKeeperOptions& options, SessionState state) {
  if (state == SessionState::kReadOnly) {
    return MakeStoreError(StoreError::kReadOnly, "connect", options.hosts);
  }
  return absl::DeadlineExceededError(
      absl::StrCat("ZooKeeper: no server of ", options.hosts, " took a session within ",
                   absl::FormatDuration(options.connect_timeout),
                   "; check that addresses and ports are right, that the servers run and have a "
                   "quorum (echo srvr "
                   "| nc HOST PORT), that the ports are no TLS ports (secureClientPort), which "
                   "metarec does not speak, and that no firewall is in between"));
}

}  // namespace

asio::awaitable<absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>>> ZooKeeperMetaStore::Connect(
    ZooKeeperOptions options, Clock* clock) {
  const absl::Time start = clock->Now();
  const absl::Time deadline = start + options.connect_timeout;
  METAREC_CO_ASSIGN_OR_RETURN(ZooKeeperAddresses parsed, ParseZooKeeperHosts(options.hosts));
  if (!parsed.chroot.empty()) {
    co_return absl::InvalidArgumentError(absl::StrCat("ZooKeeper addresses '", options.hosts,
                                                      "': put the path ", parsed.chroot,
                                                      " in front of the root path instead"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::string hosts,
      co_await KnownHosts(std::move(parsed.hosts), start + kLookUpShare * options.connect_timeout,
                          clock));
  OpenedHandle opened = co_await OpenWithoutBlocking(options, hosts, deadline, clock);
  if (absl::IsDeadlineExceeded(opened.status())) {
    co_return TimedOut(options, SessionState::kConnecting);
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<ZooKeeperHandle> handle, std::move(opened));
  Establishing establishing{handle.get(), &options, clock, absl::OkStatus()};
  const absl::Status waited =
      co_await RunUntil(deadline, clock, [&establishing] { return Establish(&establishing); });
  if (absl::IsDeadlineExceeded(waited)) co_return TimedOut(options, handle->session().Get());
  METAREC_CO_RETURN_IF_ERROR(waited);
  METAREC_CO_RETURN_IF_ERROR(establishing.failure);
  co_return std::unique_ptr<ZooKeeperMetaStore>(new ZooKeeperMetaStore(options, std::move(handle)));
}

ZooKeeperMetaStore::ZooKeeperMetaStore(const ZooKeeperOptions& options,
                                       std::unique_ptr<ZooKeeperHandle> handle)
    : MetaStore(options.acl, options.request_bytes_max),
      credentials_(handle->credentials()),
      handle_(std::move(handle)) {}

absl::Duration ZooKeeperMetaStore::session_timeout() const { return handle_->session_timeout(); }

ZooKeeperMetaStore::~ZooKeeperMetaStore() = default;

SessionState ZooKeeperMetaStore::session_state() const { return handle_->session().Get(); }

asio::awaitable<absl::StatusOr<SessionState>> ZooKeeperMetaStore::AwaitSessionChange(
    SessionState seen) {
  return handle_->session().AwaitChange(seen);
}

asio::awaitable<absl::StatusOr<NodeData>> ZooKeeperMetaStore::DoGet(std::string path,
                                                                    std::shared_ptr<Watch> watch) {
  return Await<absl::StatusOr<NodeData>>(
      [handle = handle_.get(), path = std::move(path), watch = std::move(watch)](auto done) {
        handle->Get(path, watch, std::move(done));
      });
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> ZooKeeperMetaStore::DoExists(
    std::string path, std::shared_ptr<Watch> watch) {
  return Await<absl::StatusOr<std::optional<NodeStat>>>(
      [handle = handle_.get(), path = std::move(path), watch = std::move(watch)](auto done) {
        handle->Exists(path, watch, std::move(done));
      });
}

asio::awaitable<absl::StatusOr<NodeChildren>> ZooKeeperMetaStore::DoChildren(
    std::string path, std::shared_ptr<Watch> watch) {
  return Await<absl::StatusOr<NodeChildren>>(
      [handle = handle_.get(), path = std::move(path), watch = std::move(watch)](auto done) {
        handle->Children(path, watch, std::move(done));
      });
}

asio::awaitable<absl::StatusOr<NodeAcl>> ZooKeeperMetaStore::DoGetAcl(std::string path) {
  return Await<absl::StatusOr<NodeAcl>>([handle = handle_.get(), path = std::move(path)](
                                            auto done) { handle->GetAcl(path, std::move(done)); });
}

asio::awaitable<absl::StatusOr<std::string>> ZooKeeperMetaStore::DoCreate(CreateOp op) {
  return Await<absl::StatusOr<std::string>>(
      [handle = handle_.get(), op = std::move(op)](auto done) mutable {
        handle->Create(std::move(op), std::move(done));
      });
}

asio::awaitable<absl::StatusOr<NodeStat>> ZooKeeperMetaStore::DoSet(SetOp op) {
  return Await<absl::StatusOr<NodeStat>>(
      [handle = handle_.get(), op = std::move(op)](auto done) mutable {
        handle->Set(std::move(op), std::move(done));
      });
}

asio::awaitable<absl::Status> ZooKeeperMetaStore::DoDelete(DeleteOp op) {
  return Await<absl::Status>([handle = handle_.get(), op = std::move(op)](auto done) mutable {
    handle->Delete(std::move(op), std::move(done));
  });
}

asio::awaitable<absl::Status> ZooKeeperMetaStore::DoSetAcl(SetAclOp op) {
  return Await<absl::Status>([handle = handle_.get(), op = std::move(op)](auto done) mutable {
    handle->SetAcl(std::move(op), std::move(done));
  });
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> ZooKeeperMetaStore::DoMulti(
    std::vector<StoreOp> ops) {
  return Await<absl::StatusOr<std::vector<StoreOpResult>>>(
      [handle = handle_.get(), ops = std::move(ops)](auto done) mutable {
        handle->Multi(std::move(ops), std::move(done));
      });
}

asio::awaitable<absl::Status> ZooKeeperMetaStore::DoSync(std::string path) {
  return Await<absl::Status>([handle = handle_.get(), path = std::move(path)](auto done) {
    handle->Sync(path, std::move(done));
  });
}

}  // namespace metarec
