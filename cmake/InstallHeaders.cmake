# Run by `cmake --install`: installs METAREC_API below include/metarec/. Where the headers include each
# other, the path gets the same prefix: "rpc/client.h" becomes "metarec/rpc/client.h".
set(rooms "base|idl|rpc|zk_store|replica_collector|meta_recovery|recovery_service|pegasus_client|migration|testing")

# The path of each header from its root, which is the sources' or the generated files' folder.
set(paths "")
foreach(header IN LISTS METAREC_API)
  foreach(root IN LISTS METAREC_API_ROOTS)
    cmake_path(IS_PREFIX root ${header} NORMALIZE is_here)
    if(is_here)
      cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${root} OUTPUT_VARIABLE path)
      list(APPEND paths ${path})
      break()
    endif()
  endforeach()
endforeach()

foreach(header path IN ZIP_LISTS METAREC_API paths)
  file(READ ${header} text)
  string(REGEX REPLACE "(#include \")((${rooms})/)" "\\1metarec/\\2" text "${text}")
  if(text MATCHES "#include <((rapidjson|zookeeper|glog|gflags|openssl|prometheus|CLI)/[^>]*|zstd\\.h)>")
    message(FATAL_ERROR "${path} is installed but includes <${CMAKE_MATCH_1}>, a private dependency")
  endif()
  string(REGEX MATCHALL "#include \"[^\"]*\"" includes "${text}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "^#include \"(metarec/)?(.*)\"$" "\\2" included "${include}")
    if(NOT included IN_LIST paths)
      message(FATAL_ERROR "${path} is installed but includes ${included}, which is not. "
        "Add that to its metarec_library(API), or do without it.")
    endif()
  endforeach()
  # An unchanged header keeps its time, so that nothing is compiled anew because of it.
  set(installed ${METAREC_INSTALLED_HEADERS}/${path})
  file(WRITE ${installed}.new "${text}")
  file(COPY_FILE ${installed}.new ${installed} ONLY_IF_DIFFERENT)
  cmake_path(GET path PARENT_PATH folder)
  # file(INSTALL) itself puts $DESTDIR in front.
  cmake_path(ABSOLUTE_PATH METAREC_INCLUDE_FOLDER BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
    OUTPUT_VARIABLE destination)
  file(INSTALL ${installed} DESTINATION ${destination}/metarec/${folder})
endforeach()
