#pragma once

#include <memory>
#include <string>

#include <absl/strings/string_view.h>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace metarec {

// SHA-256 over lines, each with its newline: what the last line of an evidence or plan file says
// about those before it.
class LineDigest {
 public:
  LineDigest();
  ~LineDigest();
  LineDigest(const LineDigest&) = delete;
  LineDigest& operator=(const LineDigest&) = delete;

  void Add(absl::string_view line);  // without its newline

  // "sha256:<64 hexadecimal digits>". Must be the last call.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace metarec
