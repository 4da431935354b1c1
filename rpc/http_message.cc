#include "rpc/http_message.h"

#include <sstream>

#include <absl/strings/str_cat.h>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace metarec::rpc {
namespace {

namespace http = boost::beast::http;

constexpr uint32_t kHeaderBytesMax = 8 * 1024;
constexpr uint64_t kBodyBytesMax = uint64_t{64} * 1024;

std::string ToString(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool IsAllowed(http::verb method, HttpMethods methods) {
  return method == http::verb::get || method == http::verb::head || method == http::verb::options ||
         (method == http::verb::post && methods == HttpMethods::kAlsoPost);
}

}  // namespace

absl::string_view AllowedMethods(HttpMethods methods) {
  return methods == HttpMethods::kAlsoPost ? "GET, HEAD, OPTIONS, POST" : "GET, HEAD, OPTIONS";
}

class HttpRequestParser::State {
 public:
  explicit State(HttpMethods methods_in) : methods(methods_in) {
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(kBodyBytesMax);
  }
  const HttpMethods methods;
  http::request_parser<http::string_body> parser;
  bool is_header_done = false;
};

HttpRequestParser::HttpRequestParser(HttpMethods methods)
    : state_(std::make_unique<State>(methods)) {}
HttpRequestParser::~HttpRequestParser() = default;

absl::StatusOr<size_t> HttpRequestParser::Feed(absl::string_view bytes) {
  size_t taken = 0;
  // The parser stops behind the header, and at every part of the body.
  while (taken < bytes.size() && !is_done()) {
    boost::beast::error_code error;
    const size_t more = state_->parser.put(
        boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken), error);
    taken += more;
    if (error == http::error::need_more) break;
    const bool is_too_long = error == http::error::header_limit || error == http::error::body_limit;
    // A body that is too long has a header that was read.
    const bool is_header_known =
        state_->parser.is_header_done() || error == http::error::body_limit;
    if (is_header_known && !IsAllowed(state_->parser.get().method(), state_->methods)) {
      return absl::PermissionDeniedError("an HTTP method that is not served");
    }
    state_->is_header_done = is_header_known;
    if (is_too_long) return absl::ResourceExhaustedError("the HTTP request is too long");
    if (error) return absl::DataLossError(absl::StrCat("no HTTP request: ", error.message()));
    // Nobody sends us such bodies, and for chunks with a wrong end the parser aborts the process.
    if (state_->parser.is_header_done() && state_->parser.chunked()) {
      return absl::UnimplementedError("an HTTP request with a chunked body");
    }
    if (more == 0) break;
  }
  return taken;
}

HttpResponse HttpRequestParser::Refusal(const absl::Status& error) const {
  HttpResponse response;
  if (absl::IsPermissionDenied(error)) {
    response.status = 405;
    response.allow = std::string(AllowedMethods(state_->methods));
    response.body = absl::StrCat("This port answers ", response.allow, " only.\n");
  } else if (absl::IsResourceExhausted(error)) {
    const bool is_body = state_->is_header_done;
    response.status = is_body ? 413 : 431;
    response.body = is_body ? "The body of this request is longer than 64 KiB.\n"
                            : "The header of this request is longer than 8 KiB.\n";
  } else if (absl::IsUnimplemented(error)) {
    response.status = 501;
    response.body = "This port takes no bodies in chunks; send a Content-Length.\n";
  } else {
    response.status = 400;
    response.body = "This is no HTTP request that this port understands.\n";
  }
  return response;
}

bool HttpRequestParser::is_done() const { return state_->parser.is_done(); }

HttpRequest HttpRequestParser::Request() const {
  const auto& message = state_->parser.get();
  HttpRequest request;
  request.is_head = message.method() == http::verb::head;
  request.method = request.is_head ? "GET" : ToString(message.method_string());
  const std::string target = ToString(message.target());
  const size_t question_mark = target.find('?');
  request.path = target.substr(0, question_mark);
  if (question_mark != std::string::npos) request.query = target.substr(question_mark + 1);
  request.keep_alive = message.keep_alive();
  return request;
}

std::string SerializeHttpResponse(const HttpResponse& response, HttpConnection connection) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  message.keep_alive(connection.keep_alive);
  message.body() = response.body;
  message.prepare_payload();
  // The header tells the length of the body either way.
  if (connection.without_body) message.body().clear();
  std::ostringstream out;
  out << message;
  return out.str();
}

}  // namespace metarec::rpc
