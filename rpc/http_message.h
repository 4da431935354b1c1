// HTTP/1.1 on an RPC port (INTEROP.md section 1.4): small requests without much of a body, read by
// Boost.Beast's parser. This header must stay free of asio: Boost's own and the standalone one
// cannot be included in one file.

#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/ipv4_endpoint.h"

namespace metarec::rpc {

// What a port takes, beside OPTIONS, which tells it.
enum class HttpMethods {
  kReading,  // GET and HEAD
  kAlsoPost,
};

// "GET, HEAD, OPTIONS": the value of the header Allow.
absl::string_view AllowedMethods(HttpMethods methods);

struct HttpRequest {
  std::string method;  // "GET", "POST" or "OPTIONS"; HEAD is asked for as a GET
  std::string path;    // "/metrics", without the query
  std::string query;   // what follows '?', as it came
  Ipv4Endpoint peer;
  bool keep_alive = true;
  bool is_head = false;  // the answer goes out without its body
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string allow;  // the methods that are served, in a 405 and in the answer to OPTIONS
};

// Takes one request apart as its bytes arrive. Not thread-safe.
class HttpRequestParser {
 public:
  explicit HttpRequestParser(HttpMethods methods = HttpMethods::kReading);
  ~HttpRequestParser();
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  // Returns how many of the bytes belong to this request and were taken; the others are to be given
  // again, with more behind them, or to the next parser once is_done. Nothing may follow an error:
  // kDataLoss for what is no HTTP, kResourceExhausted beyond 8 KiB of header or 64 KiB of body,
  // kUnimplemented for a body in chunks, kPermissionDenied for a method that is not served.
  absl::StatusOr<size_t> Feed(absl::string_view bytes);

  // What to answer to the request for which Feed gave `error`.
  HttpResponse Refusal(const absl::Status& error) const;

  bool is_done() const;
  // Once it is done; `peer` is left empty.
  HttpRequest Request() const;

 private:
  class State;
  const std::unique_ptr<State> state_;
};

struct HttpConnection {
  bool keep_alive = true;
  bool without_body = false;  // an answer to HEAD
};
std::string SerializeHttpResponse(const HttpResponse& response, HttpConnection connection);

}  // namespace metarec::rpc
