#include "base/line_file/sha256.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>
#include <openssl/evp.h>

namespace metarec {
namespace {

// Looked up once: that takes longer than a digest of something short.
const EVP_MD* Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(kAlgorithm != nullptr) << "OpenSSL, as it is configured, has no SHA-256";
  return kAlgorithm;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK_EQ(EVP_DigestInit_ex(context_.get(), Algorithm(), nullptr), 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Add(absl::string_view bytes) {
  CHECK_EQ(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), 1);
}

Sha256::Digest Sha256::Finish() {
  Digest digest;
  unsigned int length = 0;
  CHECK_EQ(EVP_DigestFinal_ex(context_.get(), digest.data(), &length), 1);
  CHECK_EQ(length, digest.size());
  return digest;
}

std::string Sha256::FinishAsText() {
  const Digest digest = Finish();
  return absl::StrCat("sha256:", absl::BytesToHexString(absl::string_view(
                                     reinterpret_cast<const char*>(digest.data()), digest.size())));
}

Sha256::Digest Sha256::Of(absl::string_view bytes) {
  Digest digest;
  unsigned int length = 0;
  CHECK_EQ(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, Algorithm(), nullptr), 1);
  CHECK_EQ(length, digest.size());
  return digest;
}

}  // namespace metarec
