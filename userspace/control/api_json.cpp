// SPDX-License-Identifier: Apache-2.0
#include "control/api_json.hpp"

#include "events/event_formatter.hpp"
#include "events/json_append.hpp"
#include "probewall/abi/maps.h"

namespace probewall {
namespace {

/// Writes one object field by field.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void text_or_null(std::string_view name, std::string_view value) {
    value.empty() ? null(name) : text(name, value);
  }
  void number(std::string_view name, std::uint64_t value) { append_json_uint(key(name), value); }
  void real(std::string_view name, double value) { append_json_number(key(name), value); }
  void flag(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void null(std::string_view name) { key(name) += "null"; }
  void time(std::string_view name, std::int64_t unix_us) {
    if (unix_us == kNoEnd || unix_us <= 0) return null(name);
    text(name, rfc3339(unix_us));
  }
  void left(std::string_view name, std::uint64_t seconds) {
    seconds == UINT64_MAX ? null(name) : number(name, seconds);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

template <typename List, typename Write>
void array(std::string& out, const List& list, Write write) {
  out += '[';
  bool first = true;
  for (const auto& entry : list) {
    if (!first) out += ',';
    first = false;
    write(out, entry);
  }
  out += ']';
}

/// {"NAME": [...]}
template <typename List, typename Write>
std::string object_of_list(std::string_view name, const List& list, Write write) {
  std::string out;
  Object o(out);
  array(o.key(name), list, write);
  o.end();
  return out;
}

void write_text(std::string& out, const std::string& text) { append_json_string(out, text); }

void write_reason(std::string& out, const Reason& reason) {
  Object o(out);
  o.text("rule", reason.rule);
  o.real("points", reason.points);
  o.end();
}

void write_decision(std::string& out, const ApiDecision& d) {
  Object o(out);
  o.text("id", d.id);
  o.text("action", d.action);
  o.time("made", d.made_us);
  o.time("until", d.until_us);
  o.real("score", d.score);
  array(o.key("rules"), d.rules, write_reason);
  array(o.key("aims"), d.aims,
        [](std::string& s, Aim aim) { append_json_string(s, aim_name(aim)); });
  o.number("requests_seen", d.requests_seen);
  o.number("level", d.level);
  o.flag("proven", d.proven);
  d.reaction_us ? o.real("reaction_us", *d.reaction_us) : o.null("reaction_us");
  d.connections_ended ? o.number("connections_ended", *d.connections_ended)
                      : o.null("connections_ended");
  o.end();
}

void write_ban(std::string& out, const ApiBan& ban) {
  Object o(out);
  o.text("source", ban.source.to_string());
  o.text("action", ban.action);
  o.text("origin", ban.origin);
  o.text_or_null("note", ban.note);
  o.time("until", ban.until_us);
  o.left("seconds_left", ban.seconds_left);
  o.number("handle", ban.handle);
  o.text_or_null("id", ban.id);
  array(o.key("rules"), ban.rules, write_reason);
  o.real("score", ban.score);
  o.end();
}

void write_interface(std::string& out, const ApiInterface& interface) {
  Object o(out);
  o.text("name", interface.name);
  o.text("xdp_mode", interface.xdp_mode);
  o.text("kind", interface.kind);
  o.text("why", interface.why);
  Object packets(o.key("packets"));
  for (const auto& [verdict, count] : interface.packets) packets.number(verdict, count);
  packets.end();
  o.end();
}

}  // namespace

std::string to_json(const ApiStatus& status) {
  std::string out;
  Object o(out);
  o.flag("running", status.running);
  o.text("version", status.version);
  o.number("pid", static_cast<std::uint64_t>(status.pid));
  o.text("mode", status.mode);
  o.flag("enforcing", status.enforcing);
  o.number("uptime_s", status.uptime_s);
  array(o.key("interfaces"), status.interfaces, write_interface);
  o.text("transport", status.transport);
  o.number("bans_active", status.bans_active);
  o.number("bans_enforced", status.bans_enforced);
  o.number("requests", status.requests);
  o.number("detections", status.detections);
  o.number("records_lost", status.records_lost);
  if (status.reload) {
    Object r(o.key("reload"));
    r.flag("successful", status.reload->successful);
    r.time("at", status.reload->at_us);
    r.text("message", status.reload->message);
    r.end();
  } else {
    o.null("reload");
  }
  array(o.key("warnings"), status.warnings, write_text);
  o.end();
  return out;
}

std::string to_json(const ApiWhy& why) {
  std::string out;
  Object o(out);
  o.text("ip", why.ip.to_string());
  o.flag("blocked", why.blocked);
  o.text("source", why.source.to_string());
  const bool entry = !why.action.empty();
  entry ? o.time("until", why.until_us) : o.null("until");
  entry ? o.left("seconds_left", why.seconds_left) : o.null("seconds_left");
  o.text_or_null("action", why.action);
  o.text_or_null("origin", why.origin);
  o.text_or_null("note", why.note);
  o.number("handle", why.handle);
  why.decision ? write_decision(o.key("decision"), *why.decision) : o.null("decision");
  o.real("score", why.score);
  o.real("threshold", why.threshold);
  o.real("threshold_bonus", why.threshold_bonus);
  array(o.key("reasons"), why.reasons, write_reason);
  array(o.key("requests"), why.requests, write_text);
  why.allow ? o.text("allow", *why.allow) : o.null("allow");
  if (why.refused) {
    Object r(o.key("refused"));
    r.time("at", why.refused->at_us);
    r.real("score", why.refused->score);
    r.text("reason", why.refused->reason);
    r.text("why", why.refused->why);
    r.end();
  } else {
    o.null("refused");
  }
  o.flag("enforcing", why.enforcing);
  entry ? o.text("undo", "probewall bans del " + why.source.to_string()) : o.null("undo");
  o.end();
  return out;
}

std::string to_json(const ApiBan& ban) {
  std::string out;
  write_ban(out, ban);
  return out;
}

std::string to_json(const ApiBans& bans) {
  std::string out;
  Object o(out);
  array(o.key("bans"), bans.bans, write_ban);
  o.number("total", bans.total);
  bans.next ? o.text("next", bans.next->to_string()) : o.null("next");
  o.flag("complete", bans.complete);
  o.end();
  return out;
}

std::string to_json(const std::vector<ApiAllow>& allow) {
  return object_of_list("allow", allow, [](std::string& s, const ApiAllow& entry) {
    Object e(s);
    e.text("prefix", entry.prefix.to_string());
    e.text("scope", entry.scope);
    array(e.key("reasons"), entry.reasons, write_text);
    e.end();
  });
}

std::string to_json(const std::vector<ApiSourceRow>& sources) {
  return object_of_list("sources", sources, [](std::string& s, const ApiSourceRow& row) {
    Object e(s);
    e.text("source", row.source.to_string());
    e.real("score", row.score);
    e.number("requests", row.requests);
    e.time("first_seen", row.first_seen_us);
    e.time("last_seen", row.last_seen_us);
    array(e.key("reasons"), row.reasons, write_reason);
    e.number("bans", row.bans);
    e.end();
  });
}

std::string to_json(const std::vector<ApiServerRow>& servers) {
  return object_of_list("servers", servers, [](std::string& s, const ApiServerRow& row) {
    Object e(s);
    e.text("server", row.server.to_string());
    e.number("port", row.port);
    e.text("impl", row.impl);
    array(e.key("models"), row.models, write_text);
    e.flag("models_cut", row.models_cut);
    e.time("first_seen", row.first_seen_us);
    e.time("last_seen", row.last_seen_us);
    e.number("answers", row.answers);
    e.number("refusals", row.refusals);
    e.number("open_answers", row.open_answers);
    e.flag("exposed", row.exposed);
    if (row.exposed) {
      Object x(e.key("exposure"));
      x.text("access", row.access);
      x.time("since", row.since_us);
      x.time("at", row.at_us);
      x.text("source", row.source.to_string());
      x.number("status", static_cast<std::uint64_t>(row.status));
      x.text("evidence", row.evidence);
      x.text("fix", row.fix);
      x.end();
    } else {
      e.null("exposure");
    }
    e.end();
  });
}

std::string error_json(std::string_view message) {
  std::string out;
  Object o(out);
  o.text("error", message);
  o.end();
  return out;
}

std::string config_json(std::string_view toml) {
  std::string out;
  Object o(out);
  o.text("toml", toml);
  o.end();
  return out;
}

std::string rfc3339(std::int64_t unix_us) {
  // TimeAppender counts nanoseconds: the years it can say end in 2262.
  constexpr std::int64_t kLast = INT64_MAX / 1000;
  std::string quoted;
  TimeAppender().append(quoted, std::min(unix_us, kLast) * 1000);
  if (quoted.size() > 2 && quoted.front() == '"') return quoted.substr(1, quoted.size() - 2);
  return quoted;
}

const char* origin_name(std::uint8_t origin) {
  switch (origin) {
    case PW_ORIGIN_DETECTOR:
      return "detector";
    case PW_ORIGIN_FEED:
      return "feed";
    case PW_ORIGIN_FLEET:
      return "fleet";
    case PW_ORIGIN_OPERATOR:
      return "operator";
    default:
      return "unknown";
  }
}

const char* block_action_name(std::uint8_t action) {
  switch (action) {
    case PW_ACTION_DROP:
      return "block";
    case PW_ACTION_TAG:
      return "tag";
    case PW_ACTION_RATE_LIMIT:
      return "rate-limit";
    default:
      return "none";
  }
}

}  // namespace probewall
