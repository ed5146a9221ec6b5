# The library as others use it: find_package(starocean), then link starocean::xsk, starocean::net, ….
include(CMakePackageConfigHelpers)

set(installed base ring net table process log xdp_program xsk)
list(TRANSFORM installed PREPEND starocean_)
install(TARGETS ${installed} EXPORT starocean ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT starocean NAMESPACE starocean:: FILE starocean-targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
foreach(layer base ring net table xsk)
  install(DIRECTORY starocean/${layer} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/starocean
          FILES_MATCHING PATTERN "*.h" PATTERN testing EXCLUDE PATTERN testdata EXCLUDE
          PATTERN corpus EXCLUDE)
endforeach()
configure_package_config_file(cmake/starocean-config.cmake.in starocean-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
write_basic_package_version_file(starocean-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/starocean-config.cmake
              ${CMAKE_BINARY_DIR}/starocean-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
install(FILES packaging/starocean.service DESTINATION lib/systemd/system)
install(FILES docs/examples/switch.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/starocean/examples)
