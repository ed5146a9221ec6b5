#include "starocean/bench/bpf_maps.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "starocean/xsk/steering_attach.h"

namespace starocean::bench {

Result<MappedArray> MappedArray::map(const bpf_map* array, std::string_view what) {
  MappedArray result;
  const size_t bytes = size_t{bpf_map__value_size(array)} * bpf_map__max_entries(array);
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(array), 0);
  if (at == MAP_FAILED) return fail_system(what, errno);
  result.at_ = at;
  result.bytes_ = bytes;
  return result;
}

MappedArray::~MappedArray() {
  if (at_ != nullptr) munmap(at_, bytes_);
}

void MappedArray::clear() {
  std::memset(at_, 0, bytes_);
}

tl::unexpected<Error> refuse_program(std::string_view what, int error) {
  if (error == EPERM) {
    return fail_system(what, error, xsk::steering::kPrivileges);
  }
  if (error == ENOMEM) {
    return fail_system(what, error, "use fewer flows or a smaller window");
  }
  return fail_system(what, error,
                     "Linux 6.1 or newer with BTF (/sys/kernel/btf/vmlinux) is needed; the debug "
                     "log holds the kernel's reasons");
}

}  // namespace starocean::bench
