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
constexpr uint64_t kBodyBytesMax = 64 * 1024;

std::string ToString(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class HttpRequestParser::State {
 public:
  State() {
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(kBodyBytesMax);
  }
  http::request_parser<http::string_body> parser;
};

HttpRequestParser::HttpRequestParser() : state_(std::make_unique<State>()) {}
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
    if (error == http::error::header_limit || error == http::error::body_limit) {
      return absl::ResourceExhaustedError("the HTTP request is too long");
    }
    if (error) return absl::DataLossError(absl::StrCat("no HTTP request: ", error.message()));
    // Nobody sends us such bodies, and for chunks with a wrong end the parser aborts the process.
    if (state_->parser.is_header_done() && state_->parser.chunked()) {
      return absl::UnimplementedError("an HTTP request with a chunked body");
    }
    if (more == 0) break;
  }
  return taken;
}

bool HttpRequestParser::is_done() const { return state_->parser.is_done(); }

HttpRequest HttpRequestParser::Request() const {
  const auto& message = state_->parser.get();
  HttpRequest request;
  request.method = ToString(message.method_string());
  const std::string target = ToString(message.target());
  const size_t question_mark = target.find('?');
  request.path = target.substr(0, question_mark);
  if (question_mark != std::string::npos) request.query = target.substr(question_mark + 1);
  request.keep_alive = message.keep_alive();
  return request;
}

std::string SerializeHttpResponse(const HttpResponse& response, bool keep_alive) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  message.keep_alive(keep_alive);
  message.body() = response.body;
  message.prepare_payload();
  std::ostringstream out;
  out << message;
  return out.str();
}

}  // namespace metarec::rpc
