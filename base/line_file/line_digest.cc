#include "base/line_file/line_digest.h"

#include <array>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <openssl/evp.h>

namespace metarec {

void LineDigest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

LineDigest::LineDigest() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

LineDigest::~LineDigest() = default;

void LineDigest::Add(absl::string_view line) {
  EVP_DigestUpdate(context_.get(), line.data(), line.size());
  EVP_DigestUpdate(context_.get(), "\n", 1);
}

std::string LineDigest::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(digest.data()), length)));
}

}  // namespace metarec
