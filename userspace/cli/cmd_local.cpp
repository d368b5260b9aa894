// SPDX-License-Identifier: Apache-2.0
// Commands that need no daemon.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/replay.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "core/rules/rule_set.hpp"
#include "events/event_formatter.hpp"
#include "events/json_append.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall::cli {
namespace {

std::string aims_text(const std::vector<Aim>& aims) {
  std::string words;
  for (const Aim aim : aims) words += (words.empty() ? "" : ", ") + std::string{aim_name(aim)};
  return words;
}

std::string rule_json(const RuleInfo& rule) {
  std::string out = "{\"id\":";
  append_json_string(out, rule.id);
  out += ",\"description\":";
  append_json_string(out, rule.description);
  out += ",\"points\":";
  append_json_number(out, rule.score);
  out += fmt::format(",\"shadow\":{},\"aims\":[", rule.shadow);
  for (std::size_t i = 0; i < rule.aims.size(); ++i)
    out += fmt::format("{}\"{}\"", i > 0 ? "," : "", aim_name(rule.aims[i]));
  out += "],\"references\":[";
  for (std::size_t i = 0; i < rule.references.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, rule.references[i]);
  }
  return out + "]}";
}

/// The files may be newer than what a daemon runs with: it keeps the old rules when they are bad.
void say_when_refused(const Context& context) {
  const auto body = context.api().get("/v1/status");
  if (!body) return;
  const auto status = parse_json(*body);
  if (!status || !has(*status, "reload")) return;
  const Json& reload = at(*status, "reload");
  if (flag(reload, "successful")) return;
  notice("the daemon runs with earlier rules than these: the last reload failed: " +
         raw_text(reload, "message"));
}

}  // namespace

int replay_file(const Context& context, const ReplayFlags& flags) {
  const auto config = context.config();
  if (!config) return report(config.error());
  const auto rules = load_rules(*config);
  if (!rules) return report(rules.error());
  ReplayOptions options;
  options.file = flags.file;
  options.json = context.json();
  options.ports_all = flags.ports_all;
  options.config = *config;
  options.rules = *rules;
  options.last = true;
  return run_replay(options);
}

int config_check(const Context& context) {
  const auto config = context.config();
  if (!config) return report(config.error());
  const auto rules = load_rules(*config);
  if (!rules) return report({rules.error().message, 0, ExitStatus::kConfigInvalid});
  std::error_code error;
  const bool there = std::filesystem::exists(context.config_path(), error);
  print_line(context.json() ? R"({"valid":true})"
                            : fmt::format("{} is valid; {} rules.",
                                          there ? context.config_path()
                                                : "The default configuration (no file)",
                                          (*rules)->list().size()));
  return finish(0);
}

int config_show(const Context& context, bool running) {
  std::string toml;
  if (running) {
    const auto body = context.api().get("/v1/config");
    if (!body) return report(body.error());
    const auto parsed = parse_json(*body);
    if (!parsed) return report(parsed.error());
    toml = raw_text(*parsed, "toml");
  } else {
    const auto config = context.config();
    if (!config) return report(config.error());
    toml = to_toml(*config);
  }
  if (context.json()) {
    std::string out = "{\"toml\":";
    append_json_string(out, toml);
    print_line(out + "}");
  } else {
    print(toml);
  }
  return finish(0);
}

int rules_list(const Context& context) {
  const auto config = context.config();
  if (!config) return report(config.error());
  const auto rules = load_rules(*config);
  if (!rules) return report(rules.error());
  std::string json;
  Table table({"RULE", ">POINTS", "AIMS", "WHAT IT SEES"});
  for (const RuleInfo& rule : (*rules)->list()) {
    json += (json.empty() ? "" : ",") + rule_json(rule);
    table.row({sanitize(rule.id), rule.shadow ? "(" + points(rule.score) + ")" : points(rule.score),
               aims_text(rule.aims), sanitize(rule.description, 100)});
  }
  if (context.json()) {
    print_line("{\"rules\":[" + json + "]}");
  } else {
    print(table.text());
  }
  say_when_refused(context);
  return finish(0);
}

int feeds_list(const Context& context) {
  const auto config = context.config();
  if (!config) return report(config.error());
  const char* action = !config->feeds.seed                               ? "off"
                       : config->feeds.seed_action == FeedAction::kBlock ? "block"
                                                                         : "tag";
  if (context.json()) {
    print_line(fmt::format("{{\"feeds\":[{{\"name\":\"seed\",\"action\":\"{}\"}}]}}", action));
    return finish(0);
  }
  Table table({"FEED", "ACTION", "WHAT IT IS"});
  table.row({"seed", action, "built-in addresses of the campaign first seen on 2025-12-30"});
  print(table.text());
  return finish(0);
}

int version(const Context& context) {
  print_line(context.json() ? "{\"version\":\"" PROBEWALL_VERSION "\"}"
                            : "probewall " PROBEWALL_VERSION);
  return finish(0);
}

}  // namespace probewall::cli
