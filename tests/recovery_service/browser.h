// Chromium without a window, which looks at pages as a person would. It is told what to do through
// chromedriver (WebDriver, with some commands of the DevTools protocol).

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <rapidjson/document.h>

#include "testing/child_process.h"
#include "testing/scratch_folder.h"

namespace metarec {

struct Viewport {
  int width = 1200;
  int height = 1000;
  bool is_dark = false;
};

// Not thread-safe; its functions block. Chromium and chromedriver end with it.
class Browser {
 public:
  // kNotFound where either is not installed. Nothing is reached but 127.0.0.1.
  static absl::StatusOr<std::unique_ptr<Browser>> Start();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  absl::Status SetViewport(const Viewport& viewport);
  absl::Status Open(const std::string& url);

  // What "return ..." in JavaScript gives on the page that is open.
  absl::StatusOr<rapidjson::Document> Evaluate(const std::string& script);

  // The whole page as a PNG file, however long it is.
  absl::Status SaveScreenshot(const std::string& path);

  // The URLs that were asked for since the last call, as the network service was told them, before
  // they are looked up or sent.
  absl::StatusOr<std::vector<std::string>> TakeRequests();

 private:
  Browser() = default;

  // `value` of the answer; a command of WebDriver, below the session if `in_session`.
  absl::StatusOr<rapidjson::Document> Command(const std::string& method, const std::string& path,
                                              const std::string& body);
  absl::StatusOr<rapidjson::Document> DevTools(const std::string& command,
                                               const std::string& parameters);
  absl::Status OpenSession(const std::string& chromium);

  const testing::ScratchFolder folder_;
  std::unique_ptr<testing::ChildProcess> driver_;
  uint16_t port_ = 0;
  std::string session_;  // "/session/ID"; empty: there is none
};

// What is between the tags of a serialized page, a line each, without scripts and styles.
std::string TextOfHtml(std::string dom);

}  // namespace metarec
