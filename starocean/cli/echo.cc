#include "starocean/control/echo.h"

#include <memory>

#include "starocean/cli/command_line.h"

namespace starocean::cli {

void add_echo(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand(
      "echo",
      "Answer ARP and ping for an address that Linux does not own, from user space, and pass\n"
      "everything else to Linux. Runs in the foreground until SIGTERM or SIGINT.");
  command->fallthrough();
  const auto options = std::make_shared<control::EchoOptions>();
  command->add_option("--interface", options->interface, "The Linux device to listen on")
      ->type_name("DEVICE")
      ->required();
  command->add_option("--address", options->address, "The IPv4 or IPv6 address to answer for")
      ->type_name("ADDRESS")
      ->required()
      ->check(check_address, "");
  command->add_option("--mac", options->mac, "The MAC address to answer with (the device's own)")
      ->type_name("MAC")
      ->check(check_mac, "");
  command->add_option("--queue", options->queue, "The receive queue to take")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--listen", options->listen,
                   "Serve the counters there over HTTP: /stats as JSON, /metrics for Prometheus")
      ->type_name("ADDRESS:PORT")
      ->check(check_listen, "");
  command->callback([options, &context] {
    context.exit_code = outcome_of(context, control::run_echo(*options));
  });
}

}  // namespace starocean::cli
