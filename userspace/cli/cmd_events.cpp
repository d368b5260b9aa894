// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/show_answer.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace probewall::cli {
namespace {

std::string joined_rules(const Json& event) {
  std::string words;
  for (const Json& rule : list(event, "rules")) {
    const auto* s = rule.if_string();
    words += (words.empty() ? "" : ", ") +
             (s != nullptr ? sanitize({s->data(), s->size()}, 80) : text(rule, "rule", 80));
  }
  return words;
}

std::string request_words(const Json& e) {
  std::string words = fmt::format("{} {} port {}", text(e, "method", 16), text(e, "path", 80),
                                  count(e, "dst_port"));
  if (has(e, "model") && !raw_text(e, "model").empty()) words += " model " + text(e, "model", 60);
  if (has(e, "prompt") && !raw_text(e, "prompt").empty())
    words += " \"" + text(e, "prompt", 60) + "\"";
  if (!flag(e, "proven")) words += " (address not proven)";
  return words;
}

std::string details(const Json& e, const std::string& type) {
  if (type == "request") return request_words(e);
  if (type == "response")
    return fmt::format("status {} to request {}", count(e, "status"), count(e, "request"));
  if (type == "detection")
    return fmt::format("{} +{}", text(e, "rule"), points(number(e, "points")));
  if (type == "decision" && has(e, "origin")) {
    return fmt::format("{} until {} by an {}{}", text(e, "action"),
                       has(e, "until") ? text(e, "until") : "removed", text(e, "origin"),
                       has(e, "note") ? ": " + text(e, "note", 120) : "");
  }
  if (type == "decision") {
    return fmt::format("{} until {} score {} ({}) after {} request(s)", text(e, "action"),
                       has(e, "until") ? text(e, "until") : "removed", points(number(e, "score")),
                       joined_rules(e), count(e, "requests_seen"));
  }
  if (type == "loss") return fmt::format("{} {}", with_commas(count(e, "count")), text(e, "what"));
  if (type == "exposure")
    return fmt::format("{} port {} {}", text(e, "server"), count(e, "port"),
                       text(e, "evidence", 120));
  return compact(e).substr(0, 200);
}

std::string event_line(std::string_view line) {
  const auto event = parse_json(line);
  if (!event) return sanitize(line, 400);
  const std::string type = raw_text(*event, "type");
  const std::string shown = fmt::format("{:<10}", sanitize(type, 20));
  return fmt::format("{}  {}  {:<20}  {}", text(*event, "ts").substr(0, 23),
                     type == "decision" ? coloured(shown, Colour::kRed) : shown,
                     text(*event, "source"), details(*event, type));
}

bool wanted(std::string_view line, const std::vector<std::string>& types) {
  return types.empty() || std::any_of(types.begin(), types.end(), [&](const std::string& type) {
           return line.find("\"type\":\"" + type + "\"") != std::string_view::npos;
         });
}

void print_sources(const Json& answer) {
  Table table({"SOURCE", ">SCORE", ">REQUESTS", ">BANS", "LAST SEEN", "MOSTLY FOR"});
  for (const Json& row : list(answer, "sources")) {
    const auto& reasons = list(row, "reasons");
    table.row({text(row, "source"), points(number(row, "score")),
               with_commas(count(row, "requests")), std::to_string(count(row, "bans")),
               text(row, "last_seen").substr(0, 19),
               reasons.empty() ? "" : text(reasons.front(), "rule")});
  }
  print(table.empty() ? "No source has sent a request yet.\n" : table.text());
}

}  // namespace

int events(const Context& context, bool follow, const std::vector<std::string>& types) {
  const auto show = [&](std::string_view line) {
    if (!wanted(line, types)) return true;
    print_line(context.json() ? std::string{line} : event_line(line));
    // A follower's reader wants each event now; a failed write (closed pipe) ends the command.
    return finish(0) == 0;
  };
  const auto streamed = context.api().stream(follow ? "/v1/events?follow=1" : "/v1/events", show);
  if (!streamed) return report(streamed.error());
  return finish(0);
}

int sources_top(const Context& context, unsigned count_wanted) {
  return show_answer(context, "/v1/sources?n=" + std::to_string(count_wanted), print_sources);
}

}  // namespace probewall::cli
