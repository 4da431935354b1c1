#include "browser.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <arpa/inet.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr int kAnswerSeconds = 60;
constexpr absl::Duration kStartTimeout = absl::Seconds(60);

// Without the element and all in it.
std::string Without(std::string html, const std::string& element) {
  const std::string open = absl::StrCat("<", element);
  const std::string close = absl::StrCat("</", element, ">");
  for (size_t begin = html.find(open); begin != std::string::npos; begin = html.find(open)) {
    const size_t end = html.find(close, begin);
    html.erase(begin, end == std::string::npos ? end : end + close.size() - begin);
  }
  return html;
}

std::optional<std::string> Find(const std::vector<std::string>& names) {
  const char* const path = std::getenv("PATH");
  for (const std::string& name : names) {
    for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
      std::string program = absl::StrCat(folder, "/", name);
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return std::nullopt;
}

std::string Quoted(const std::string& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer>(buffer).String(text.c_str());
  return buffer.GetString();
}

// Whether it is all of an answer, which has a Content-Length.
bool IsWhole(const std::string& answer) {
  const size_t header_end = answer.find("\r\n\r\n");
  if (header_end == std::string::npos) return false;
  const std::string header = absl::AsciiStrToLower(answer.substr(0, header_end));
  constexpr absl::string_view kLength = "\r\ncontent-length:";
  const size_t at = header.find(kLength.data(), 0, kLength.size());
  if (at == std::string::npos) return false;
  const size_t begin = at + kLength.size();
  size_t length = 0;
  return absl::SimpleAtoi(header.substr(begin, header.find('\r', begin) - begin), &length) &&
         answer.size() >= header_end + 4 + length;
}

// One answer. chromedriver leaves the connection open behind it.
absl::StatusOr<std::string> Exchange(uint16_t port, const std::string& request) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const absl::Cleanup closing = [connection] { close(connection); };
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience = {.tv_sec = kAnswerSeconds, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError("cannot connect to chromedriver");
  }
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t more =
        send(connection, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) return absl::UnavailableError("chromedriver ended the connection");
    sent += static_cast<size_t>(more);
  }
  std::string answer;
  while (!IsWhole(answer)) {
    char buffer[1 << 16];
    const ssize_t more = recv(connection, buffer, sizeof(buffer), 0);
    if (more < 0) return absl::DeadlineExceededError("chromedriver does not answer");
    if (more == 0) return absl::UnavailableError("chromedriver ended the connection");
    answer.append(buffer, static_cast<size_t>(more));
  }
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Browser>> Browser::Start() {
  const std::optional<std::string> chromium = Find({"chromium", "google-chrome"});
  const std::optional<std::string> driver = Find({"chromedriver"});
  if (!chromium || !driver) {
    return absl::NotFoundError("no Chromium, or no chromedriver: scripts/setup installs them");
  }
  auto browser = std::unique_ptr<Browser>(new Browser);
  METAREC_ASSIGN_OR_RETURN(
      browser->driver_,
      testing::ChildProcess::Start({*driver, "--port=0"},
                                   {.log = browser->folder_.Path("driver"), .is_talked_to = true}));
  while (browser->port_ == 0) {
    METAREC_ASSIGN_OR_RETURN(const std::string line, browser->driver_->ReadLine(kStartTimeout));
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "ChromeDriver was started successfully on port ")) continue;
    uint32_t port = 0;
    if (absl::SimpleAtoi(absl::StripSuffix(rest, "."), &port)) {
      browser->port_ = static_cast<uint16_t>(port);
    }
  }
  METAREC_RETURN_IF_ERROR(browser->OpenSession(*chromium));
  return browser;
}

absl::Status Browser::OpenSession(const std::string& chromium) {
  std::string arguments;
  for (const std::string& argument :
       {std::string("--headless"),
        // Root may not use the browser's sandbox; no page but ours is opened.
        std::string("--no-sandbox"), std::string("--disable-gpu"), std::string("--disable-quic"),
        std::string("--no-first-run"), std::string("--disable-background-networking"),
        std::string("--disable-component-update"), std::string("--disable-sync"),
        std::string("--disable-dev-shm-usage"), std::string("--hide-scrollbars"),
        std::string("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
        absl::StrCat("--user-data-dir=", folder_.Path("profile"))}) {
    absl::StrAppend(&arguments, arguments.empty() ? "" : ",", Quoted(argument));
  }
  METAREC_ASSIGN_OR_RETURN(
      const rapidjson::Document session,
      Command("POST", "/session",
              absl::StrCat(R"({"capabilities":{"alwaysMatch":{"goog:loggingPrefs":)"
                           R"({"performance":"ALL"},"goog:chromeOptions":{"binary":)",
                           Quoted(chromium), R"(,"args":[)", arguments, "]}}}}")));
  if (!session.IsObject() || !session.HasMember("sessionId")) {
    return absl::UnavailableError("chromedriver opened no session");
  }
  session_ = absl::StrCat("/session/", session["sessionId"].GetString());
  return absl::OkStatus();
}

Browser::~Browser() {
  if (!session_.empty()) Command("DELETE", session_, "").status().IgnoreError();
}

absl::StatusOr<rapidjson::Document> Browser::Command(const std::string& method,
                                                     const std::string& path,
                                                     const std::string& body) {
  METAREC_ASSIGN_OR_RETURN(
      const std::string answer,
      Exchange(port_, absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: 127.0.0.1:", port_,
                                   "\r\nConnection: close\r\nContent-Type: application/json\r\n"
                                   "Content-Length: ",
                                   body.size(), "\r\n\r\n", body)));
  const size_t header_end = answer.find("\r\n\r\n");
  rapidjson::Document json;
  if (header_end != std::string::npos) json.Parse(answer.c_str() + header_end + 4);
  if (!absl::StartsWith(answer, "HTTP/1.1 200 ") || json.HasParseError() || !json.IsObject() ||
      !json.HasMember("value")) {
    return absl::UnavailableError(
        absl::StrCat(method, " ", path, ": ", absl::string_view(answer).substr(0, 2000)));
  }
  rapidjson::Document value;
  value.CopyFrom(json["value"], value.GetAllocator());
  return value;
}

