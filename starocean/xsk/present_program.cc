#include "starocean/xsk/present_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>

#include <spdlog/fmt/fmt.h>

#include "starocean/xsk/steering_log.h"

namespace starocean::xsk {
namespace {

std::string program_name(uint32_t id) {
  const int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) return {};
  bpf_prog_info info{};
  uint32_t info_len = sizeof(info);
  const int error = bpf_obj_get_info_by_fd(fd, &info, &info_len);
  close(fd);
  return error == 0 ? info.name : "";
}

uint32_t link_of(uint32_t program_id, uint32_t ifindex) {
  for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    const int fd = bpf_link_get_fd_by_id(id);
    if (fd < 0) continue;
    bpf_link_info info{};
    uint32_t info_len = sizeof(info);
    const int error = bpf_obj_get_info_by_fd(fd, &info, &info_len);
    close(fd);
    if (error == 0 && info.type == BPF_LINK_TYPE_XDP && info.prog_id == program_id &&
        info.xdp.ifindex == ifindex) {
      return id;
    }
  }
  return 0;
}

}  // namespace

Result<std::optional<PresentProgram>> present_program(uint32_t ifindex, const std::string& device) {
  LIBBPF_OPTS(bpf_xdp_query_opts, found);
  const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &found);
  if (error != 0) {
    return fail_system(fmt::format("cannot ask what is attached to interface '{}'", device),
                       -error);
  }
  PresentProgram present;
  for (const uint32_t id :
       {found.drv_prog_id, found.hw_prog_id, found.skb_prog_id, found.prog_id}) {
    if (present.id == 0) present.id = id;
  }
  if (present.id == 0) return std::optional<PresentProgram>();
  present.generic = present.id == found.skb_prog_id;
  present.name = program_name(present.id);
  present.link_id = link_of(present.id, ifindex);
  return std::optional(std::move(present));
}

std::optional<bool> compiles_programs() {
  steering::route_libbpf_messages();
  std::array<bpf_insn, 2> pass{};
  pass[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = XDP_PASS
  pass[0].imm = XDP_PASS;
  pass[1].code = BPF_JMP | BPF_EXIT;
  const int fd =
      bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", pass.data(), pass.size(), nullptr);
  if (fd < 0) return std::nullopt;
  bpf_prog_info info{};
  uint32_t info_len = sizeof(info);
  const int error = bpf_obj_get_info_by_fd(fd, &info, &info_len);
  close(fd);
  if (error != 0) return std::nullopt;
  return info.jited_prog_len != 0;
}

}  // namespace starocean::xsk
