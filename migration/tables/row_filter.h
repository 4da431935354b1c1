#pragma once

#include <string>

#include "pegasus_client/partition_scanner.h"
#include "pegasus_client/row.h"

namespace metarec {

// Which rows of a table are meant, as the options -h, -s and -v of Pegasus's shell say. Servers
// look at the parts of the key; what they cannot do is done here.
struct RowFilter {
  enum class Match { kAll, kAnywhere, kPrefix, kPostfix, kExact };
  struct Part {
    Match match = Match::kAll;
    std::string pattern;

    bool Passes(absl::string_view text) const;
  };

  Part hash_key;
  Part sort_key;
  Part value;

  // Whether a row that the servers let through is meant.
  bool Passes(const Row& row) const {
    return sort_key.Passes(row.key.sort_key()) && hash_key.Passes(row.key.hash_key()) &&
           value.Passes(row.value);
  }

  // What the servers look at. kExact goes as a prefix, as in the shell.
  void AddTo(ScanOptions* scan) const;
};

// "no_filter", "anywhere", "prefix", "postfix", "exact".
absl::string_view MatchName(RowFilter::Match match);

}  // namespace metarec
