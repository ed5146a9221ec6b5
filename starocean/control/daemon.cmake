# The daemon and `starocean echo`.
so_library(daemon TOGETHER SOURCES bridge_rules_of.cc collect_explain.cc collect_routing.cc collect_status.cc collect_vlans.cc daemon.cc echo.cc
                          echo_report.cc explain_packet.cc port_manager.cc routing_manager.cc
           DEPS api config dataplane doctor host log mirror netlink_links process
           LIBS Threads::Threads fmt::fmt nlohmann_json::nlohmann_json)
so_test(echo_report_test SOURCES echo_report_test.cc DEPS daemon)
