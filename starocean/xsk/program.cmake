# The XDP program and its loader, and the way back into Linux; included by CMakeLists.txt.
so_library(xdp_program
  SOURCES left_programs.cc live_frames.cc present_program.cc punt.cc punt_helper.cc punt_link.cc
          steering_attach.cc steering_claim.cc steering_log.cc word_ring.cc xdp_program.cc xdp_transmitter.cc
  DEPS base log process LIBS bpf mnl)
target_include_directories(starocean_xdp_program SYSTEM PRIVATE ${STAROCEAN_BPF_DIR})
add_dependencies(starocean_xdp_program bpf_skeletons)

if(BUILD_TESTING)
  so_library(xsk_testing
    SOURCES testing/bpf_run.cc testing/frames.cc testing/netns.cc testing/raw_socket.cc
    DEPS base xdp_program)
  so_test(steering_test SOURCES steering_test.cc steering_edge_test.cc steering_transit_test.cc
          DEPS xdp_program xsk_testing LABELS root)
  so_test(xdp_program_test SOURCES left_programs_test.cc xdp_program_test.cc xdp_program_traffic_test.cc DEPS xdp_program xsk_testing LIBS cap LABELS root)
  so_test(punt_test SOURCES punt_test.cc punt_helper_test.cc DEPS xdp_program xsk_testing LIBS cap LABELS root)
endif()
