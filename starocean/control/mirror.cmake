# The netlink mirror: Linux's routes, next hops, neighbours, rules and interfaces into the forwarding information.
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)

# The kernel's messages. Pure.
so_library(netlink_parse SOURCES address_parse.cc neighbour_parse.cc next_hop_parse.cc route_parse.cc rule_parse.cc
           DEPS base net table LIBS PkgConfig::libmnl fmt::fmt)
so_test(netlink_parse_test SOURCES netlink_parse_test.cc route_parse_test.cc DEPS netlink_parse)
so_fuzz(route_parse_fuzz SOURCES route_parse_fuzz.cc DEPS netlink_parse CORPUS corpus/netlink)

if(NOT STAROCEAN_FUZZ)
  so_library(mirror TOGETHER SOURCES family_routes.cc interface_mirror.cc list_request.cc neighbour_mirror.cc
                            netlink_socket.cc next_hop_objects.cc refused_routes.cc route_mirror.cc
                            route_mirror_lists.cc route_mirror_news.cc route_values.cc rule_mirror.cc
             DEPS netlink_parse netlink_links table)
  so_test(family_routes_test SOURCES family_routes_test.cc DEPS mirror)
endif()

if(BUILD_TESTING AND NOT STAROCEAN_FUZZ)
  find_package(nlohmann_json REQUIRED)
  so_test(mirror_test SOURCES mirror_fixture_for_test.cc mirror_links_test.cc mirror_routes_test.cc
                              mirror_state_test.cc
          DEPS mirror xsk_testing LIBS nlohmann_json::nlohmann_json LABELS root)
  # Figures for a full table; needs a quiet machine.
  add_executable(mirror_bench EXCLUDE_FROM_ALL mirror_bench.cc)
  target_link_libraries(mirror_bench PRIVATE starocean_options starocean::mirror starocean::xsk_testing)
endif()
