#include <memory>

#include "starocean/bench/gen_command.h"
#include "starocean/bench/traffic_parse.h"
#include "starocean/cli/gen_options.h"

namespace starocean::cli {
namespace {

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
  add_gen_send(*command, context);
  add_receive(*command, context);
}

}  // namespace starocean::cli
