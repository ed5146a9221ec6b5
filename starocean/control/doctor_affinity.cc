#include "starocean/control/doctor_affinity.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "starocean/control/doctor_sysfs.h"

namespace starocean::control::doctor {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> entries(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

// The message-signalled interrupts of the PCI device behind the network device (for virtio, one further
// up), or its only interrupt.
std::set<uint32_t> irq_numbers(const fs::path& device) {
  std::error_code error;
  const bool virtio = fs::read_symlink(device / "subsystem", error).filename() == "virtio";
  const fs::path hardware = virtio ? device / ".." : device;
  std::set<uint32_t> numbers;
  for (const std::string& name : entries(hardware / "msi_irqs")) {
    uint32_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc()) numbers.insert(number);
  }
  const auto only = read_number(hardware / "irq");
  if (numbers.empty() && only && *only != 0) numbers.insert(static_cast<uint32_t>(*only));
  return numbers;
}

// The last word of the interrupt's line in /proc/interrupts; "" for one that nobody has asked for.
std::string irq_name(const std::string& interrupts, uint32_t number) {
  std::istringstream lines(interrupts);
  const std::string label = fmt::format("{}:", number);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != label) continue;
    while (words >> word) {
    }
    return word;
  }
  return {};
}

void read_irqs(InterfaceFacts& facts) {
  const fs::path device = fs::path("/sys/class/net") / facts.name / "device";
  std::set<uint32_t> numbers = irq_numbers(device);
  for (const xsk::QueueReport& queue : facts.queues) {
    if (queue.irq > 0) numbers.insert(static_cast<uint32_t>(queue.irq));
  }
  const std::string interrupts = numbers.empty() ? "" : read_text("/proc/interrupts").value_or("");
  for (const uint32_t number : numbers) {
    IrqFacts irq;
    irq.number = number;
    irq.name = irq_name(interrupts, number);
    if (irq.name.empty()) continue;
    const std::string folder = fmt::format("/proc/irq/{}/", number);
    irq.allowed_cpus = parse_list(read_text(folder + "smp_affinity_list").value_or(""));
    irq.effective_cpus = parse_list(read_text(folder + "effective_affinity_list").value_or(""));
    if (irq.effective_cpus.empty()) irq.effective_cpus = irq.allowed_cpus;
    for (const xsk::QueueReport& queue : facts.queues) {
      if (queue.receive && queue.irq == static_cast<int32_t>(number)) irq.rx_queue = queue.queue;
    }
    facts.irqs.push_back(std::move(irq));
  }
}

// "00,00000003" is 3.
bool is_zero_mask(const std::string& mask) {
  return mask.find_first_not_of("0,") == std::string::npos;
}

void read_steering(InterfaceFacts& facts, const fs::path& device) {
  for (const std::string& queue : entries(device / "queues")) {
    const std::string file = queue.starts_with("rx-") ? "rps_cpus" : "xps_cpus";
    const auto mask = read_text(device / "queues" / queue / file);
    if (!mask || is_zero_mask(*mask)) continue;
    facts.steering_masks[fmt::format("{}/{}", queue, file)] = *mask;
  }
}

}  // namespace

void read_affinity(InterfaceFacts& facts) {
  const fs::path device = fs::path("/sys/class/net") / facts.name;
  // The /sys of another namespace may have a device of the same name.
  if (read_number(device / "ifindex") != facts.ifindex) return;
  read_irqs(facts);
  read_steering(facts, device);
  if (const auto defer = read_number(device / "napi_defer_hard_irqs")) {
    facts.defer_hard_irqs = static_cast<uint32_t>(*defer);
  }
  facts.gro_flush_timeout_ns = read_number(device / "gro_flush_timeout");
}

}  // namespace starocean::control::doctor
