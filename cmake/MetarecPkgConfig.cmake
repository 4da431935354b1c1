# Makes metarec.pc, for builds without CMake: pkg-config --cflags --libs metarec. The libraries are
# static, so it names all of them and all that they are linked with, private or not.

# What pkg-config calls what our targets are linked with, or, where Debian has no .pc file, the flags.
# absl::name is absl_name. The configuration stops at a dependency that is not here.
set(packages_by_target
  glog::glog libglog
  OpenSSL::Crypto libcrypto
  prometheus-cpp::core prometheus-cpp-core
  RocksDB::rocksdb rocksdb
  Snappy::snappy snappy
  Thrift::thrift thrift
  ZLIB::ZLIB zlib
  zstd::libzstd_shared libzstd)
set(flags_by_target
  Asio::Asio "-DASIO_STANDALONE -DASIO_NO_DEPRECATED -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1"
  RapidJSON::RapidJSON ""  # no installed header includes it
  Threads::Threads -pthread)
set(further_libraries_by_target
  ZooKeeper::zookeeper_mt -lzookeeper_mt)

set(packages "")
set(flags "")
set(libraries "")
set(further_libraries "")
get_property(targets GLOBAL PROPERTY METAREC_LIBRARIES)
get_property(rooms GLOBAL PROPERTY METAREC_ROOMS)
foreach(target IN LISTS targets)
  # What is linked first needs what comes later: the reverse of the order of the rooms.
  list(PREPEND libraries -lmetarec_${target})
  get_target_property(dependencies ${target} LINK_LIBRARIES)
  foreach(dependency IN LISTS dependencies)
    if(dependency MATCHES "^::@" OR dependency IN_LIST targets)
      continue()
    endif()
    string(REGEX REPLACE "^\\$<BUILD_INTERFACE:(.*)>$" "\\1" dependency ${dependency})
    set(is_known NO)
    if(dependency MATCHES "^absl::(.*)$")
      list(APPEND packages absl_${CMAKE_MATCH_1})
      set(is_known YES)
    endif()
    foreach(kind packages flags further_libraries)
      list(FIND ${kind}_by_target ${dependency} index)
      if(index GREATER_EQUAL 0)
        math(EXPR index "${index} + 1")
        list(GET ${kind}_by_target ${index} value)
        list(APPEND ${kind} ${value})
        set(is_known YES)
      endif()
    endforeach()
    # A build with the thread sanitizer links its programs with something of its own.
    if(NOT is_known AND NOT dependency IN_LIST rooms AND NOT dependency STREQUAL tsan_mutexes)
      message(FATAL_ERROR "Say in cmake/MetarecPkgConfig.cmake what pkg-config calls ${dependency}, "
        "which ${target} is linked with")
    endif()
  endforeach()
endforeach()
foreach(list packages flags libraries further_libraries)
  list(REMOVE_DUPLICATES ${list})
endforeach()
list(APPEND libraries ${further_libraries})
list(JOIN packages ", " METAREC_PC_PACKAGES)
list(JOIN flags " " METAREC_PC_FLAGS)
list(JOIN libraries " " METAREC_PC_LIBRARIES)

# The file finds the rest from its own place, so that the prefix may be chosen at installation.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR
  BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE METAREC_PC_INCLUDE_FOLDER)
configure_file(${CMAKE_CURRENT_LIST_DIR}/metarec.pc.in ${PROJECT_BINARY_DIR}/metarec.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/metarec.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
