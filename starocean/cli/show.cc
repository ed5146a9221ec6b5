#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/cli/command_line.h"
#include "starocean/control/api_client.h"
#include "starocean/control/render_text.h"

namespace starocean::cli {
namespace {

using control::Json;

constexpr std::chrono::seconds kWatchInterval{1};
constexpr const char* kClearTerminal = "\033[H\033[2J";

struct View {
  const char* name;
  const char* help;
  std::string (*render)(const Json&);
};

constexpr View kViews[] = {
    {"interfaces", "Interfaces: state, mode, counters; loops seen.", control::interfaces_text},
    {"fdb", "The MAC table (forwarding database) of all bridges.", control::fdb_text},
    {"drops", "What was dropped and why; received = sent + dropped.", control::drops_text},
    {"queues", "Each queue's socket: mode, rings, frames, kernel counters.", control::queues_text},
    {"workers", "Each worker: CPU, polling, frames, load.", control::workers_text},
    {"memory", "Frames by place, and every mapping of the daemon.", control::memory_text},
};

struct FdbFilter {
  std::string bridge;
  std::string interface;
  std::string mac;
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

std::string request_path(const View& view, const FdbFilter& filter) {
  std::string path = fmt::format("/v1/{}", view.name);
  char separator = '?';
  for (const auto& [key, value] :
       {std::pair{"bridge", filter.bridge}, {"interface", filter.interface}, {"mac", filter.mac}}) {
    if (value.empty()) continue;
    path += fmt::format("{}{}={}", separator, key, percent_encoded(value));
    separator = '&';
  }
  return path;
}

Result<Json> ask(const Context& context, const std::string& path) {
  const auto body = control::ApiClient(context.socket_path).get(path);
  if (!body) return fail(body.error());
  Json answer = Json::parse(*body, nullptr, false);
  const std::string what = fmt::format("cannot read the answer of {}", context.socket_path);
  if (!answer.is_object()) {
    return fail(what, "it is not JSON", "is another program listening there?");
  }
  const int version = answer.value("schema_version", 0);
  if (version != control::kSchemaVersion) {
    return fail(what,
                fmt::format("it has schema version {}, not {}", version, control::kSchemaVersion),
                "use the starocean program that runs there");
  }
  return answer;
}

int show_once(Context& context, const View& view, const std::string& path, int indent) {
  const auto answer = ask(context, path);
  if (!answer) return fail_with(context, answer.error());
  if (context.json) {
    context.out << control::to_text(*answer, indent) << '\n';
  } else {
    context.out << view.render(*answer);
  }
  context.out.flush();
  return kDone;
}

// Ends only with an error or a signal. JSON: one document per line.
int watch(Context& context, const View& view, const std::string& path) {
  const bool terminal = &context.out == &std::cout && isatty(STDOUT_FILENO) != 0;
  for (bool first = true;; first = false) {
    if (!context.json) context.out << (terminal ? kClearTerminal : first ? "" : "\n");
    if (const int code = show_once(context, view, path, -1); code != kDone) return code;
    if (!context.out) return kFailed;
    std::this_thread::sleep_for(kWatchInterval);
  }
}

void add_view(CLI::App& show, Context& context, const View& view) {
  CLI::App* const command = show.add_subcommand(view.name, view.help);
  command->fallthrough();
  add_json_flag(*command, context);
  const auto watching = std::make_shared<bool>(false);
  const auto filter = std::make_shared<FdbFilter>();
  command->add_flag("--watch", *watching, "Repeat every second (JSON: a line each)");
  if (std::string_view(view.name) == "fdb") {
    command->add_option("--bridge", filter->bridge, "Only this bridge")->type_name("NAME");
    command->add_option("--interface", filter->interface, "Only behind this")->type_name("NAME");
    command->add_option("--mac", filter->mac, "Only this address")
        ->type_name("MAC")
        ->check(check_mac, "");
  }
  command->callback([&context, &view, watching, filter] {
    const std::string path = request_path(view, *filter);
    constexpr int kIndent = 2;
    context.exit_code =
        *watching ? watch(context, view, path) : show_once(context, view, path, kIndent);
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
