#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "starocean/bench/gen_command.h"
#include "starocean/bench/traffic_parse.h"
#include "starocean/cli/gen_options.h"

namespace starocean::cli {
namespace {

constexpr uint16_t kLargestPort = 65535;
constexpr uint16_t kLargestVlan = 4094;

struct SendWords {
  bench::GenSendOptions options;
  bench::Rate rate{bench::RateUnit::kFrames, 1000};
  double line_rate_bps = 0;
  bool ipv6 = false;
  std::optional<bench::Range<bench::IpAddress>> source;
  std::optional<bench::Range<bench::IpAddress>> destination;
  std::string order = "turn";
  std::string engine = "auto";
  std::string zero_copy = "auto";
  CLI::App* command = nullptr;
  std::string pace = "recorded";
};

void add_capture(CLI::App& command, SendWords& words) {
  bench::GenSendOptions& options = words.options;
  CLI::Option* const file =
      command
          .add_option("--pcap", options.capture_path,
                      "Send the frames of this capture, pcap or pcapng, as they are")
          ->type_name("FILE");
  command.add_option("--loop", options.engine.replay.loops, "How often; 0: over and over")
      ->type_name("N")
      ->needs(file)
      ->check(quietly(CLI::NonNegativeNumber))
      ->capture_default_str();
  command
      .add_option("--pace", words.pace,
                  "As far apart as they were recorded, or, what --rate means,\nby the rate")
      ->type_name("recorded|rate")
      ->needs(file)
      ->check(quietly(CLI::IsMember({"recorded", "rate"})))
      ->capture_default_str();
  command.add_option("--speed", options.engine.replay.speed, "So many times as fast as recorded")
      ->type_name("X")
      ->needs(file)
      ->check(quietly(CLI::Range(1e-6, 1e6)))
      ->capture_default_str();
}

// What the options of a capture mean together; the rate in frames per second is settled when it is read.
Status complete_capture(SendWords& words) {
  bench::GenSendOptions& options = words.options;
  const bool rate_given = words.command->count("--rate") != 0;
  const bool pace_given = words.command->count("--pace") != 0;
  const std::string what = "cannot send the capture";
  for (const char* of_traffic :
       {"--size", "--flows", "--order", "--ipv6", "--source", "--destination", "--source-mac",
        "--destination-mac", "--source-port", "--destination-port", "--vlan", "--stream"}) {
    if (words.command->count(of_traffic) == 0) continue;
    return fail(what, fmt::format("{} is of generated frames", of_traffic), "leave it out");
  }
  if (rate_given && pace_given && words.pace == "recorded") {
    return fail(what, "--rate and --pace recorded exclude each other", "give one of them");
  }
  options.engine.replay.recorded = words.pace == "recorded" && !rate_given;
  if (!options.engine.replay.recorded && words.command->count("--speed") != 0) {
    return fail(what, "--speed is of recorded times", "leave --rate and --pace rate out");
  }
  if (words.engine == "live") {
    return fail(what, "BPF live frames are made in the kernel", "use --engine xsk");
  }
  options.capture_rate = words.rate;
  options.line_rate_bps = words.line_rate_bps;
  if (options.engine.replay.recorded) options.rate = "as recorded";
  return {};
}

void add_engine(CLI::App& command, SendWords& words) {
  bench::EngineOptions& engine = words.options.engine;
  command
      .add_option("--engine", words.engine,
                  "live: BPF live frames, up to 3300 bytes; xsk: AF_XDP, up to\n9618; auto: live "
                  "where that will do")
      ->type_name("auto|live|xsk")
      ->check(quietly(CLI::IsMember({"auto", "live", "xsk"})))
      ->capture_default_str();
  command.add_option("--queue", engine.queue, "The device's queue that AF_XDP sends through")
      ->type_name("N")
      ->check(quietly(CLI::NonNegativeNumber))
      ->capture_default_str();
  command
      .add_option("--zerocopy", words.zero_copy,
                  "AF_XDP in zero-copy mode: where it is granted, only so, or not")
      ->type_name("auto|require|off")
      ->check(quietly(CLI::IsMember({"auto", "require", "off"})))
      ->capture_default_str();
  command.add_option("--cpu", engine.cpu, "Pin the generating thread to this CPU")
      ->type_name("CPU")
      ->check(quietly(CLI::NonNegativeNumber));
}

void settle_engine(SendWords& words) {
  bench::EngineOptions& engine = words.options.engine;
  engine.engine = words.engine == "live"  ? bench::EngineChoice::kLive
                  : words.engine == "xsk" ? bench::EngineChoice::kXsk
                                          : bench::EngineChoice::kAuto;
  engine.zero_copy = words.zero_copy == "require" ? xsk::ZeroCopy::kRequire
                     : words.zero_copy == "off"   ? xsk::ZeroCopy::kOff
                                                  : xsk::ZeroCopy::kAuto;
}

void add_addresses(CLI::App& command, SendWords& words) {
  bench::TrafficSpec& traffic = words.options.engine.traffic;
  const auto ports = [](const char* name) {
    return [name](const std::string& text) {
      return bench::parse_number_range(text, name, kLargestPort);
    };
  };
  const auto vlans = [](const std::string& text) {
    return bench::parse_number_range(text, "VLAN ids", kLargestVlan);
  };
  command.add_flag("--ipv6", words.ipv6, "IPv6: 2001:2:0:1::1 to 2001:2:0:2::1 unless given");
  add_parsed(command, "--source", words.source, bench::parse_address_range,
             "IPv4 or IPv6 source addresses (198.18.0.1)", "RANGE");
  add_parsed(command, "--destination", words.destination, bench::parse_address_range,
             "Destination addresses (198.19.0.1)", "RANGE");
  add_parsed(command, "--source-mac", traffic.source_mac, bench::parse_mac_range,
             "Source MAC addresses (02:53:4f:00:00:01)", "RANGE");
  add_parsed(command, "--destination-mac", traffic.destination_mac, bench::parse_mac_range,
             "Destination MAC addresses (02:53:4f:80:00:01)", "RANGE");
  add_parsed(command, "--source-port", traffic.source_port, ports("source ports"),
             "UDP source ports (1024-65535)", "RANGE");
  add_parsed(command, "--destination-port", traffic.destination_port, ports("destination ports"),
             "UDP destination ports (7000-7016)", "RANGE");
  add_parsed(command, "--vlan", traffic.vlan, vlans, "802.1Q tag with these VLAN ids (no tag)",
             "RANGE");
}

void add_load(CLI::App& command, SendWords& words) {
  bench::Load& load = words.options.load;
  add_parsed(command, "--rate", words.rate, bench::parse_rate,
             "Frames per second (1000000, 1.5Mpps), bit/s (500M), % of\n--line-rate, or flood "
             "(1000)",
             "RATE");
  add_parsed(command, "--line-rate", words.line_rate_bps, bench::parse_line_rate,
             "What 100 % is, in bit/s: 10G", "BITS");
  add_parsed(command, "--count", load.count, bench::parse_count, "End after so many frames: 10M",
             "N");
  add_parsed(command, "--duration", load.duration_ns, bench::parse_duration_ns,
             "End after so long: 500ms, 10s, 5m, 1h", "TIME");
  command.add_option("--stream", load.stream, "Number that tells runs apart, 0-15")
      ->type_name("N")
      ->check(quietly(CLI::Range(0, 15)))
      ->capture_default_str();
}

// Settles what several options decide together; an error is wrong usage.
Status complete(SendWords& words) {
  bench::TrafficSpec& traffic = words.options.engine.traffic;
  for (const auto& given : {words.source, words.destination}) {
    if (given && std::holds_alternative<net::Ipv6Address>(given->first)) words.ipv6 = true;
  }
  if (words.ipv6) traffic.set_default_ipv6();
  if (words.source) traffic.source = *words.source;
  if (words.destination) traffic.destination = *words.destination;
  traffic.random_order = words.order == "random";
  settle_engine(words);
  if (Status good = bench::check(traffic); !good) return good;
  const auto pps = bench::frames_per_second(words.rate, traffic, words.line_rate_bps);
  if (!pps) return fail(pps.error());
  words.options.load.frames_per_second = *pps;
  words.options.rate = bench::to_string(words.rate);
  if (words.options.capture_path.empty()) return {};
  words.options.load.frames_per_second = 0;
  return complete_capture(words);
}

}  // namespace

void add_gen_send(CLI::App& gen, Context& context) {
  CLI::App* const command = gen.add_subcommand(
      "send",
      "Send UDP frames that carry flow, sequence and time out of an interface, or the frames of a\n"
      "capture. RANGE is one value, FIRST-LAST or FIRST+COUNT; the n-th MAC, VLAN and IP address\n"
      "belong together, ports tell their flows apart. Runs until --count, --duration, SIGTERM or\n"
      "SIGINT, a capture until its end.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto words = std::make_shared<SendWords>();
  bench::EngineOptions& engine = words->options.engine;
  add_device(*command, engine.device, "Frames go out of this device: of a veth, to its peer");
  add_parsed(*command, "--size", engine.traffic.frame_bytes, bench::parse_sizes,
             "Frame bytes, 4 of FCS included as in RFC 2544: 64, a mix\n64,594,1518, or imix (64)",
             "BYTES");
  add_addresses(*command, *words);
  command->add_option("--flows", engine.traffic.flows, "Number of flows, up to 1048576")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--order", words->order, "Flows in turn, or at random")
      ->type_name("turn|random")
      ->check(quietly(CLI::IsMember({"turn", "random"})))
      ->capture_default_str();
  add_load(*command, *words);
  add_capture(*command, *words);
  add_engine(*command, *words);
  words->command = command;
  command->callback([words, &context] {
    if (const Status settled = complete(*words); !settled) {
      context.exit_code = kWrongUsage;
      context.err << "starocean: " << settled.error().message()
                  << "; see `starocean gen send --help`\n";
      return;
    }
    context.exit_code = outcome_of(
        context, bench::run_gen_send(words->options, {context.out, context.err, context.json}));
  });
}

}  // namespace starocean::cli
