# Run by `cmake --install`: installs METAREC_API below include/metarec/, with what they include of
# ours named so, too: "rpc/client.h" becomes "metarec/rpc/client.h".
set(rooms "base|idl|rpc|zk_store|replica_collector|meta_recovery|recovery_service|pegasus_client|migration|testing")
foreach(header IN LISTS METAREC_API)
  foreach(root IN LISTS METAREC_API_ROOTS)
    cmake_path(IS_PREFIX root ${header} NORMALIZE is_here)
    if(is_here)
      cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${root} OUTPUT_VARIABLE path)
      break()
    endif()
  endforeach()
  file(READ ${header} text)
  string(REGEX REPLACE "(#include \")((${rooms})/)" "\\1metarec/\\2" text "${text}")
  file(WRITE ${METAREC_INSTALLED_HEADERS}/${path} "${text}")
  cmake_path(GET path PARENT_PATH folder)
  file(INSTALL ${METAREC_INSTALLED_HEADERS}/${path}
    DESTINATION ${CMAKE_INSTALL_PREFIX}/${METAREC_INCLUDE_FOLDER}/metarec/${folder})
endforeach()
