# What Linux and the drivers say of network devices; included by CMakeLists.txt.
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)

so_library(netlink_links SOURCES device_info.cc device_settings.cc ethtool_request.cc link_info.cc
                                 link_monitor.cc netdev_family.cc netlink_query.cc
           DEPS base LIBS PkgConfig::libmnl fmt::fmt)
so_test(netlink_links_test SOURCES link_info_test.cc link_monitor_test.cc DEPS netlink_links)
if(BUILD_TESTING)
  so_test(device_settings_test SOURCES device_settings_test.cc DEPS netlink_links xsk_testing LABELS root)
endif()
