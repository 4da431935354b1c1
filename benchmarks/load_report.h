#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/time/time.h>

namespace metarec::benchmarks {

struct LoadReport {
  // Answers to questions that came while the server was doing this.
  struct Answers {
    std::string key;   // in JSON
    std::string what;  // in the table
    std::vector<int64_t> latencies_us;
  };
  struct Memory {
    std::string key;
    std::string what;
    int64_t connections = 0;
    int64_t bytes = 0;  // by which the server grew
  };

  int64_t connections = 0;
  double rate = 0;  // questions a second
  int64_t partitions = 0;
  std::vector<Answers> answers;
  std::vector<absl::Duration> recoveries_alone;
  std::vector<absl::Duration> recoveries_under_load;
  std::vector<Memory> memory;
  int64_t lost = 0;    // questions without an answer
  int64_t wrong = 0;   // answers
  int64_t closed = 0;  // connections that the server ended

  bool is_clean() const { return lost == 0 && wrong == 0 && closed == 0; }
};

std::string LoadReportTable(const LoadReport& report);
std::string LoadReportJson(const LoadReport& report);

}  // namespace metarec::benchmarks
