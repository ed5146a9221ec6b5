# `starocean bench forward`: systems that forward frames, measured beside each other; included by CMakeLists.txt.

find_package(nlohmann_json REQUIRED)

# Search and statistics: pure.
so_library(rate_search SOURCES rate_search.cc DEPS base)
so_test(rate_search_test SOURCES rate_search_test.cc DEPS rate_search)

# The wires, the devices under test, and the report.
so_library(bench_forward
           SOURCES cpu_absence.cc cpu_distance.cc cpu_thief.cc dut.cc dut_linux.cc dut_ovs.cc dut_redirect.cc dut_starocean.cc dut_testpmd.cc dut_xdpsock.cc
                   forward_bench.cc forward_delay.cc forward_json.cc forward_plot.cc forward_rig.cc forward_soak.cc forward_summary.cc forward_text.cc
                   forward_trial.cc forward_turn.cc kernel_threads_away.cc machine.cc napi_watch.cc scratch_directory.cc
                   soak_watch.cc
           DEPS bench process rate_search testbed api report LIBS bpf nlohmann_json::nlohmann_json)
target_include_directories(starocean_bench_forward SYSTEM PRIVATE ${STAROCEAN_BPF_DIR})
add_dependencies(starocean_bench_forward bpf_skeletons)
so_test(bench_forward_test SOURCES forward_test.cc DEPS bench_forward)
so_test(kernel_threads_away_test SOURCES kernel_threads_away_test.cc DEPS bench_forward)
so_test(forward_delay_test SOURCES forward_delay_test.cc DEPS bench_forward)
so_test(soak_watch_test SOURCES soak_watch_test.cc DEPS bench_forward)
so_test(cpu_thief_test SOURCES cpu_thief_test.cc DEPS bench_forward)
