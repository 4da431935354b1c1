#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/strings/string_view.h>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace metarec {

// SHA-256, by OpenSSL. When OpenSSL fails (it has no memory, or its configuration has no SHA-256),
// the program ends: two digests that are none would be equal. Not thread-safe.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Add(absl::string_view bytes);
  // One of these two must be the last call.
  Digest Finish();
  std::string FinishAsText();  // "sha256:<64 hexadecimal digits>"

  static Digest Of(absl::string_view bytes);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace metarec
