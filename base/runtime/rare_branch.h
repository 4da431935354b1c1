// Marks places that only misfortune leads to, so that a suite can tell which of them it never
// reached:
//
//   METAREC_RARE_BRANCH("an answer was lost, and the write had happened");
//
// Off unless the CMake option METAREC_RARE_BRANCHES is on, as in the presets that test; then there
// is neither code nor a global behind a mark. For .cc files of ours, in which it is a statement;
// never included by a header.

#pragma once

#include "base/runtime/rare_branch_option.h"  // generated

#if !METAREC_RARE_BRANCHES

#define METAREC_RARE_BRANCH(text) static_cast<void>(0)

#else

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#define METAREC_RARE_BRANCH(text) ::metarec::internal::RareBranch<text>::Reach()

namespace metarec {

// Every mark that is linked into this program, by its text: how often it was reached. Thread-safe.
std::map<std::string, int64_t> RareBranchCounts();

namespace internal {

template <size_t kSize>
struct RareBranchText {
  constexpr RareBranchText(const char (&text)[kSize]) {  // NOLINT(google-explicit-constructor)
    std::copy_n(text, kSize, value);
  }
  char value[kSize];
};

// The counter of this text, which is listed from now on.
std::atomic<int64_t>* RegisterRareBranch(const char* text);

// One for each text; made before main begins, so that those that are never reached are listed, too.
template <RareBranchText kText>
struct RareBranch {
  static inline std::atomic<int64_t>* const counter = RegisterRareBranch(kText.value);
  static void Reach() { counter->fetch_add(1, std::memory_order_relaxed); }
};

}  // namespace internal
}  // namespace metarec

#endif
