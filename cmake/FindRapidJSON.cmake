# RapidJSON (Debian: rapidjson-dev). Defines RapidJSON::RapidJSON.
find_path(RapidJSON_INCLUDE_DIR rapidjson/rapidjson.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RapidJSON REQUIRED_VARS RapidJSON_INCLUDE_DIR)
if(RapidJSON_FOUND AND NOT TARGET RapidJSON::RapidJSON)
  add_library(RapidJSON::RapidJSON INTERFACE IMPORTED)
  set_target_properties(RapidJSON::RapidJSON PROPERTIES
    INTERFACE_COMPILE_DEFINITIONS RAPIDJSON_HAS_STDSTRING=1
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${RapidJSON_INCLUDE_DIR}")
endif()
mark_as_advanced(RapidJSON_INCLUDE_DIR)
