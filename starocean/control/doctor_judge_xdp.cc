#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/privileges.h"

namespace starocean::control::doctor {
namespace {

// What a driver reports of a feature; empty if the kernel does not tell.
std::optional<bool> reported(const Case& c, uint64_t feature) {
  if (!c.facts.report) return std::nullopt;
  return c.facts.report->has(feature);
}

// "reported and tried", "tried", "reported, not tried".
std::string evidence(std::optional<bool> report, const Attempt& attempt) {
  if (attempt.granted()) return report.value_or(false) ? "reported and tried" : "tried";
  return "reported, not tried";
}

std::string driver_of(const Case& c) {
  return c.facts.driver.empty() ? "the driver" : fmt::format("the driver {}", c.facts.driver);
}

void judge_native(const Case& c, Judge& judge) {
  const auto report = reported(c, xsk::kXdpActBasic);
  const Attempt& attempt = c.facts.trial.native;
  const bool demanded = c.config.attach == Attach::kNative;
  if (attempt.refused() && report.value_or(true)) {
    return judge.say("xdp-native", Case::worse(demanded),
                     fmt::format("{} refuses XDP programs: {}", driver_of(c), attempt.reason));
  }
  if (attempt.refused() || report == false) {
    return judge.say(
        "xdp-native", Case::worse(demanded),
        fmt::format("{} runs no XDP programs: they run in the network stack (generic mode), which "
                    "is slower",
                    driver_of(c)),
        demanded ? edit_command(c.plan, c.config, "attach", "auto") : "");
  }
  if (!report && !attempt.granted()) {
    return judge.note("xdp-native",
                      "whether the driver runs XDP programs is not known before it is "
                      "tried: this kernel does not report it");
  }
  judge.ok("xdp-native",
           fmt::format("{} runs XDP programs ({})", driver_of(c), evidence(report, attempt)));
}

bool has_zero_copy(const Case& c) {
  const Attempt& attempt = c.facts.trial.zero_copy;
  return attempt.granted() || (reported(c, xsk::kXdpActZeroCopy) == true && !attempt.refused());
}

void judge_zero_copy(const Case& c, Judge& judge) {
  const auto report = reported(c, xsk::kXdpActZeroCopy);
  const Attempt& attempt = c.facts.trial.zero_copy;
  const bool demanded = c.config.zerocopy == ZeroCopy::kRequire;
  const std::string remedy =
      demanded ? edit_command(c.plan, c.config, "zerocopy", "auto") : std::string();
  if (c.config.zerocopy == ZeroCopy::kOff) {
    return judge.ok("zero-copy", "the configuration wants copy mode");
  }
  if (has_zero_copy(c)) {
    return judge.ok("zero-copy", fmt::format("{} reads and writes packet memory itself ({})",
                                             driver_of(c), evidence(report, attempt)));
  }
  if (report == true) {
    // drivers/net/virtio_net.c, virtnet_xsk_pool_enable, wants to map memory by the DMA API.
    const char* const hint =
        c.facts.driver == "virtio_net"
            ? "; the hypervisor has to offer the card with VIRTIO_F_ACCESS_PLATFORM (QEMU: "
              "disable-legacy=on,iommu_platform=on)"
            : "";
    return judge.say("zero-copy", Case::worse(demanded),
                     fmt::format("{} reports zero-copy, but refuses it: {}{}", driver_of(c),
                                 attempt.reason, hint),
                     remedy);
  }
  if (!report && !attempt.refused()) {
    return judge.note("zero-copy", "not known before it is tried: this kernel does not report it");
  }
  judge.say("zero-copy", demanded ? Verdict::kFault : Verdict::kNote,
            fmt::format("{} has no zero-copy: every packet is copied once each way", driver_of(c)),
            remedy);
}

// The other way to send in copy mode (xsk/xdp_transmitter.h).
void judge_redirect(const Case& c, Judge& judge) {
  const auto report = reported(c, xsk::kXdpActTransmit);
  if (c.config.io == Io::kAfXdp) {
    return judge.ok("redirect", "the configuration wants everything sent through sockets");
  }
  if (c.config.zerocopy != ZeroCopy::kOff && has_zero_copy(c)) {
    return judge.ok("redirect", "not needed: in zero-copy mode no packet costs a socket buffer");
  }
  if (c.generic_mode()) {
    return judge.note("redirect", "not in generic mode: each packet sent costs a socket buffer");
  }
  if (!report) {
    return judge.note("redirect",
                      "this kernel does not report whether the driver takes redirected packets "
                      "(Linux 6.3): each that is sent costs a socket buffer");
  }
  if (*report) {
    return judge.ok(
        "redirect",
        fmt::format("{} takes redirected packets: under load they cost no socket buffer",
                    driver_of(c)));
  }
  const std::string text = fmt::format(
      "{} takes no redirected packets: each that is sent costs a socket buffer, also under load",
      driver_of(c));
  if (!c.facts.is_veth()) return judge.note("redirect", text);
  const std::string why = "; a veth does once its other end has GRO or an XDP program";
  if (!c.facts.peer) return judge.note("redirect", text + why);
  judge.note("redirect", text + why,
             fmt::format("{}ethtool -K {} gro on", c.facts.peer->command_prefix,
                         shell_quoted(c.facts.peer->name)));
}

void judge_multi_buffer(const Case& c, Judge& judge) {
  const auto report = reported(c, xsk::kXdpActReceiveFragments);
  const Attempt& attempt = c.facts.trial.multi_buffer;
  if (c.host.kernel.multi_buffer == false) {
    return judge.note("multi-buffer",
                      "this kernel has none (Linux 6.6): a packet has to fit one "
                      "frame");
  }
  if (attempt.refused() || (c.facts.trial.fragments.refused() && report == true)) {
    const Attempt& why = attempt.refused() ? attempt : c.facts.trial.fragments;
    return judge.note("multi-buffer", fmt::format("{} refuses packets of several frames: {}",
                                                  driver_of(c), why.reason));
  }
  if (report == false) {
    return judge.note("multi-buffer",
                      fmt::format("{} has none: a packet has to fit one frame", driver_of(c)));
  }
  if (!report && !attempt.granted()) {
    return judge.note("multi-buffer",
                      "not known before it is tried: this kernel does not report it");
  }
  std::string text = fmt::format("packets may have several frames ({})", evidence(report, attempt));
  const uint32_t most = c.facts.report ? c.facts.report->zero_copy_segments : 0;
  if (most > 0) text += fmt::format(", in zero-copy mode at most {}", counted(most, "frame"));
  judge.ok("multi-buffer", text);
}

void judge_metadata(const Case& c, Judge& judge) {
  if (!c.facts.report) {
    return judge.note("metadata",
                      "this kernel does not report which metadata the driver has "
                      "(Linux 6.3)");
  }
  const auto names = [](const std::vector<std::string>& found) {
    return found.empty() ? std::string("none") : enumerate(found);
  };
  judge.ok("metadata", fmt::format("of received packets: {}; for packets to send: {}",
                                   names(xsk::rx_metadata_names(c.facts.report->rx_metadata)),
                                   names(xsk::tx_metadata_names(c.facts.report->tx_metadata))));
}

// Documentation/networking/napi.rst, "IRQ mitigation": preferred busy polling holds interrupts back only
// while these two are set.
void judge_busy_poll(const Case& c, Judge& judge) {
  if (c.host.kernel.prefer_busy_poll == false) {
    return judge.note("busy-poll", "this kernel has no preferred busy polling (Linux 5.11)");
  }
  if (c.facts.is_veth()) {
    return judge.ok("busy-poll", "a veth has no interrupts to hold back; its queues can be polled");
  }
  bool known = c.facts.trial.napi_id != 0;
  for (const xsk::QueueReport& queue : c.facts.queues) known |= queue.receive && queue.napi_id != 0;
  const bool wanted = c.plan.config.workers.poll == Poll::kBusy && c.plan.names(c.facts.name);
  if (c.facts.defer_hard_irqs.value_or(0) != 0 && c.facts.gro_flush_timeout_ns.value_or(0) != 0) {
    return judge.ok("busy-poll", "the queues can be polled, and interrupts wait meanwhile");
  }
  if (!c.facts.defer_hard_irqs) {
    return judge.note("busy-poll",
                      "napi_defer_hard_irqs cannot be read: /sys shows another network namespace");
  }
  const std::string remedy = fmt::format(
      "echo 2 > /sys/class/net/{0}/napi_defer_hard_irqs && echo 200000 > "
      "/sys/class/net/{0}/gro_flush_timeout",
      c.quoted);
  if (wanted) {
    return judge.say("busy-poll", Verdict::kWarning,
                     "`poll: busy`, but interrupts are not held back while a worker polls", remedy,
                     true);
  }
  judge.ok("busy-poll", known ? "the queues can be polled (the driver names their NAPI instances)"
                              : "the kernel can poll; the driver does not name its NAPI instances");
}

}  // namespace

void judge_xdp(const Case& c, Judge& judge) {
  judge_native(c, judge);
  judge_zero_copy(c, judge);
  judge_redirect(c, judge);
  judge_multi_buffer(c, judge);
  judge_metadata(c, judge);
  judge_busy_poll(c, judge);
  const Trial& trial = c.facts.trial;
  if (!trial.skipped.empty()) return judge.note("trial", "not made: " + trial.skipped);
  if (trial.copy.refused()) {
    return judge.say("trial", Verdict::kFault,
                     fmt::format("no AF_XDP socket can be bound: {}", trial.copy.reason));
  }
  if (trial.generic.refused()) {
    return judge.say("trial", Verdict::kFault,
                     fmt::format("no XDP program can be attached: {}", trial.generic.reason));
  }
  judge.ok("trial",
           trial.native.granted()
               ? "a program and sockets were attached, and removed again"
               : "a program in generic mode and a socket were attached, and removed again");
}

}  // namespace starocean::control::doctor
