#pragma once

#include <string>
#include <vector>

#include "benchmarks/phases.h"

namespace metarec::benchmarks {

std::string TableOf(const SizeResult& result);
std::string JsonOf(const std::vector<SizeResult>& results);

}  // namespace metarec::benchmarks
