# The daemon and `starocean echo`.
so_library(daemon SOURCES collect_status.cc collect_vlans.cc daemon.cc echo.cc echo_report.cc bridge_rules_of.cc port_manager.cc
           DEPS api config dataplane doctor host log netlink_links process
           LIBS Threads::Threads fmt::fmt nlohmann_json::nlohmann_json)
so_test(echo_report_test SOURCES echo_report_test.cc DEPS daemon)
