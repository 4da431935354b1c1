#include "pegasus_client/meta_client.h"

#include <deque>
#include <set>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "rpc/pegasus_status.h"
#include "rpc/resolver.h"

namespace metarec {
namespace {

constexpr absl::string_view kTransportText = "the RPC layer answers ";

absl::string_view AdviceOn(absl::string_view error_name) {
  if (error_name == idl::kErrForwardToOthers) {
    return "None of them leads at the moment: wait some seconds and run the same command again";
  }
  if (error_name == idl::kErrHandlerNotFound) {
    return "That is no meta server: give --meta the servers of [meta_server] server_list";
  }
  return "Give --meta the servers of [meta_server] server_list, and see that one of them runs";
}

}  // namespace

// Who is still to be asked, and what those said who were.
class MetaClient::Search {
 public:
  Search(const std::optional<Target>& first, const NodeList& servers, int forwards_max)
      : forwards_left_(forwards_max) {
    if (first) targets_.push_back(*first);
    for (const NodeListEntry& entry : servers.entries) {
      if (first && first->name == entry.text) continue;
      targets_.push_back({.name = entry.text, .endpoint = std::nullopt});
    }
  }

  std::optional<Target> Next() {
    if (targets_.empty()) return std::nullopt;
    Target target = std::move(targets_.front());
    targets_.pop_front();
    return target;
  }

  size_t left() const { return targets_.size(); }

  // False: it was asked already.
  bool BeginAsking(Ipv4Endpoint endpoint) { return asked_.insert(endpoint).second; }

  void Forward(const std::optional<Ipv4Endpoint>& leader, const std::string& from) {
    if (!leader) {
      Failed(from, rpc::PegasusError(idl::kErrForwardToOthers,
                                     "is not the leader and does not know who is"));
      return;
    }
    Failed(from, rpc::PegasusError(idl::kErrForwardToOthers,
                                   absl::StrCat("says that ", leader->ToString(), " leads")));
    if (asked_.contains(*leader) || forwards_left_-- <= 0) return;
    targets_.push_front({.name = leader->ToString(), .endpoint = leader});
  }

  void Failed(const std::string& name, const absl::Status& status) {
    last_ = status;
    // Any other error is an answer.
    const std::string error_name = rpc::PegasusErrorName(status);
    const bool is_answer = error_name != idl::kErrTimeout &&
                           error_name != idl::kErrNetworkFailure &&
                           error_name != idl::kErrInvalidData;
    may_have_arrived_ |= !is_answer && !rpc::WasNotSent(status);
    failures_.push_back(absl::StrCat(name, ": ", Printable(status.message())));
  }

  absl::Status Error(const Question& question) const {
    absl::Status error = ErrorInWords(question);
    return may_have_arrived_ ? error : rpc::NotSent(std::move(error));
  }

 private:
  absl::Status ErrorInWords(const Question& question) const {
    const std::string name =
        failures_.empty() ? std::string(idl::kErrTimeout) : rpc::PegasusErrorName(last_);
    if (question.is_change && may_have_arrived_) {
      return rpc::PegasusError(name,
                               absl::StrCat(question.task_code, " may or may not have been done: ",
                                            CutList(failures_), ". Look before you run it again"));
    }
    return rpc::PegasusError(
        name, absl::StrCat("no meta server that leads answered ", question.task_code, ": ",
                           CutList(failures_), ". ", AdviceOn(name)));
  }

