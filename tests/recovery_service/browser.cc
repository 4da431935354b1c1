#include "browser.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <rapidjson/document.h>
#include <unistd.h>

namespace metarec {
namespace {

constexpr int kTimeoutSeconds = 60;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

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

std::string TextOf(const std::string& dom) {
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

// Of the requests that pages began; the browser's own have no origin.
absl::StatusOr<std::vector<std::string>> RequestsOfPages(const std::string& log) {
  rapidjson::Document json;
  json.Parse(log);
  if (json.HasParseError()) return absl::DataLossError("the browser wrote no complete network log");
  const int start = json["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"].GetInt();
  std::vector<std::string> urls;
  for (const auto& event : json["events"].GetArray()) {
    if (event["type"].GetInt() != start || !event.HasMember("params")) continue;
    const auto& params = event["params"];
    if (!params.HasMember("initiator") || !params.HasMember("url")) continue;
    if (!absl::StartsWith(params["initiator"].GetString(), "http")) continue;
    urls.emplace_back(params["url"].GetString());
  }
  return urls;
}

}  // namespace

std::optional<Browser> Browser::Find() {
  if (const char* const given = std::getenv("METAREC_BROWSER")) return Browser(given);
  const char* const path = std::getenv("PATH");
  for (const char* const name : {"chromium", "chromium-headless-shell", "google-chrome"}) {
    for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
      std::string program = absl::StrCat(folder, "/", name);
      if (access(program.c_str(), X_OK) == 0) return Browser(std::move(program));
    }
  }
  return std::nullopt;
}

absl::StatusOr<PageView> Browser::Open(const std::string& url,
                                       const std::string& screenshot) const {
  std::string folder = (std::filesystem::temp_directory_path() / "page-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return absl::InternalError("no temporary folder");
  PageView view;
  // Root may not use the browser's sandbox; no page but ours is opened.
  view.arguments = absl::StrCat(
      "timeout -k 5 ", kTimeoutSeconds, " ", program_,
      " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run",
      " --hide-scrollbars --window-size=1100,1250 --virtual-time-budget=4000",
      " --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --user-data-dir=", folder,
      "/profile --log-net-log=", folder, "/net.json ",
      screenshot.empty() ? "--dump-dom" : absl::StrCat("--screenshot=", screenshot), " ", url, " >",
      folder, "/dom 2>", folder, "/log </dev/null");
  const int result = std::system(view.arguments.c_str());
  view.dom = ReadAll(folder + "/dom");
  view.text = TextOf(view.dom);
  const std::string log = ReadAll(folder + "/log");
  const auto requests = RequestsOfPages(ReadAll(folder + "/net.json"));
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (result != 0 || !requests.ok()) {
    return absl::UnavailableError(absl::StrCat(view.arguments, " ended with ", result, ": ",
                                               requests.status().message(), "\n", log));
  }
  view.requests = *requests;
  return view;
}

}  // namespace metarec
