#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/cli/answer.h"
#include "starocean/control/api_client.h"
#include "starocean/wan/link_words.h"
#include "starocean/wan/report.h"
#include "starocean/wan/run_wan.h"

namespace starocean::cli {
namespace {

using control::Json;

constexpr const char* kProgram = "starocean wan";
constexpr const char* kNotation =
    "A value holds for both directions; X/Y is X from A to B and Y from B to A, X/ and /Y one of "
    "them:\n"
    "--delay 50ms/10ms --rate 20M --loss 1%/. A packet meets in this order: queue, rate, loss, "
    "damage,\n"
    "duplication, delay. See docs/wan.md.";

// What was said of the link, in the order of the table of words.
using Said = std::vector<std::pair<std::string_view, std::string>>;

std::string option_of(std::string_view name) {
  std::string option = "--" + std::string(name);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

void add_link_options(CLI::App& command, const std::shared_ptr<Said>& said) {
  for (const wan::LinkWord& word : wan::link_words()) {
    const auto keep = [said, &word](const std::string& text) {
      said->emplace_back(word.name, text);
    };
    const auto check = [&word](const std::string& text) -> std::string {
      wan::LinkPair scratch;
      const Status good = wan::set_word(scratch, word.name, text);
      if (good) return "";
      // Without the name, which CLI11 puts in front as well.
      const std::string_view said_of_it = good.error().message();
      return std::string(said_of_it.substr(said_of_it.find(": ") + 2));
    };
    command.add_option_function<std::string>(option_of(word.name), keep, std::string(word.help))
        ->type_name(std::string(word.kind))
        ->check(check, "")
        ->group("The link");
  }
  command.footer(kNotation);
}

// Wrong usage, if the values do not go together.
wan::LinkPair links_of(const Said& said) {
  wan::LinkPair links;
  for (const wan::LinkWord& word : wan::link_words()) {
    for (const auto& [name, text] : said) {
      if (name == word.name) (void)wan::set_word(links, name, text);
    }
  }
  for (const wan::LinkOptions& link : links) {
    if (Status good = wan::check(link); !good) throw CLI::ValidationError(good.error().message());
  }
  return links;
}

Json change_of(const Said& said) {
  Json change = Json::object();
  for (const wan::LinkWord& word : wan::link_words()) {
    for (const auto& [name, text] : said) {
      if (name != word.name) continue;
      const size_t slash = text.find('/');
      for (size_t way = 0; way < wan::kWays.size(); ++way) {
        const std::string value = slash == std::string::npos ? text
                                  : way == 0                 ? text.substr(0, slash)
                                                             : text.substr(slash + 1);
        if (!value.empty()) change[wan::kWays[way]][std::string(name)] = value;
      }
    }
  }
  return change;
}

int set_link(Context& context, const Said& said) {
  const control::ApiClient client(context.socket_path, kProgram);
  const auto body = client.post("/v1/wan", control::to_text(change_of(said)));
  if (!body) return fail_with(context, body.error());
  const auto answer = read_answer(context, *body);
  if (!answer) return fail_with(context, answer.error());
  if (context.json) context.out << control::to_text(*answer, 2) << '\n';
  return kDone;
}

// The daemon's socket is the default of all commands but these.
void choose_socket(const CLI::App& app, Context& context) {
  if (app.get_option("--socket")->empty()) context.socket_path = wan::kDefaultSocketPath;
}

void add_set(CLI::App& wan_command, const CLI::App& app, Context& context) {
  CLI::App* const command = wan_command.add_subcommand(
      "set",
      "Change the running link. Returns when the change is in force; a mistake changes nothing.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto said = std::make_shared<Said>();
  add_link_options(*command, said);
  command->callback([said, &app, &context] {
    if (said->empty()) throw CLI::RequiredError("Something to set");
    choose_socket(app, context);
    context.exit_code = set_link(context, *said);
  });
}

void add_show(CLI::App& wan_command, const CLI::App& app, Context& context) {
  CLI::App* const command =
      wan_command.add_subcommand("show", "The link as it is set, and its counters.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto watching = std::make_shared<bool>(false);
  command->add_flag("--watch", *watching, "Repeat every second (JSON: a line each)");
  command->callback([watching, &app, &context] {
    choose_socket(app, context);
    context.exit_code = show_answer(context, {"/v1/wan", wan::status_text, kProgram}, *watching);
  });
}

void add_run_options(CLI::App& command, wan::WanOptions& options) {
  wan::EmulatorOptions& emulator = options.emulator;
  command.add_option("--a", emulator.devices[0], "One end: a Linux device")->type_name("DEVICE");
  command.add_option("--b", emulator.devices[1], "The other end")->type_name("DEVICE");
  command
      .add_option("--seed", options.seed, "Decides alike each time; default: by chance, and shown")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{0}, wan::kMostSeed));
  command
      .add_option("--frames", emulator.frames,
                  "Packet memory, 2048 bytes each; half of it, less the rings, is what each\n"
                  "direction can have under way")
      ->type_name("N")
      ->check(CLI::Range(64, 1 << 22))
      ->capture_default_str();
  command.add_option("--cpu", emulator.cpu, "Run on this CPU")
      ->type_name("N")
      ->check(CLI::Range(0, 1023));
  const std::map<std::string, bool> priorities = {{"normal", false}, {"realtime", true}};
  command
      .add_option("--priority", emulator.realtime,
                  "realtime: packets depart in time on a busy machine; normal: the thread is\n"
                  "scheduled like any other")
      ->type_name("normal|realtime")
      ->transform(CLI::Transformer(priorities, CLI::ignore_case))
      ->default_str("realtime");
  command
      .add_option("--listen", options.listen,
                  "Serve the counters there over HTTP: /v1/wan as JSON, /metrics for Prometheus")
      ->type_name("ADDRESS:PORT")
      ->check(check_listen, "");
}

}  // namespace

void add_wan(CLI::App& app, Context& context) {
  CLI::App* const command =
      app.add_subcommand("wan",
                         "Emulate a link between two interfaces: delay, jitter, loss, reordering, "
                         "duplication, damage,\n"
                         "rate. Runs in the foreground until SIGTERM or SIGINT; `wan set` changes "
                         "it, `wan show` shows it.");
  command->fallthrough();
  command->require_subcommand(0, 1);
  const auto options = std::make_shared<wan::WanOptions>();
  const auto said = std::make_shared<Said>();
  add_run_options(*command, *options);
  add_link_options(*command, said);
  add_set(*command, app, context);
  add_show(*command, app, context);
  command->callback([command, options, said, &app, &context] {
    if (!command->get_subcommands().empty()) return;
    if (options->emulator.devices[0].empty()) throw CLI::RequiredError("--a");
    if (options->emulator.devices[1].empty()) throw CLI::RequiredError("--b");
    options->emulator.links = links_of(*said);
    // A slab of the frame depot.
    options->emulator.frames = options->emulator.frames / 64 * 64;
    choose_socket(app, context);
    options->socket_path = context.socket_path;
    context.exit_code = outcome_of(context, wan::run_wan(*options));
  });
}

}  // namespace starocean::cli
