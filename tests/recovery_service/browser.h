// A headless browser, for looking at pages as a person would.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace metarec {

struct PageView {
  std::string dom;        // serialized, after the page's scripts have run for some seconds
  std::string text;       // of the DOM: what is between the tags, a line each, without scripts
  std::string arguments;  // of the browser, for failures

  // The URLs that the page itself asked for, as the browser's network log has them, before they are
  // looked up or sent.
  std::vector<std::string> requests;
};

class Browser {
 public:
  // METAREC_BROWSER, or a Chromium of the usual names; nullopt if there is none.
  static std::optional<Browser> Find();

  // `screenshot`: a PNG file to write, or empty. Nothing is reached but 127.0.0.1.
  absl::StatusOr<PageView> Open(const std::string& url, const std::string& screenshot = "") const;

 private:
  explicit Browser(std::string program) : program_(std::move(program)) {}

  std::string program_;
};

}  // namespace metarec
