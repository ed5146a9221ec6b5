# The daemon and `starocean echo`.
so_library(daemon SOURCES collect_status.cc daemon.cc echo.cc port_manager.cc
           DEPS api config dataplane host log netlink_links process
           LIBS Threads::Threads fmt::fmt nlohmann_json::nlohmann_json)
