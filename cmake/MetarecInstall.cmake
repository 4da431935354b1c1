# `cmake --install` gives a package that find_package(metarec) finds, with a target metarec::<part>
# for each part of a room and metarec::<room> for all parts of one, and that pkg-config calls metarec.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/metarecd.service DESTINATION ${CMAKE_INSTALL_DATADIR}/metarec)
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
  cmake/FindThrift.cmake
  cmake/FindZooKeeper.cmake
  DESTINATION ${config_dir})