absl::StatusOr<rapidjson::Document> Browser::DevTools(const std::string& command,
                                                      const std::string& parameters) {
  return Command("POST", session_ + "/goog/cdp/execute",
                 absl::StrCat(R"({"cmd":")", command, R"(","params":)", parameters, "}"));
}

absl::Status Browser::SetViewport(const Viewport& viewport) {
  METAREC_RETURN_IF_ERROR(
      DevTools("Emulation.setDeviceMetricsOverride",
               absl::StrCat(R"({"width":)", viewport.width, R"(,"height":)", viewport.height,
                            R"(,"deviceScaleFactor":1,"mobile":)",
                            viewport.width < 600 ? "true" : "false", "}"))
          .status());
  return DevTools("Emulation.setEmulatedMedia",
                  absl::StrCat(R"({"features":[{"name":"prefers-color-scheme","value":")",
                               viewport.is_dark ? "dark" : "light", R"("}]})"))
      .status();
}

absl::Status Browser::Open(const std::string& url) {
  return Command("POST", session_ + "/url", absl::StrCat(R"({"url":)", Quoted(url), "}")).status();
}

absl::StatusOr<rapidjson::Document> Browser::Evaluate(const std::string& script) {
  return Command("POST", session_ + "/execute/sync",
                 absl::StrCat(R"({"script":)", Quoted(script), R"(,"args":[]})"));
}

absl::Status Browser::SaveScreenshot(const std::string& path) {
  METAREC_ASSIGN_OR_RETURN(const rapidjson::Document size,
                           Evaluate("return [innerWidth, document.documentElement.scrollHeight];"));
  METAREC_ASSIGN_OR_RETURN(
      const rapidjson::Document shot,
      DevTools("Page.captureScreenshot",
               absl::StrCat(R"({"format":"png","captureBeyondViewport":true,"clip":{"x":0,"y":0,)",
                            R"("width":)", size[0].GetInt(), R"(,"height":)", size[1].GetInt(),
                            R"(,"scale":1}})")));
  std::string png;
  if (!absl::Base64Unescape(shot["data"].GetString(), &png)) {
    return absl::DataLossError("the screenshot is no base64");
  }
  std::ofstream file(path, std::ios::binary);
  if (!(file << png << std::flush)) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Browser::TakeRequests() {
  METAREC_ASSIGN_OR_RETURN(const rapidjson::Document log,
                           Command("POST", session_ + "/se/log", R"({"type":"performance"})"));
  std::vector<std::string> urls;
  for (const auto& entry : log.GetArray()) {
    rapidjson::Document json;
    json.Parse(entry["message"].GetString());
    const auto& message = json["message"];
    if (absl::string_view(message["method"].GetString()) != "Network.requestWillBeSent") continue;
    const std::string url = message["params"]["request"]["url"].GetString();
    if (!absl::StartsWith(url, "data:")) urls.push_back(url);
  }
  return urls;
}

std::string TextOfHtml(std::string dom) {
  // They keep words together, and part nothing.
  const std::string open = "<span class=\"option\">";
  const std::string close = "</span>";
  for (size_t at = dom.find(open); at != std::string::npos; at = dom.find(open, at)) {
    dom.erase(at, open.size());
    const size_t end = dom.find(close, at);
    if (end != std::string::npos) dom.erase(end, close.size());
  }
  const std::string html =
      Without(Without(Without(Without(dom, "script"), "style"), "title"), "noscript");
  std::string text;
  bool in_tag = false;
  for (const char c : html) {
    if (c == '<') {
      text += '\n';
      in_tag = true;
    }
    if (!in_tag) text += c;
    if (c == '>') in_tag = false;
  }
  std::string lines = "\n";
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    absl::StrAppend(&lines, absl::StripAsciiWhitespace(line), "\n");
  }
  return absl::StrReplaceAll(lines, {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}});
}

}  // namespace metarec
