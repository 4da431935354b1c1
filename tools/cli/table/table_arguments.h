#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>

#include "base/runtime/clock.h"
#include "migration/tables/row_filter.h"
#include "pegasus_client/table_client.h"
#include "tools/process/command.h"

namespace metarec::tools {

// Two tables in two clusters, and which of their rows are meant. The options have the names that
// they have in copy_data of Pegasus's shell.
class TableArguments {
 public:
  void AddTo(Command& verb);

  absl::Status Check() const;
  absl::StatusOr<std::unique_ptr<TableClient>> Source(asio::any_io_executor executor,
                                                      Clock* clock) const;
  absl::StatusOr<std::unique_ptr<TableClient>> Target(asio::any_io_executor executor,
                                                      Clock* clock) const;
  // After Check.
  RowFilter Filter() const;
  bool filters_values() const { return !value_.type.empty(); }

  const std::string& source_table() const { return source_table_; }
  const std::string& target_table() const { return target_table_; }
  const std::string& source_metas() const { return source_metas_; }
  const std::string& target_cluster() const { return target_cluster_; }

 private:
  struct FilterPart {
    std::string type;
    std::string pattern;
  };

  void AddFilterTo(Command& verb, absl::string_view short_names, absl::string_view what,
                   bool has_exact, FilterPart* part);
  absl::StatusOr<std::unique_ptr<TableClient>> Client(asio::any_io_executor executor, Clock* clock,
                                                      const std::string& metas,
                                                      absl::string_view option,
                                                      const std::string& table) const;
  absl::StatusOr<std::string> TargetMetas() const;

  std::string source_table_;
  std::string source_metas_;
  std::string target_cluster_;
  std::string target_table_;
  std::string config_;
  int32_t timeout_ms_ = 5000;
  int32_t retry_seconds_ = 300;
  FilterPart hash_key_;
  FilterPart sort_key_;
  FilterPart value_;
};

}  // namespace metarec::tools
