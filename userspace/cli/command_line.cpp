// SPDX-License-Identifier: Apache-2.0
// The only file that knows CLI11.
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "cli/commands.hpp"
#include "config/units.hpp"

namespace probewall::cli {
namespace {

/// What the parser fills in; commands take copies of what they need when they run.
struct Parsed {
  GlobalOptions global;
  std::string output = "table";
  Command command;
  std::string word, file, reason, duration, ports;
  std::vector<std::string> words;
  std::string added;
  bool follow = false, running = false, together = false;
  bool any_config = false;  ///< the command is of use with a configuration that is wrong, too
  unsigned count = 20;
  std::uint16_t port = 8000;
};

enum class ConfigUse { kGood, kAny };

CLI::App* leaf(CLI::App& parent, const char* name, const char* help, Parsed& parsed,
               Command command, ConfigUse use = ConfigUse::kGood) {
  auto* sub = parent.add_subcommand(name, help);
  sub->callback([&parsed, use, command = std::move(command)] {
    parsed.command = command;
    parsed.any_config = use == ConfigUse::kAny;
  });
  return sub;
}

CLI::App* group(CLI::App& parent, const char* name, const char* help) {
  auto* sub = parent.add_subcommand(name, help);
  sub->require_subcommand(1);
  return sub;
}

std::string check_duration(const std::string& text) {
  const auto duration = parse_duration(text);
  if (duration && *duration >= std::chrono::seconds{1}) return {};
  return "'" + text + "' is no duration; write e.g. 10m, 1h30m or 30d";
}

std::string check_ttl(const std::string& text) {
  const auto duration = read_duration(text);
  if (duration || duration.error() != DurationFault::kTooLong) return check_duration(text);
  return "'" + text + "' is longer than " + format_duration(kLongestDuration) +
         ", the longest there is; without --ttl a ban holds until it is removed (block.max bounds "
         "the detector's bans, not these)";
}

constexpr std::array kEventTypes{"request", "response", "detection", "decision",
                                 "unblock", "exposure", "loss"};

std::string event_types() {
  std::string words;
  for (const char* type : kEventTypes) words += (words.empty() ? "" : ", ") + std::string{type};
  return words;
}

std::string check_event_type(const std::string& text) {
  if (std::find(kEventTypes.begin(), kEventTypes.end(), text) != kEventTypes.end()) return {};
  return "'" + text + "' is no event type; there are " + event_types();
}

std::optional<std::chrono::seconds> seconds_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(*parse_duration(text));
}

void add_global(CLI::App& app, Parsed& p) {
  app.add_option("-o,--output", p.output, "How to print: table or json")
      ->check(CLI::IsMember({"table", "json"}));
  app.add_flag("--json", p.global.json, "Same as -o json");
  app.add_option("--socket", p.global.socket,
                 "control.sock of the daemon; admin.sock lies beside it");
  app.add_option("--config", p.global.config_path, "Configuration file");
  app.add_option("--pin-directory", p.global.overrides.pin_directory,
                 "Kernel tables, for when the daemon is dead");
  app.add_option("--storage-directory", p.global.overrides.storage_directory,
                 "Decision store, for when the daemon is dead");
}

void add_look(CLI::App& app, Parsed& p) {
  leaf(app, "status", "What runs, where it is attached, what it counted", p, status);
  leaf(app, "doctor", "Look for what keeps Probewall from working", p, doctor, ConfigUse::kAny);
  auto* w = leaf(app, "why", "Is this address blocked, and why (exit status 0 blocked, 10 not)", p,
                 [&p](const Context& c) { return why(c, p.word); });
  w->add_option("ip", p.word, "IPv4 or IPv6 address")->required();
  auto* sources = group(app, "sources", "Who sends requests");
  auto* top = leaf(*sources, "top", "The most suspicious sources", p,
                   [&p](const Context& c) { return sources_top(c, p.count); });
  top->add_option("-n,--count", p.count, "How many")->check(CLI::Range(1, 1000));
  auto* servers = group(app, "servers", "The LLM servers that are guarded");
  leaf(*servers, "list", "Product, models, and which of them serve strangers without a key", p,
       servers_list);
  auto* e = leaf(app, "events", "The last events; -f goes on with new ones", p,
                 [&p](const Context& c) { return events(c, p.follow, p.words); });
  e->add_flag("-f,--follow", p.follow, "Go on with new events");
  e->add_option("--type", p.words, "Only these: " + event_types())->check(check_event_type);
}

void add_bans(CLI::App& app, Parsed& p) {
  auto* bans = group(app, "bans", "Blocked sources");
  leaf(*bans, "list", "List them", p, bans_list);
  auto* add = leaf(*bans, "add", "Block an address or prefix", p, [&p](const Context& c) {
    return bans_add(c, {p.words, seconds_of(p.duration), p.reason});
  });
  add->add_option("prefix", p.words, "e.g. 198.51.100.7 or 2001:db8:1:2::/64")->required();
  add->add_option("--ttl", p.duration, "For how long, e.g. 1h; default: until removed")
      ->check(check_ttl);
  add->add_option("--reason", p.reason, "A note for whoever asks why");
  auto* del =
      leaf(*bans, "del", "Unblock", p, [&p](const Context& c) { return bans_delete(c, p.words); });
  del->add_option("prefix", p.words, "Address or prefix")->required();
  leaf(*bans, "flush", "Unblock everything", p, bans_flush);
  leaf(*bans, "export", "Write all bans as text that import reads", p, bans_export);
  auto* import = leaf(*bans, "import", "Block what a file lists", p,
                      [&p](const Context& c) { return bans_import(c, p.file); });
  import->add_option("file", p.file, "File; - is standard input")->required();
}

void add_change(CLI::App& app, Parsed& p) {
  auto* allow = group(app, "allow", "Addresses that are never blocked");
  leaf(*allow, "list", "List them with the reason", p, allow_list);
  auto* add = leaf(*allow, "add", "Never block these", p,
                   [&p](const Context& c) { return allow_add(c, p.words, p.reason); });
  add->add_option("prefix", p.words, "Address or prefix")->required();
  add->add_option("--reason", p.reason, "A note");
  auto* del = leaf(*allow, "del", "Take them off the operator's list", p,
                   [&p](const Context& c) { return allow_delete(c, p.words); });
  del->add_option("prefix", p.words, "Address or prefix")->required();

  auto* enforce = group(app, "enforce", "Drop blocked sources, or only observe");
  auto* on = leaf(*enforce, "on", "Drop blocked sources", p,
                  [&p](const Context& c) { return enforce_on(c, seconds_of(p.duration)); });
  on->add_option("--confirm", p.duration,
                 "Go back to observing unless confirmed within this time, e.g. 5m")
      ->check(check_duration);
  leaf(*enforce, "confirm", "Keep enforcing after `on --confirm`", p, enforce_confirm);
  leaf(*enforce, "off", "Only observe and count", p, enforce_off);
  leaf(app, "reload", "Read configuration and rules anew; a mistake leaves the old ones in force",
       p, reload);
  leaf(app, "detach", "Remove Probewall from all interfaces, blocks included", p, detach);
}

void add_local(CLI::App& app, Parsed& p) {
  auto* replay =
      leaf(app, "replay", "Judge a capture file with the same core as the daemon; needs no root", p,
           [&p](const Context& c) {
             return replay_file(c, {p.file, p.ports == "all"});
           });
  replay->add_option("file", p.file, "Capture file (pcap, pcapng), or - for standard input")
      ->required();
  replay->add_option("--ports", p.ports, "\"all\": every TCP port, not only the configured ones")
      ->check(CLI::IsMember({"all", "configured"}));
  replay->add_option("--mode", p.global.overrides.mode, "enforce or observe")
      ->check(CLI::IsMember({"enforce", "observe"}));
  auto* config = group(app, "config", "The configuration");
  leaf(*config, "check", "Is it valid (exit status 5: no)", p, config_check);
  auto* show = leaf(*config, "show", "Every setting with its value in force", p,
                    [&p](const Context& c) { return config_show(c, p.running); });
  show->add_flag("--running", p.running, "Ask the daemon instead of reading the file");
  auto* rules = group(app, "rules", "Detection rules");
  leaf(*rules, "list", "List them with their points", p, rules_list);
  auto* test =
      leaf(*rules, "test", "Which rules see what in a request or in sessions, and what follows", p,
           [&p](const Context& c) {
             return rules_test(c, {p.file, p.word, p.added, p.port, p.together});
           });
  test->add_option("file", p.file,
                   "A request as sent, or sessions (JSON Lines); - is standard input")
      ->required();
  test->add_option("--rules", p.word, "Try these rules alone: a directory, or one file");
  test->add_option("--add", p.added,
                   "Try these on top of the others: a directory, or one file; a file takes the "
                   "place of one of its name");
  test->add_flag("--together", p.together,
                 "All sessions in one world, as sources of one network (key_sources)");
  test->add_option("--port", p.port, "Port that a request as sent goes to")
      ->check(CLI::Range(1, 65535));
  auto* feeds = group(app, "feeds", "Lists of known bad addresses");
  leaf(*feeds, "list", "List the feeds", p, feeds_list);
  leaf(app, "version", "Print the version", p, version, ConfigUse::kAny);
}

/// Subcommands and long options of every level, for completion.
void collect(const CLI::App& app, const std::vector<std::string>& path,
             std::vector<CompletionWord>& out) {
  CompletionWord entry{path, {}};
  const auto subs = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* sub : subs) entry.words.push_back(sub->get_name());
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) entry.words.push_back("--" + name);
  }
  out.push_back(std::move(entry));
  for (const auto* sub : subs) {
    auto below = path;
    below.push_back(sub->get_name());
    collect(*sub, below, out);
  }
}

