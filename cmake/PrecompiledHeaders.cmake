# The headers that nearly every source includes, compiled once for all targets: more than half of the
# time that a build takes goes into reading them. Sources include what they use all the same.
option(METAREC_PRECOMPILED_HEADERS "Compile the headers that nearly every source includes only once" ON)
if(METAREC_PRECOMPILED_HEADERS)
  set(headers
    <algorithm> <chrono> <cstdint> <fstream> <functional> <iostream> <map> <memory> <optional>
    <set> <string> <utility> <vector>
    <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
    <absl/status/status.h> <absl/status/statusor.h>
    <absl/strings/str_cat.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
    <absl/strings/string_view.h> <absl/synchronization/mutex.h> <absl/time/time.h>
    <absl/types/span.h>
    <asio/any_io_executor.hpp> <asio/awaitable.hpp> <asio/bind_cancellation_slot.hpp>
    <asio/co_spawn.hpp> <asio/detached.hpp> <asio/io_context.hpp> <asio/ip/tcp.hpp>
    <asio/post.hpp> <asio/steady_timer.hpp> <asio/this_coro.hpp> <asio/use_awaitable.hpp>
    <thrift/TApplicationException.h> <thrift/protocol/TProtocol.h>)
  file(WRITE ${PROJECT_BINARY_DIR}/generated/precompiled.cc "")
  function(metarec_precompile name)
    add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/generated/precompiled.cc)
    target_link_libraries(${name} PRIVATE
      Asio::Asio Thrift::thrift Threads::Threads
      absl::flat_hash_map absl::flat_hash_set absl::span absl::statusor absl::strings
      absl::synchronization absl::time)
    target_precompile_headers(${name} PRIVATE ${ARGN})
  endfunction()
  metarec_precompile(metarec_precompiled ${headers})
  if(METAREC_BUILD_TESTS)
    metarec_precompile(metarec_precompiled_for_tests ${headers} <gmock/gmock.h> <gtest/gtest.h>)
    target_compile_options(metarec_precompiled_for_tests PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
    target_link_libraries(metarec_precompiled_for_tests PRIVATE GTest::gmock)
  endif()
endif()
