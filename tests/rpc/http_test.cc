#include <string>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "rpc/http_message.h"
#include "rpc/server.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(HttpRequestParserTest, TakesARequestInPiecesAndLeavesWhatIsBehindIt) {
  const std::string bytes = "GET /meta/apps?detail=true HTTP/1.1\r\nHost: x\r\n\r\nGET /next";
  HttpRequestParser parser;
  std::string pending;
  size_t given = 0;
  while (!parser.is_done()) {
    ASSERT_LT(given, bytes.size());
    pending += bytes[given++];
    const auto taken = parser.Feed(pending);
    ASSERT_TRUE(taken.ok()) << taken.status();
    pending.erase(0, *taken);
  }
  EXPECT_EQ(bytes.substr(given), "GET /next");
  EXPECT_EQ(parser.Request().method, "GET");
  EXPECT_EQ(parser.Request().path, "/meta/apps");
  EXPECT_EQ(parser.Request().query, "detail=true");
  EXPECT_TRUE(parser.Request().keep_alive);
}

TEST(HttpRequestParserTest, RefusesWhatIsNoHttpOrTooLong) {
  HttpRequestParser garbage;
  EXPECT_TRUE(absl::IsDataLoss(garbage.Feed("GET nonsense\x01\r\n\r\n").status()));
  HttpRequestParser long_header;
  EXPECT_FALSE(long_header.Feed("GET / HTTP/1.1\r\nX: " + std::string(9000, 'x')).ok());
  HttpRequestParser long_body(HttpMethods::kAlsoPost);
  EXPECT_FALSE(long_body.Feed("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n").ok());
}

TEST(HttpRequestParserTest, TakesABodyThatComesWithItsHeader) {
  const std::string bytes = "POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
  HttpRequestParser parser(HttpMethods::kAlsoPost);
  const auto taken = parser.Feed(bytes + "GET");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(*taken, bytes.size());
  EXPECT_TRUE(parser.is_done());
}

// For the end of these chunks Boost.Beast's parser aborts the process, if its assertions are on.
TEST(HttpRequestParserTest, RefusesABodyInChunks) {
  const std::string header = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  HttpRequestParser parser(HttpMethods::kAlsoPost);
  EXPECT_TRUE(absl::IsUnimplemented(parser.Feed(header + "0\r\nabc\r\n:ce\r\n0sf\r\n").status()));
}

class HttpServerTest : public ::testing::Test {
 protected:
  // What the server sends until it ends the connection.
  std::string Exchange(const std::string& request) {
    std::string answer;
    asio::co_spawn(context_, Talk(request, &answer),
                   [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
    context_.restart();
    context_.run();
    return answer;
  }

  asio::awaitable<void> Talk(std::string request, std::string* answer) {
    Server server(context_.get_executor(), &clock_);
    if (serves_) {
      server.ServeHttp(
          [](HttpRequest asked) -> asio::awaitable<HttpResponse> {
            HttpResponse response;
            response.body = asked.method + " " + asked.path;
            if (asked.path == "/missing") response.status = 404;
            co_return response;
          },
          methods_);
    }
    const Ipv4Endpoint where = *server.Listen({.ip = 0x7F000001, .port = 0});
    asio::ip::tcp::socket socket(context_);
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4(where.ip), where.port);
    co_await socket.async_connect(endpoint, asio::use_awaitable);
    // Not all of it is taken from a peer that is refused.
    co_await asio::async_write(socket, asio::buffer(request), kTuple);
    const auto [error, size] =
        co_await asio::async_read(socket, asio::dynamic_buffer(*answer), kTuple);
    static_cast<void>(error);
    co_await server.Stop();
  }

  asio::io_context context_;
  SystemClock clock_;
  bool serves_ = true;
  HttpMethods methods_ = HttpMethods::kAlsoPost;
};

TEST_F(HttpServerTest, AnswersOneAfterTheOtherInTheirOrder) {
  const std::string answer = Exchange(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
      "GET /missing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const size_t first = answer.find("GET /a");
  const size_t second = answer.find("POST /b");
  const size_t third = answer.find("GET /missing");
  ASSERT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 404 Not Found"));
}

TEST_F(HttpServerTest, AHeadWasClosedWithoutAnAnswer) {
  const std::string close = "Host: x\r\nConnection: close\r\n\r\n";
  const std::string get = Exchange("GET /a HTTP/1.1\r\n" + close);
  const std::string head = Exchange("HEAD /a HTTP/1.1\r\n" + close);
  EXPECT_THAT(get, EndsWith("\r\n\r\nGET /a"));
  EXPECT_EQ(head + "GET /a", get);
}

TEST_F(HttpServerTest, AfterAHeadTheConnectionGoesOn) {
  const std::string answer = Exchange(
      "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("GET /a")));
  EXPECT_THAT(answer, EndsWith("GET /b"));
}

TEST_F(HttpServerTest, APutWasClosedWithoutAnAnswer) {
  for (const std::string method : {"PUT", "DELETE", "PATCH", "TRACE"}) {
    const std::string answer = Exchange(method + " /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")) << method;
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS, POST\r\n")) << method;
    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n")) << method;
    EXPECT_THAT(answer, EndsWith("This port answers GET, HEAD, OPTIONS, POST only.\n")) << method;
  }
}

TEST_F(HttpServerTest, APostWasNamedAsAllowedWhereNobodyTakesIt) {
  methods_ = HttpMethods::kReading;
  const std::string answer = Exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(answer, EndsWith("This port answers GET, HEAD, OPTIONS only.\n"));
}

TEST_F(HttpServerTest, OptionsTellsTheMethodsAndTheConnectionGoesOn) {
  const std::string answer = Exchange(
      "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS, POST\r\n"));
  EXPECT_THAT(answer, EndsWith("GET /b"));
}

// A socket that is closed with bytes in it is reset, and the peer loses what it has not yet read.
TEST_F(HttpServerTest, AnAnswerWasLostBecauseTheBodyWasNotRead) {
  const std::string body(4 << 20, 'x');
  const std::string answer =
      Exchange("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, ABadRequestWasClosedWithoutAnAnswer) {
  for (const std::string request :
       {"GET \x01\x02\x03 nonsense\r\n\r\n", "GET / HTTX/1.1\r\n\r\n", "GET /\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", "HEAD / HTTP/1.1\r\n: x\r\n\r\n"}) {
    const std::string answer = Exchange(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_THAT(answer, EndsWith("no HTTP request that this port understands.\n")) << request;
  }
}

TEST_F(HttpServerTest, ATooLongRequestWasClosedWithoutAnAnswer) {
  const std::string header =
      Exchange("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(header, StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  const std::string body =
      Exchange("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_THAT(body, StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  EXPECT_THAT(body, EndsWith("longer than 64 KiB.\n"));
  const std::string chunks =
      Exchange("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(chunks, StartsWith("HTTP/1.1 501 Not Implemented\r\n"));
}

TEST_F(HttpServerTest, WithoutAHandlerHttpIsNotServed) {
  serves_ = false;
  EXPECT_EQ(Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

}  // namespace
}  // namespace metarec::rpc