void add_completion(CLI::App& app, Parsed& p) {
  auto* completion = leaf(
      app, "completion", "Print a completion script: bash, zsh or fish", p,
      [&app, &p](const Context&) {
        std::vector<CompletionWord> words;
        collect(app, {}, words);
        print(completion_script(p.word, words));
        return finish(0);
      },
      ConfigUse::kAny);
  completion->add_option("shell", p.word, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

/// "'lsit' is no command; did you mean 'list'?" for the first word that is no subcommand of where
/// it stands; empty: all words are.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* here = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-')) {
      const auto* option = app.get_option_no_throw(word);
      if (option != nullptr && option->get_expected_max() > 0) ++i;  // its value is no subcommand
      continue;
    }
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const auto* sub : here->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(sub->get_name());
      if (sub->get_name() == word) next = sub;
    }
    if (names.empty()) return {};
    if (next == nullptr) {
      const std::string near = nearest_word(word, names);
      return "'" + word + "' is no command" +
             (near.empty() ? "" : "; did you mean '" + near + "'?");
    }
    here = next;
  }
  return {};
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string message = unknown_command(app, argc, argv);
  if (message.empty()) message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return report({message + " (see probewall --help)", 0, ExitStatus::kUsage});
}

}  // namespace

int run(int argc, char** argv) {
  Parsed parsed;
  CLI::App app("Probewall: tells probes of LLM servers from clients and blocks them in the kernel",
               "probewall");
  app.require_subcommand(1);
  app.fallthrough();  // global options may follow the subcommand; inherited by those added below
  app.set_version_flag("--version", "probewall " PROBEWALL_VERSION);
  add_global(app, parsed);
  add_look(app, parsed);
  add_bans(app, parsed);
  add_change(app, parsed);
  add_local(app, parsed);
  add_completion(app, parsed);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  }
  if (parsed.output == "json") parsed.global.json = true;
  const Context context(parsed.global);
  // Where the daemon is reached stands in that file: with a mistake in it, it would be looked for
  // elsewhere.
  if (!parsed.global.config_path.empty() && !parsed.any_config) {
    if (const auto config = context.config(); !config) return report(config.error());
  }
  return parsed.command(context);
}

}  // namespace probewall::cli
