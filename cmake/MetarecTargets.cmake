# metarec_library(NAME SOURCES a.cc HEADERS a.h DEPS lib...)
#
# One static library per folder: target NAME, alias metarec::NAME, archive libmetarec_NAME.a.
# Headers are included as "NAME/a.h", in the build tree and after installation.
function(metarec_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;DEPS")
  add_library(${name} STATIC ${arg_SOURCES})
  add_library(metarec::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME metarec_${name})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  metarec_warnings(${name})
  install(TARGETS ${name} EXPORT metarecTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/metarec)
endfunction()

# metarec_program(NAME SOURCES main.cc DEPS lib...): an installed executable.
function(metarec_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  metarec_warnings(${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# metarec_test(NAME SOURCES a_test.cc DEPS lib... [ONE_PROCESS])
#
# ONE_PROCESS: all cases of the binary in one CTest entry, for tests that share an expensive
# fixture such as a ZooKeeper server.
function(metarec_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ONE_PROCESS" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE
    METAREC_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden"
    METAREC_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests"
    METAREC_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  # A test runs once for every time that it is compiled: what it tests is optimised, it is not.
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
  metarec_warnings(${name})
  if(arg_ONE_PROCESS)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  else()
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()
endfunction()

function(metarec_warnings name)
  target_compile_options(${name} PRIVATE -Wall -Wextra
    $<$<BOOL:${METAREC_WARNINGS_AS_ERRORS}>:-Werror>
    # Lock discipline is checked by Clang at compile time.
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
endfunction()