  std::deque<Target> targets_;
  std::set<Ipv4Endpoint> asked_;
  int forwards_left_;
  std::vector<std::string> failures_;
  absl::Status last_;
  bool may_have_arrived_ = false;  // where it failed
};

MetaClient::MetaClient(asio::any_io_executor executor, Clock* clock, NodeList servers,
                       MetaClientOptions options)
    : clock_(clock),
      servers_(std::move(servers)),
      options_(options),
      client_(std::move(executor), clock) {}

std::optional<Ipv4Endpoint> MetaClient::LeaderIn(const idl::query_cfg_response& response) {
  if (response.partitions.empty()) return std::nullopt;
  const absl::StatusOr<Ipv4Endpoint> leader = metarec::EndpointOf(response.partitions[0].primary);
  return leader.ok() ? std::optional(*leader) : std::nullopt;
}

asio::awaitable<absl::Status> MetaClient::FindLeader() {
  Question question;
  question.task_code = idl::kRpcCmClusterInfo;
  question.body = idl::EncodeBody(idl::configuration_cluster_info_request());
  question.timeout = options_.timeout;
  const Reader read = [](const std::string& body) {
    idl::configuration_cluster_info_response response;
    return Read(body, &response);
  };
  co_return co_await CallLeader(std::move(question), read);
}

asio::awaitable<absl::Status> MetaClient::CallLeader(Question question, const Reader& read) {
  const absl::Time deadline = clock_->Now() + question.timeout;
  Search search(leader_, servers_, options_.forwards_max);
  for (;;) {
    std::optional<Target> target = search.Next();
    const absl::Duration left = deadline - clock_->Now();
    if (!target || left <= absl::ZeroDuration()) break;
    const int64_t shares = question.shares_time ? static_cast<int64_t>(search.left()) + 1 : 1;
    const std::string name = target->name;
    const absl::Time end = clock_->Now() + left / shares;
    const absl::Status called = co_await CallOne(question, *std::move(target), end, read, &search);
    if (called.ok() || absl::IsCancelled(called)) co_return called;
    if (rpc::PegasusErrorName(called) == idl::kErrForwardToOthers) continue;
    search.Failed(name, called);
    // It may have been done: nobody else is asked to do it.
    if (question.is_change) break;
  }
  co_return search.Error(question);
}

asio::awaitable<absl::Status> MetaClient::CallOne(const Question& question, Target target,
                                                  absl::Time deadline, const Reader& read,
                                                  Search* search) {
  const absl::Status forwarded = rpc::PegasusError(idl::kErrForwardToOthers, "asked elsewhere");
  const absl::StatusOr<Ipv4Endpoint> endpoint = co_await EndpointOf(target, deadline);
  METAREC_CO_RETURN_IF_ERROR(endpoint.status());
  if (!search->BeginAsking(*endpoint)) co_return forwarded;
  rpc::CallOptions options;
  options.deadline = deadline;
  // So that a server which does not lead tells who does.
  options.is_forward_supported = true;
  METAREC_CO_ASSIGN_OR_RETURN(
      const rpc::Reply reply,
      co_await client_.Call(*endpoint, question.task_code, question.body, std::move(options)));
  if (reply.error_name == idl::kErrForwardToOthers) {
    idl::rpc_address address;
    std::optional<Ipv4Endpoint> leader;
    if (idl::DecodeBody(reply.body, &address).ok()) {
      const absl::StatusOr<Ipv4Endpoint> valid = metarec::EndpointOf(address);
      if (valid.ok()) leader = *valid;
    }
    search->Forward(leader, target.name);
    co_return forwarded;
  }
  if (reply.error_name != idl::kErrOk) {
    co_return rpc::PegasusError(reply.error_name, absl::StrCat(kTransportText, reply.error_name));
  }
  const absl::StatusOr<Outcome> outcome = read(reply.body);
  if (!outcome.ok()) {
    co_return rpc::PegasusError(
        idl::kErrInvalidData,
        absl::StrCat("sent something that is no answer: ", outcome.status().message()));
  }
  if (outcome->error_name == idl::kErrForwardToOthers) {
    search->Forward(outcome->leader, target.name);
    co_return forwarded;
  }
  server_ = target.name;
  leader_ = Target{.name = std::move(target.name), .endpoint = *endpoint};
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<Ipv4Endpoint>> MetaClient::EndpointOf(const Target& target,
                                                                     absl::Time deadline) {
  if (target.endpoint) co_return *target.endpoint;
  for (const NodeListEntry& entry : servers_.entries) {
    if (entry.text != target.name) continue;
    const absl::StatusOr<Ipv4Endpoint> found =
        co_await rpc::ResolveIpv4(clock_, entry.host, entry.port, deadline);
    if (found.ok() || absl::IsCancelled(found.status())) co_return found;
    co_return rpc::NotSent(rpc::PegasusError(
        absl::IsDeadlineExceeded(found.status()) ? idl::kErrTimeout : idl::kErrNetworkFailure,
        found.status().message()));
  }
  co_return absl::InternalError(absl::StrCat(target.name, " is not listed"));
}

}  // namespace metarec
