# Apache Thrift (Debian: libthrift-dev, thrift-compiler). Defines Thrift::thrift and, when the
# compiler is there, Thrift_COMPILER.
find_path(Thrift_INCLUDE_DIR thrift/Thrift.h)
find_library(Thrift_LIBRARY thrift)
find_program(Thrift_COMPILER thrift)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Thrift REQUIRED_VARS Thrift_LIBRARY Thrift_INCLUDE_DIR)
if(Thrift_FOUND AND NOT TARGET Thrift::thrift)
  add_library(Thrift::thrift UNKNOWN IMPORTED)
  set_target_properties(Thrift::thrift PROPERTIES
    IMPORTED_LOCATION "${Thrift_LIBRARY}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${Thrift_INCLUDE_DIR}")
endif()
mark_as_advanced(Thrift_INCLUDE_DIR Thrift_LIBRARY Thrift_COMPILER)
