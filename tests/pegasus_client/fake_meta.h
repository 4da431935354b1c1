// A meta server that says what a test wants, and what runs a test's coroutines.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "pegasus_client/meta_client.h"
#include "replica_collector/node_list.h"
#include "rpc/server.h"
#include "tests/rpc/loopback.h"

namespace metarec::tools {

class FakeMeta {
 public:
  using Answerer = std::function<rpc::HandlerResult(const rpc::Request&)>;

  FakeMeta(asio::io_context* io, Clock* clock) : server_(io->get_executor(), clock) {
    const auto endpoint = server_.Listen({.ip = rpc::kLoopback, .port = 0});
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *endpoint;
  }

  void On(const std::string& task_code, Answerer answer) {
    server_.Register(task_code,
                     [this, answer = std::move(answer)](
                         rpc::Request request) -> asio::awaitable<rpc::HandlerResult> {
                       ++asked[request.task_code];
                       last = request;
                       co_return answer(request);
                     });
  }

  template <typename Response>
  void Answer(const std::string& task_code, const Response& response) {
    AnswerBytes(task_code, idl::EncodeBody(response));
  }
  void AnswerBytes(const std::string& task_code, const std::string& body) {
    On(task_code, [body](const rpc::Request&) {
      rpc::HandlerResult result;
      result.body = body;
      return result;
    });
  }
  // The RPC layer says that another server leads.
  void ForwardTo(const std::string& task_code, Ipv4Endpoint leader) {
    On(task_code, [leader](const rpc::Request&) {
      rpc::HandlerResult result;
      result.error_name = idl::kErrForwardToOthers;
      result.body = idl::EncodeBody(leader.ToRpcAddress());
      return result;
    });
  }
  // The connection ends in place of an answer.
  void HangUp(const std::string& task_code) {
    On(task_code, [](const rpc::Request&) {
      rpc::HandlerResult result;
      result.garbage = "?";
      return result;
    });
  }

  Ipv4Endpoint endpoint() const { return endpoint_; }
  std::string name() const { return endpoint_.ToString(); }
  rpc::Server& server() { return server_; }

  std::map<std::string, int> asked;  // by task code
  rpc::Request last;

 private:
  rpc::Server server_;
  Ipv4Endpoint endpoint_;
};

class FakeMetaTest : public ::testing::Test {
 protected:
  ~FakeMetaTest() override {
    client_.reset();
    metas_.clear();
    rpc::RunUntil(&io_, [this] { return io_.poll() == 0; });
  }

  FakeMeta& AddMeta() { return *metas_.emplace_back(std::make_unique<FakeMeta>(&io_, &clock_)); }

  // Where nobody listens.
  std::string NameOfNobody() {
    rpc::RawPeer peer(&io_);
    const Ipv4Endpoint endpoint = peer.Listen();
    peer.StopListening();
    return endpoint.ToString();
  }

  MetaClient* ClientOf(const std::vector<std::string>& servers, MetaClientOptions options = {}) {
    std::string list;
    for (const std::string& server : servers) {
      absl::StrAppend(&list, list.empty() ? "" : ",", server);
    }
    const auto parsed = ParseNodeListString(list);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    client_ = std::make_unique<MetaClient>(io_.get_executor(), &clock_, *parsed, options);
    return client_.get();
  }

  template <typename T>
  T Run(asio::awaitable<T> coroutine) {
    std::optional<T> result = rpc::RunToEnd(&io_, std::move(coroutine));
    EXPECT_TRUE(result.has_value()) << "it did not end";
    return *std::move(result);
  }

  asio::io_context io_;
  SystemClock clock_;
  std::vector<std::unique_ptr<FakeMeta>> metas_;
  std::unique_ptr<MetaClient> client_;
};

}  // namespace metarec::tools
