# `cmake --install` gives a package that find_package(metarec) finds, with a target metarec::<part>
# for each part of a room and metarec::<room> for all parts of one, and that pkg-config calls metarec.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(documents README.md CHANGELOG.md CONTRIBUTING.md LICENSE docs examples)
install(CODE "
  set(METAREC_DOCUMENTS ${documents})
  set(METAREC_SOURCE \"${PROJECT_SOURCE_DIR}\")
  set(METAREC_INSTALLED_DOCUMENTS \"${PROJECT_BINARY_DIR}/installed_documents\")
  set(METAREC_DOCUMENT_FOLDER \"${CMAKE_INSTALL_DOCDIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/InstallDocuments.cmake\")")

# The unit names where the program is, which is known only when it is installed.
set(METAREC_SYSTEMD_UNITS lib/systemd/system CACHE STRING "Where systemd looks for units")
install(CODE "
  set(METAREC_UNITS \"${METAREC_SYSTEMD_UNITS}\")
  set(METAREC_PROGRAMS \"${CMAKE_INSTALL_BINDIR}\")
  set(METAREC_DOCUMENTS \"${CMAKE_INSTALL_DOCDIR}\")
  foreach(folder METAREC_UNITS METAREC_PROGRAMS METAREC_DOCUMENTS)
    cmake_path(ABSOLUTE_PATH \${folder} BASE_DIRECTORY \${CMAKE_INSTALL_PREFIX})
  endforeach()
  configure_file(\"${PROJECT_SOURCE_DIR}/packaging/metarecd.service.in\"
    \"${PROJECT_BINARY_DIR}/metarecd.service\" @ONLY)
  file(INSTALL \"${PROJECT_BINARY_DIR}/metarecd.service\" DESTINATION \${METAREC_UNITS})")
install(FILES packaging/metarecd.sysusers DESTINATION lib/sysusers.d RENAME metarecd.conf)
install(FILES packaging/metarecd.default DESTINATION ${CMAKE_INSTALL_DATADIR}/metarec)
get_property(api GLOBAL PROPERTY METAREC_API)
install(CODE "
  set(METAREC_API \"${api}\")
  set(METAREC_API_ROOTS \"${PROJECT_BINARY_DIR}/generated\" \"${PROJECT_SOURCE_DIR}\")
  set(METAREC_INSTALLED_HEADERS \"${PROJECT_BINARY_DIR}/installed_headers\")
  set(METAREC_INCLUDE_FOLDER \"${CMAKE_INSTALL_INCLUDEDIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/InstallHeaders.cmake\")")
include(MetarecPkgConfig)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/metarec)
install(EXPORT metarecTargets NAMESPACE metarec:: DESTINATION ${config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/metarecConfig.cmake.in
  ${PROJECT_BINARY_DIR}/metarecConfig.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/metarecConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/metarecConfig.cmake
  ${PROJECT_BINARY_DIR}/metarecConfigVersion.cmake
  cmake/MetarecDependencies.cmake
  cmake/FindAsio.cmake
  cmake/FindRocksDB.cmake
  cmake/FindThrift.cmake
  cmake/FindZooKeeper.cmake
  DESTINATION ${config_dir})
