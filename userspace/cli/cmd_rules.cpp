// SPDX-License-Identifier: Apache-2.0
// `rules test FILE`: which rules see what, and what comes of it. Needs neither daemon nor root.
#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "cli/commands.hpp"
#include "cli/rule_trial.hpp"
#include "cli/text.hpp"
#include "config/units.hpp"
#include "events/event_formatter.hpp"
#include "events/json_append.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall::cli {
namespace {

using Infos = std::map<std::string, RuleInfo>;

constexpr std::uintmax_t kMaxFile = 256u << 20;

Result<std::string> read_text(const std::string& file) {
  if (file == "-") {
    return std::string{std::istreambuf_iterator<char>{std::cin.rdbuf()}, {}};
  }
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return fail(error.value(), "read " + file);
  if (size > kMaxFile) return fail(0, file + " is larger than 256 MiB");
  std::ifstream in{file, std::ios::binary};
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) return fail(errno, "read " + file);
  return text;
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string real(double value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

template <typename List, typename Write>
std::string json_list(const List& entries, Write write) {
  std::string out;
  for (const auto& entry : entries) out += (out.empty() ? "" : ",") + write(entry);
  return "[" + out + "]";
}

std::string hit_json(const TrialHit& hit, const Infos& infos) {
  const auto info = infos.find(hit.rule);
  return fmt::format(
      R"({{"rule":{},"points":{},"shadow":{},"on":"{}","description":{},"aims":{},"references":{}}})",
      json_text(hit.rule), real(hit.points), hit.shadow, hit.by_answer ? "answer" : "request",
      json_text(info == infos.end() ? "" : info->second.description),
      json_list(info == infos.end() ? std::vector<Aim>{} : info->second.aims,
                [](Aim aim) { return json_text(aim_name(aim)); }),
      json_list(info == infos.end() ? std::vector<std::string>{} : info->second.references,
                [](const std::string& reference) { return json_text(reference); }));
}

std::string session_json(const Session& session, const Trial& trial, const Infos& infos) {
  const auto requests = json_list(trial.requests, [&](const TrialRequest& r) {
    return fmt::format(
        R"({{"method":{},"path":{},"api":"{}","impl":"{}","model":{},"status":{},"detections":{},"score":{},"decided":{}}})",
        json_text(r.method), json_text(r.path), to_string(r.api), to_string(r.impl),
        json_text(r.model), r.status == 0 ? "null" : std::to_string(r.status),
        json_list(r.hits, [&](const TrialHit& hit) { return hit_json(hit, infos); }), real(r.score),
        r.decided);
  });
  std::string decision = "null";
  if (const auto& d = trial.decision) {
    decision = fmt::format(R"({{"action":"{}","request":{},"seconds":{},"score":{},"rules":{}}})",
                           to_string(d->action), trial.decided_at,
                           std::chrono::duration_cast<std::chrono::seconds>(d->duration).count(),
                           real(d->score), json_list(d->reasons, [](const Reason& reason) {
                             return fmt::format(R"({{"rule":{},"points":{}}})",
                                                json_text(reason.rule), real(reason.points));
                           }));
  }
  return fmt::format(R"({{"id":{},"label":{},"requests":{},"score":{},"decision":{},"notes":{}}})",
                     json_text(session.id),
                     session.label.empty() ? "null" : json_text(session.label), requests,
                     real(trial.score), decision,
                     json_list(session.notes, [](const auto& note) { return json_text(note); }));
}

/// " [OWASP-LLM01:2025, AML.T0051]", or nothing.
std::string references_text(const RuleInfo& info) {
  std::string words;
  for (const auto& r : info.references) words += (words.empty() ? "" : ", ") + r;
  return words.empty() ? words : " [" + sanitize(words, 200) + "]";
}

void print_request(std::size_t number, const TrialRequest& r, const Infos& infos) {
  print_line(fmt::format("{:>3}  {} {}{}{}", number, sanitize(r.method, 16), sanitize(r.path, 100),
                         r.model.empty() ? "" : "  model " + sanitize(r.model, 60),
                         r.status == 0 ? "" : fmt::format("  -> {}", r.status)));
  for (const auto& hit : r.hits) {
    const auto info = infos.find(hit.rule);
    print_line(fmt::format("     {:>6}  {}{}{}",
                           hit.shadow ? "(" + points(hit.points) + ")" : "+" + points(hit.points),
                           hit.rule, hit.by_answer ? " (by the answer)" : "",
                           info == infos.end() ? ""
                                               : ": " + sanitize(info->second.description, 120) +
                                                     references_text(info->second)));
  }
  if (r.decided) print_line(coloured("          => blocked from here on", Colour::kRed));
}

void print_decision(const Trial& trial, double threshold) {
  if (!trial.decision) {
    print_line(
        fmt::format("Not blocked: {} of {} points.", points(trial.score), points(threshold)));
    return;
  }
  const auto& d = *trial.decision;
  print_line(
      fmt::format("{} after request {} of {}: {} points (a source is blocked from {}), for {}.",
                  coloured("Blocked", Colour::kRed), trial.decided_at, trial.requests.size(),
                  points(d.score), points(threshold),
                  format_duration(std::chrono::duration_cast<std::chrono::seconds>(d.duration))));
  for (const auto& reason : d.reasons)
    print_line(fmt::format("     {:>6}  {}", "+" + points(std::round(reason.points)), reason.rule));
}

void print_session(const Session& session, const Trial& trial, const Infos& infos,
                   double threshold) {
  print_line(coloured(sanitize(session.id, 100), Colour::kBold) +
             (session.label.empty() ? "" : " (" + sanitize(session.label, 40) + ")"));
  for (const auto& note : session.notes) print_line("     " + sanitize(note));
  if (trial.requests.empty()) print_line("     no HTTP request was recognised in these bytes");
  for (std::size_t i = 0; i < trial.requests.size(); ++i)
    print_request(i + 1, trial.requests[i], infos);
  print_decision(trial, threshold);
}

std::vector<std::string> of_many_sources(const Infos& infos) {
  std::vector<std::string> ids;
  for (const auto& [id, info] : infos) {
    if (info.many_sources) ids.push_back(id);
  }
  return ids;
}

void print_not_tried(const std::vector<std::string>& rules) {
  if (rules.empty()) return;
  std::string words;
  for (const auto& id : rules) words += (words.empty() ? "" : ", ") + id;
  print_line(
      fmt::format("Not tried: {}. What other sources do with a key (key_sources) is not "
                  "seen, as each session has a world of its own; --together tries all "
                  "sessions of the file in one.",
                  sanitize(words, 400)));
}

}  // namespace

int rules_test(const Context& context, const RuleTestFlags& flags) {
  auto config = context.config();
  if (!config) return report(config.error());
  if (!flags.rules.empty()) config->rules.directory = flags.rules;
  const auto rules =
      flags.added.empty() ? load_rules(*config) : load_rules_with(*config, flags.added);
  if (!rules)
    return report({rules.error().message, rules.error().errno_value, ExitStatus::kConfigInvalid});
  const auto text = read_text(flags.file);
  if (!text) return report(text.error());
  const auto sessions = read_session_file(*text, flags.file, flags.port);
  if (!sessions) return report(sessions.error());

  Infos infos;
  for (auto& info : (*rules)->list()) infos.emplace(info.id, info);
  const double threshold = config->block.threshold;
  std::vector<Trial> trials;
  if (flags.together) trials = try_together(*sessions, *config, *rules);
  std::size_t blocked = 0;
  std::string json;
  for (std::size_t n = 0; n < sessions->size(); ++n) {
    const auto& session = (*sessions)[n];
    const auto trial =
        flags.together ? std::move(trials[n]) : try_session(session, *config, *rules);
    blocked += trial.decision ? 1 : 0;
    if (context.json()) {
      json += (json.empty() ? "" : ",") + session_json(session, trial, infos);
    } else {
      print_session(session, trial, infos, threshold);
    }
  }
  const auto not_tried = flags.together ? std::vector<std::string>{} : of_many_sources(infos);
  if (context.json()) {
    print_line(fmt::format(
        R"({{"rules":{},"threshold":{},"blocked":{},"not_tried":{},"sessions":[{}]}})",
        infos.size(), real(threshold), blocked,
        json_list(not_tried, [](const std::string& rule) { return json_text(rule); }), json));
    return finish(0);
  }
  if (sessions->size() > 1)
    print_line(fmt::format("\n{} sessions, {} blocked.", sessions->size(), blocked));
  const bool own_rules = !flags.rules.empty() || !flags.added.empty();
  if (sessions->size() > 1 || own_rules) print_not_tried(not_tried);
  return finish(0);
}

}  // namespace probewall::cli
