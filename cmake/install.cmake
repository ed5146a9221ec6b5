# The library as others use it: find_package(starocean), then link starocean::xsk, starocean::net, ….
include(CMakePackageConfigHelpers)

set(installed base ring net table process log xdp_program xsk)
list(TRANSFORM installed PREPEND starocean_)
install(TARGETS ${installed} EXPORT starocean ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT starocean NAMESPACE starocean:: FILE starocean-targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
# Not the headers of tests, nor of libraries that stay behind (netlink_links), nor those that name what a program in the kernel
# shares with us (bpf/transmit.h).
foreach(layer base ring net table xsk)
  install(DIRECTORY starocean/${layer} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/starocean
          FILES_MATCHING PATTERN "*.h" PATTERN testing EXCLUDE PATTERN testdata EXCLUDE
          PATTERN corpus EXCLUDE PATTERN "*_for_test.h" EXCLUDE PATTERN test_scale.h EXCLUDE
          PATTERN "device_*.h" EXCLUDE PATTERN "link_*.h" EXCLUDE PATTERN "netlink_*.h" EXCLUDE
          PATTERN netdev_family.h EXCLUDE PATTERN ethtool_request.h EXCLUDE
          PATTERN transmit_lane.h EXCLUDE PATTERN xdp_transmitter.h EXCLUDE)
endforeach()
configure_package_config_file(cmake/starocean-config.cmake.in starocean-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
write_basic_package_version_file(starocean-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/starocean-config.cmake
              ${CMAKE_BINARY_DIR}/starocean-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starocean)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The unit names files of the prefix, which is known only now: `cmake --install --prefix`.
install(CODE "
  set(STAROCEAN_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  set(STAROCEAN_DOCDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}\")
  configure_file(\"${PROJECT_SOURCE_DIR}/packaging/starocean.service.in\"
                 \"${PROJECT_BINARY_DIR}/starocean.service\" @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/starocean.service DESTINATION lib/systemd/system)
