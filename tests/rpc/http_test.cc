#include <string>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/experimental/as_tuple.hpp>
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

namespace metarec::rpc {
namespace {

using ::testing::HasSubstr;

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
  HttpRequestParser long_body;
  EXPECT_FALSE(long_body.Feed("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n").ok());
}

TEST(HttpRequestParserTest, TakesABodyThatComesWithItsHeader) {
  const std::string bytes = "POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
  HttpRequestParser parser;
  const auto taken = parser.Feed(bytes + "GET");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(*taken, bytes.size());
  EXPECT_TRUE(parser.is_done());
}

// For the end of these chunks Boost.Beast's parser aborts the process, if its assertions are on.
TEST(HttpRequestParserTest, RefusesABodyInChunks) {
  const std::string header = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  HttpRequestParser parser;
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
      server.ServeHttp([](HttpRequest asked) -> asio::awaitable<HttpResponse> {
        HttpResponse response;
        response.body = asked.method + " " + asked.path;
        if (asked.path == "/missing") response.status = 404;
        co_return response;
      });
    }
    const Ipv4Endpoint where = *server.Listen({.ip = 0x7F000001, .port = 0});
    asio::ip::tcp::socket socket(context_);
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4(where.ip), where.port);
    co_await socket.async_connect(endpoint, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    const auto [error, size] = co_await asio::async_read(
        socket, asio::dynamic_buffer(*answer), asio::experimental::as_tuple(asio::use_awaitable));
    static_cast<void>(error);
    co_await server.Stop();
  }

  asio::io_context context_;
  SystemClock clock_;
  bool serves_ = true;
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

TEST_F(HttpServerTest, WhoSpeaksNoHttpBehindItsFirstBytesIsDisconnected) {
  EXPECT_EQ(Exchange("GET \x01\x02\x03 nonsense\r\n\r\n"), "");
}

TEST_F(HttpServerTest, WithoutAHandlerHttpIsNotServed) {
  serves_ = false;
  EXPECT_EQ(Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

}  // namespace
}  // namespace metarec::rpc
