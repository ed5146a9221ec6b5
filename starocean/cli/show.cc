#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/cli/answer.h"
#include "starocean/control/render_text.h"
#include "starocean/control/render_text_routing.h"
#include "starocean/control/show_vlans.h"

namespace starocean::cli {
namespace {

using control::Json;

struct View {
  const char* name;
  const char* help;
  std::string (*render)(const Json&);
};

constexpr View kViews[] = {
    {"interfaces", "Interfaces: state, mode, counters; loops seen.", control::interfaces_text},
    {"fdb", "The MAC table (forwarding database) of all bridges.", control::fdb_text},
    {"vlans", "Which interface carries which VLANs; multicast groups asked for.",
     control::vlans_text},
    {"routes", "The routes that are followed, by table.", control::routes_text},
    {"neighbours", "Neighbours of interfaces that route.", control::neighbours_text},
    {"route", "What decides for packets to an address.", control::route_text},
    {"drops", "What was dropped and why; received = sent + dropped.", control::drops_text},
    {"queues", "Each queue's socket: mode, rings, frames, kernel counters.", control::queues_text},
    {"workers", "Each worker: CPU, polling, frames, load.", control::workers_text},
    {"memory", "Frames by place, and every mapping of the daemon.", control::memory_text},
};

// The parameters of the request, by name.
struct Filter {
  std::string bridge;
  std::string vlan;
  std::string interface;
  std::string mac;
  std::string table;
  std::string address;
  std::string vrf;
};

std::string percent_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

std::string request_path(const View& view, const Filter& filter) {
  std::string path = fmt::format("/v1/{}", view.name);
  char separator = '?';
  for (const auto& [key, value] : {std::pair{"bridge", filter.bridge},
                                   {"vlan", filter.vlan},
                                   {"interface", filter.interface},
                                   {"mac", filter.mac},
                                   {"table", filter.table},
                                   {"address", filter.address},
                                   {"vrf", filter.vrf}}) {
    if (value.empty()) continue;
    path += fmt::format("{}{}={}", separator, key, percent_encoded(value));
    separator = '&';
  }
  return path;
}

void add_view(CLI::App& show, Context& context, const View& view) {
  CLI::App* const command = show.add_subcommand(view.name, view.help);
  command->fallthrough();
  add_json_flag(*command, context);
  const auto watching = std::make_shared<bool>(false);
  const auto filter = std::make_shared<Filter>();
  command->add_flag("--watch", *watching, "Repeat every second (JSON: a line each)");
  if (std::string_view(view.name) == "fdb") {
    command->add_option("--bridge", filter->bridge, "Only this bridge")->type_name("NAME");
    command->add_option("--vlan", filter->vlan, "Only in this VLAN")
        ->type_name("NUMBER")
        ->check(CLI::Range(1, 4094));
    command->add_option("--interface", filter->interface, "Only behind this")->type_name("NAME");
    command->add_option("--mac", filter->mac, "Only this address")
        ->type_name("MAC")
        ->check(check_mac, "");
  }
  if (std::string_view(view.name) == "routes") {
    command
        ->add_option("--table", filter->table, "Only this table of Linux's; 255: its own addresses")
        ->type_name("NUMBER");
  }
  if (std::string_view(view.name) == "route") {
    command->add_option("address", filter->address, "An IPv4 or IPv6 address")
        ->type_name("ADDRESS")
        ->required();
    command->add_option("--vrf", filter->vrf, "In this VRF (the first of the configuration)")
        ->type_name("NAME");
  }
  command->callback([&context, &view, watching, filter] {
    const Question question{request_path(view, *filter), view.render};
    context.exit_code = show_answer(context, question, *watching);
  });
}

}  // namespace

void add_show(CLI::App& app, Context& context) {
  CLI::App* const command =
      app.add_subcommand("show", "Show what the running daemon knows and does.");
  command->fallthrough();
  command->require_subcommand(1);
  for (const View& view : kViews) add_view(*command, context, view);
}

}  // namespace starocean::cli
