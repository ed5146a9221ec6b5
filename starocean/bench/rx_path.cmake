# `starocean bench rx-path`: the ladder of the receive path; included by CMakeLists.txt.
find_package(nlohmann_json REQUIRED)

so_library(rx_path SOURCES rx_cases.cc rx_kernel_rungs.cc rx_netfilter_rungs.cc rx_nft_counter.cc
                           rx_packet_rungs.cc rx_path.cc rx_programs.cc rx_snmp.cc rx_thread.cc
                           rx_trial.cc rx_udp_rung.cc rx_xsk_rung.cc
           DEPS bench testbed xsk net LIBS mnl fmt::fmt)
# What came of it: figures, sentences, tables, a chart.
so_library(rx_report TOGETHER SOURCES rx_conclude.cc rx_conclude_tuning.cc rx_json.cc rx_machine.cc rx_plot.cc rx_summary.cc
                             rx_text.cc rx_write.cc
           DEPS rx_path report LIBS nlohmann_json::nlohmann_json fmt::fmt)
target_include_directories(starocean_rx_path SYSTEM PRIVATE ${STAROCEAN_BPF_DIR})
add_dependencies(starocean_rx_path bpf_skeletons)
so_test(rx_path_test SOURCES rx_path_test.cc rx_report_test.cc DEPS rx_report)
