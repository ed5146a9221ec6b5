# What Linux and the drivers say of network devices; included by CMakeLists.txt.
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)

so_library(netlink_links SOURCES device_info.cc link_info.cc link_monitor.cc
           DEPS base LIBS PkgConfig::libmnl fmt::fmt)
so_test(netlink_links_test SOURCES link_info_test.cc link_monitor_test.cc DEPS netlink_links)
