#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "starocean/bench/gen_command.h"
#include "starocean/bench/traffic_parse.h"
#include "starocean/cli/command_line.h"

namespace starocean::cli {
namespace {

constexpr uint16_t kLargestPort = 65535;
constexpr uint16_t kLargestVlan = 4094;

// Without its own words in the help.
CLI::Validator quietly(CLI::Validator check) {
  return check.description("");
}

// An option whose text `parse` turns into `value`; what it refuses is wrong usage.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& command, const char* name, T& value, Parse parse,
                        const char* help, const char* type) {
  const auto check = [parse](const std::string& text) {
    const auto parsed = parse(text);
    return parsed ? std::string() : parsed.error().message();
  };
  const auto store = [parse, &value](const std::string& text) {
    if (auto parsed = parse(text)) value = *parsed;
  };
  return command.add_option_function<std::string>(name, store, help)
      ->type_name(type)
      ->check(check, "");
}

struct SendWords {
  bench::GenSendOptions options;
  bench::Rate rate{bench::RateUnit::kFrames, 1000};
  double line_rate_bps = 0;
  bool ipv6 = false;
  std::optional<bench::Range<bench::IpAddress>> source;
  std::optional<bench::Range<bench::IpAddress>> destination;
  std::string order = "turn";
};

void add_addresses(CLI::App& command, SendWords& words) {
  bench::TrafficSpec& traffic = words.options.generator.traffic;
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
  bench::TrafficSpec& traffic = words.options.generator.traffic;
  for (const auto& given : {words.source, words.destination}) {
    if (given && std::holds_alternative<net::Ipv6Address>(given->first)) words.ipv6 = true;
  }
  if (words.ipv6) traffic.set_default_ipv6();
  if (words.source) traffic.source = *words.source;
  if (words.destination) traffic.destination = *words.destination;
  traffic.random_order = words.order == "random";
  if (Status good = bench::check(traffic); !good) return good;
  const auto pps = bench::frames_per_second(words.rate, traffic, words.line_rate_bps);
  if (!pps) return fail(pps.error());
  words.options.load.frames_per_second = *pps;
  words.options.rate = bench::to_string(words.rate);
  return {};
}

void add_device(CLI::App& command, std::string& device, const char* help) {
  command.add_option("--interface", device, help)->type_name("DEVICE")->required();
}

void add_send(CLI::App& gen, Context& context) {
  CLI::App* const command = gen.add_subcommand(
      "send",
      "Send UDP frames that carry flow, sequence and time out of an interface. RANGE is one "
      "value,\n"
      "FIRST-LAST or FIRST+COUNT; the n-th MAC, VLAN and IP address belong together, ports tell\n"
      "their flows apart. Runs until --count, --duration, SIGTERM or SIGINT.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto words = std::make_shared<SendWords>();
  bench::Generator::Options& generator = words->options.generator;
  add_device(*command, generator.device, "Frames go out of this device: of a veth, to its peer");
  add_parsed(*command, "--size", generator.traffic.frame_bytes, bench::parse_sizes,
             "Frame bytes, 4 of FCS included as in RFC 2544: 64, a mix\n64,594,1518, or imix (64)",
             "BYTES");
  add_addresses(*command, *words);
  command->add_option("--flows", generator.traffic.flows, "Number of flows, up to 1048576")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--order", words->order, "Flows in turn, or at random")
      ->type_name("turn|random")
      ->check(quietly(CLI::IsMember({"turn", "random"})))
      ->capture_default_str();
  add_load(*command, *words);
  command->add_option("--cpu", generator.cpu, "Pin the generating thread to this CPU")
      ->type_name("CPU")
      ->check(quietly(CLI::NonNegativeNumber));
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

void add_receive(CLI::App& gen, Context& context) {
  CLI::App* const command = gen.add_subcommand(
      "receive",
      "Check and count, in the driver, what `gen send` sent to an interface; everything else goes\n"
      "to Linux. Start it first: sequence numbers begin at 0. Runs until --count, --duration,\n"
      "--idle, SIGTERM or SIGINT.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto options = std::make_shared<bench::GenReceiveOptions>();
  bench::Receiver::Options& receiver = options->receiver;
  add_device(*command, receiver.device, "Count what this device receives");
  command->add_option("--flows", receiver.flows, "Number of flows that are sent")
      ->type_name("N")
      ->check(quietly(CLI::Range(1u, bench::kMaxFlows)))
      ->capture_default_str();
  command->add_option("--stream", receiver.stream, "The stream to count, 0-15")
      ->type_name("N")
      ->check(quietly(CLI::Range(0, 15)))
      ->capture_default_str();
  add_parsed(*command, "--count", options->count, bench::parse_count,
             "So many are sent: loss is of these, and all here is the end", "N");
  add_parsed(*command, "--duration", options->duration_ns, bench::parse_duration_ns,
             "End after so long", "TIME");
  add_parsed(*command, "--idle", options->idle_ns, bench::parse_duration_ns,
             "End when, after the first, no frame has come for so long", "TIME");
  command
      ->add_option("--window", receiver.window,
                   "Sequence numbers remembered per flow, a power of 2\n(65536 up to 4096 flows)")
      ->type_name("N");
  command
      ->add_option("--flow-rows", options->flow_rows, "List flows if no more than so many are seen")
      ->type_name("N")
      ->capture_default_str();
  command->callback([options, &context] {
    context.exit_code = outcome_of(
        context, bench::run_gen_receive(*options, {context.out, context.err, context.json}));
  });
}

}  // namespace

void add_gen(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand("gen", "Generate traffic, and check it.");
  command->fallthrough();
  command->require_subcommand(1);
  add_send(*command, context);
  add_receive(*command, context);
}

}  // namespace starocean::cli
