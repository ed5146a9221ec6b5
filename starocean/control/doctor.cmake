# `starocean doctor`, and the same checks when the daemon starts.
so_library(doctor TOGETHER SOURCES doctor.cc doctor_affinity.cc doctor_finding.cc doctor_fix.cc doctor_host.cc
                          doctor_interface.cc doctor_judge.cc doctor_judge_config.cc
                          doctor_judge_device.cc doctor_judge_host.cc doctor_judge_limits.cc
                          doctor_judge_mtu.cc doctor_judge_offloads.cc doctor_judge_tuning.cc
                          doctor_judge_xdp.cc doctor_kernel.cc doctor_peer.cc doctor_quote.cc
                          doctor_render.cc doctor_sysfs.cc doctor_trial.cc engine_options.cc
           DEPS config dataplane host netlink_links process report xdp_program xsk
           LIBS Threads::Threads fmt::fmt nlohmann_json::nlohmann_json)
so_test(doctor_test SOURCES doctor_config_test.cc doctor_judge_interface_test.cc doctor_judge_test.cc
                            doctor_report_test.cc doctor_sample.cc
        DEPS doctor)
