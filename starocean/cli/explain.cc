#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "starocean/cli/answer.h"
#include "starocean/control/api_client.h"
#include "starocean/control/render_text_routing.h"

namespace starocean::cli {
namespace {

struct Wanted {
  std::string in;
  std::string packet;
  std::string frame;
  std::string mac;
};

int explain(Context& context, const Wanted& wanted) {
  control::Json request = {{"in", wanted.in}};
  if (wanted.frame.empty()) {
    request["packet"] = wanted.packet;
    if (!wanted.mac.empty()) request["mac"] = wanted.mac;
  } else {
    request["frames"] = {wanted.frame};
  }
  const auto body = control::ApiClient(context.socket_path).post("/v1/explain", request.dump());
  if (!body) return fail_with(context, body.error());
  const auto answer = read_answer(context, *body);
  if (!answer) return fail_with(context, answer.error());
  if (context.json) {
    context.out << answer->dump(2) << '\n';
  } else {
    context.out << control::explain_text(*answer);
  }
  return kDone;
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand(
      "explain",
      "Say what the running daemon would do with a packet, step by step. Nothing is sent.\n"
      "A packet is written as \"tcp 10.0.0.1:1 > 10.0.0.2:443\", \"udp [fd00::1]:1 > "
      "[fd00::2]:53\"\n"
      "or \"icmp 10.0.0.1 > 10.0.0.2\".");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto wanted = std::make_shared<Wanted>();
  command->add_option("--in", wanted->in, "The interface that receives it")
      ->type_name("NAME")
      ->required();
  CLI::Option* const packet =
      command->add_option("packet", wanted->packet, "The packet")->type_name("PACKET");
  CLI::Option* const mac =
      command
          ->add_option("--mac", wanted->mac, "Its destination (the interface's own, to be routed)")
          ->type_name("MAC")
          ->check(check_mac);
  command
      ->add_option("--frame", wanted->frame,
                   "Instead, a whole Ethernet frame; without VLAN tag if the interface routes")
      ->type_name("HEX")
      ->excludes(packet)
      ->excludes(mac);
  command->callback([&context, wanted] {
    if (wanted->packet.empty() && wanted->frame.empty()) {
      throw CLI::RequiredError("PACKET or --frame");
    }
    context.exit_code = explain(context, *wanted);
  });
}

}  // namespace starocean::cli
