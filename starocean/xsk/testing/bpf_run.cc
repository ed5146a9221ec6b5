#include "starocean/xsk/testing/bpf_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "starocean/base/check.h"

namespace starocean::xsk::testing {

uint32_t xdp_verdict(int program_fd, const Bytes& frame) {
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .repeat = 1);
  const int error = bpf_prog_test_run_opts(program_fd, &run);
  SO_CHECK(error == 0, "BPF_PROG_TEST_RUN fails");
  return run.retval;
}

int load_stranger(const char* name) {
  // r0 = XDP_PASS; exit
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  const int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "Dual BSD/GPL", instructions, 2, nullptr);
  SO_CHECK(fd >= 0, "the stranger does not load");
  return fd;
}

}  // namespace starocean::xsk::testing
