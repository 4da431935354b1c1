# metarec_library(NAME API a.h SOURCES a.cc PUBLIC lib... PRIVATE lib...)
#
# A static library, one for each part of a room: target NAME, alias metarec::NAME, archive
# libmetarec_NAME.a. NAME is the folder with underscores for slashes.
#
# API: the headers that users include; what these include of ours is installed with them. PUBLIC: what
# headers need; PRIVATE: what only sources need.
# In this tree a header is included as "zk_store/client/meta_store.h", and where it is installed as
# "metarec/zk_store/client/meta_store.h" (InstallHeaders.cmake).
function(metarec_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "API;SOURCES;PUBLIC;PRIVATE")
  add_library(${name} STATIC ${arg_SOURCES})
  add_library(metarec::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME metarec_${name})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${name} PUBLIC cxx_std_20)
  # Users need not have RapidJSON: no installed header includes it, and there is nothing to link.
  list(TRANSFORM arg_PUBLIC REPLACE "^(RapidJSON::RapidJSON)$" "$<BUILD_INTERFACE:\\1>")
  list(TRANSFORM arg_PRIVATE REPLACE "^(RapidJSON::RapidJSON)$" "$<BUILD_INTERFACE:\\1>")
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  metarec_compile_options(${name})
  metarec_api(${arg_API})
  set_property(GLOBAL APPEND PROPERTY METAREC_LIBRARIES ${name})
  install(TARGETS ${name} EXPORT metarecTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# metarec_room(NAME part...): one target for all parts of a room.
function(metarec_room name)
  add_library(${name} INTERFACE)
  add_library(metarec::${name} ALIAS ${name})
  target_link_libraries(${name} INTERFACE ${ARGN})
  set_property(GLOBAL APPEND PROPERTY METAREC_ROOMS ${name})
  install(TARGETS ${name} EXPORT metarecTargets)
endfunction()

# metarec_api(a.h ...): headers of the current folder that users include.
function(metarec_api)
  foreach(header IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH header BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    if(NOT EXISTS ${header})
      message(FATAL_ERROR "There is no header ${header}")
    endif()
    set_property(GLOBAL APPEND PROPERTY METAREC_API ${header})
  endforeach()
endfunction()

# metarec_program(NAME SOURCES main.cc DEPS lib...): an installed executable.
function(metarec_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  metarec_compile_options(${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# metarec_test(NAME SOURCES a_test.cc DEPS lib... [ONE_PROCESS])
#
# ONE_PROCESS: all cases of the binary in one CTest entry, for tests that share an expensive
# fixture such as a ZooKeeper server. Under a sanitizer that is so for all tests, since a process
# takes longer to start than most cases to run.
function(metarec_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ONE_PROCESS" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE
    METAREC_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden"
    METAREC_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests"
    METAREC_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  metarec_compile_options(${name} TEST)
  set(slower 1)
  set(one_process ${arg_ONE_PROCESS})
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    set(slower 5)
    set(one_process ON)
  endif()
  if(one_process)
    math(EXPR timeout "900 * ${slower}")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout})
  endif()
  if(arg_ONE_PROCESS)
    # These are the long ones. CTest begins with them, so that none is waited for at the end.
    set_tests_properties(${name} PROPERTIES COST 60)
  endif()
  if(NOT one_process)
    math(EXPR timeout "300 * ${slower}")
    # A case of a parameterized test is called by its name, not by its parameter's bytes.
    gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${timeout})
  endif()
endfunction()

# metarec_compile_little_optimised(NAME): for what waits for people, files or peers, so that a fifth
# of the time that it takes to compile is worth more than its speed.
function(metarec_compile_little_optimised name)
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# metarec_compile_options(NAME [TEST]): warnings, and the headers that nearly every source includes,
# compiled once.
function(metarec_compile_options name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TEST" "" "")
  target_compile_options(${name} PRIVATE -Wall -Wextra
    $<$<BOOL:${METAREC_WARNINGS_AS_ERRORS}>:-Werror>
    # Where several sources are compiled as one, GCC takes each for a header of the others.
    $<$<AND:$<BOOL:${CMAKE_UNITY_BUILD}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>
    # Lock discipline is checked by Clang at compile time.
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
  if(arg_TEST)
    # A test runs once for every time that it is compiled: what it tests is optimised, it is not.
    target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
    target_link_libraries(${name} PRIVATE GTest::gmock)
    set(precompiled metarec_precompiled_for_tests)
  else()
    set(precompiled metarec_precompiled)
  endif()
  if(METAREC_PRECOMPILED_HEADERS)
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:Asio::Asio>
      $<BUILD_INTERFACE:Threads::Threads>)
    target_precompile_headers(${name} REUSE_FROM ${precompiled})
  endif()
endfunction()
