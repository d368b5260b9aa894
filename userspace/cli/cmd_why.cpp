// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "control/api_json.hpp"

namespace probewall::cli {
namespace {

std::string until_words(const Json& why) {
  if (!has(why, "until")) return "until someone removes it";
  return fmt::format("until {} ({} left)", text(why, "until").substr(0, 19) + "Z",
                     short_time(count(why, "seconds_left")));
}

std::string headline(const Json& why) {
  const std::string ip = text(why, "ip");
  const std::string action = text(why, "action");
  if (flag(why, "blocked"))
    return fmt::format("{} is {} {}.", ip, coloured("blocked", Colour::kRed), until_words(why));
  const std::string not_blocked =
      fmt::format("{} is {}", ip, coloured("not blocked", Colour::kGreen));
  if (has(why, "allow"))
    return fmt::format("{}: it is never blocked ({}).", not_blocked, text(why, "allow"));
  if (action == "block" && !flag(why, "enforcing")) {
    return not_blocked +
           ": it would be, but Probewall only observes (`probewall enforce on` changes that).";
  }
  if (action == "tag")
    return fmt::format("{}, its packets are only marked {}.", not_blocked, until_words(why));
  if (action == "rate-limit")
    return fmt::format("{}, it is limited in rate {}.", not_blocked, until_words(why));
  return not_blocked + ".";
}

void field(const char* name, const std::string& value) {
  print_line(fmt::format("{:<14}{}", name, value));
}

std::string decided_by(const Json& why) {
  const std::string origin = text(why, "origin");
  const std::string note = text(why, "note");
  if (origin == "operator") return "an operator" + (note.empty() ? "" : ": " + note);
  if (origin == "feed") return "a feed" + (note.empty() ? "" : ": " + note);
  if (origin == "fleet") return "another machine of the fleet";
  return origin == "detector" ? "the detector on this machine" : origin;
}

void print_decision(const Json& why) {
  const Json& decision = at(why, "decision");
  if (has(why, "action")) {
    field("Source", text(why, "source"));
    field("Decided by", decided_by(why));
  }
  if (decision.is_null()) return;
  if (!has(why, "action"))
    field("Last decision",
          fmt::format("{} at {}", text(decision, "action"), text(decision, "made")));
  field("Decision",
        fmt::format(
            "{}{}", text(decision, "id"),
            has(decision, "made") && has(why, "action") ? ", made " + text(decision, "made") : ""));
  if (count(decision, "requests_seen") > 0) {
    field("After",
          fmt::format("{} request{}, ban number {}", count(decision, "requests_seen"),
                      count(decision, "requests_seen") == 1 ? "" : "s", count(decision, "level")));
  }
  std::string aims;
  for (const Json& aim : list(decision, "aims")) {
    if (const auto* s = aim.if_string())
      aims += (aims.empty() ? "" : ", ") + sanitize({s->data(), s->size()});
  }
  if (!aims.empty()) field("Aims", aims);
}

void print_reasons(const Json& why) {
  const auto& rules =
      !list(why, "reasons").empty() ? list(why, "reasons") : list(at(why, "decision"), "rules");
  if (rules.empty() && number(why, "score") <= 0) return;
  const double bonus = number(why, "threshold_bonus");
  field("Score",
        fmt::format("{} ({} is blocked from {} points{})", points(number(why, "score")),
                    bonus > 0 ? "this source" : "a source", points(number(why, "threshold")),
                    bonus > 0 ? ", " + points(bonus) + " of them earned by trusted use" : ""));
  for (const Json& rule : rules) {
    print_line(
        fmt::format("  {:>6}  {}", "+" + points(number(rule, "points")), text(rule, "rule")));
  }
}

void print_requests(const Json& why) {
  if (list(why, "requests").empty()) return;
  print_line("Requests");
  for (const Json& request : list(why, "requests")) {
    if (const auto* s = request.if_string())
      print_line("  " + sanitize({s->data(), s->size()}, 300));
  }
}

int show(const Context& context, const std::string& body) {
  const auto why = parse_json(body);
  if (!why) return report(why.error());
  if (context.json()) {
    print_line(body);
  } else {
    print_line(headline(*why));
    print_decision(*why);
    print_reasons(*why);
    if (has(*why, "refused")) {
      const Json& refused = at(*why, "refused");
      field("Ban refused", fmt::format("at {}, {} points: {}", text(refused, "at"),
                                       points(number(refused, "score")), text(refused, "why")));
    }
    print_requests(*why);
    if (has(*why, "undo")) field("Undo", text(*why, "undo"));
  }
  return finish(
      static_cast<int>(flag(*why, "blocked") ? ExitStatus::kOk : ExitStatus::kNotBlocked));
}

}  // namespace

int why(const Context& context, const std::string& ip_text) {
  const auto ip = IpAddress::parse(ip_text);
  if (!ip)
    return report({"'" + ip_text + "' is no address; write e.g. 198.51.100.7 or 2001:db8::7", 0,
                   ExitStatus::kUsage});
  const auto body = context.api().get("/v1/why?ip=" + ip->to_string());
  if (body) return show(context, *body);
  const auto words = may_read_pins(context, body.error());
  if (!words) return report(words.error());
  const auto pinned = offline_why(context.config_or_default(), *ip);
  if (!pinned) return report(body.error());
  notice(*words + ", with the stored decisions");
  return show(context, to_json(*pinned));
}

}  // namespace probewall::cli
