// SPDX-License-Identifier: Apache-2.0
#include "events/event_formatter.hpp"

#include <fmt/format.h>

#include <cstring>

#include "core/http/key_hash.hpp"
#include "core/http/shown_text.hpp"

namespace probewall {
namespace {

// Bounds on attacker-chosen text, in code points. The prompt's is the design's.
constexpr std::size_t kPromptLimit = 120, kPathLimit = 1024, kHeaderLimit = 512, kNameLimit = 256;
constexpr std::size_t kShortMethod = 8;       ///< longer ones may be anything
constexpr std::size_t kLongestCodePoint = 4;  ///< bytes of UTF-8

bool is_ascii(std::string_view text) {
  std::uint64_t any = 0;
  std::size_t at = 0;
  for (; text.size() - at >= sizeof any; at += sizeof any) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    any |= word;
  }
  for (; at < text.size(); ++at) any |= static_cast<unsigned char>(text[at]);
  return (any & 0x8080808080808080ull) == 0;
}

}  // namespace

const char* aim_name(Aim aim) {
  switch (aim) {
    case Aim::kEndpointDiscovery:
      return "endpoint-discovery";
    case Aim::kFingerprinting:
      return "fingerprinting";
    case Aim::kOpenAccess:
      return "open-access";
    case Aim::kComputeTheft:
      return "compute-theft";
    case Aim::kDataOrAction:
      return "data-or-action";
    case Aim::kMalwareBackend:
      return "malware-backend";
  }
  return "unknown";
}

EventFormatter::EventFormatter(const EventOptions& options) : options_(options) {}

std::int64_t EventFormatter::unix_ns(Timestamp time) const {
  return time.time_since_epoch().count() + options_.wall_offset_ns;
}

void EventFormatter::begin(Timestamp time, std::string_view type, const IpPrefix* source) {
  line_.clear();
  line_.append("{\"ts\":\"");
  write(TimeAppender::kSize, [&](char* at) { return time_.put(at, unix_ns(time)); });
  line_.append("\",\"type\":\"");
  line_.append(type);
  line_.append("\",\"source\":");
  if (source == nullptr) return line_.append("null");
  line_.append('"');
  write(kPrefixBound, [&](char* at) { return put_prefix(at, *source); });
  line_.append('"');
}

std::string_view EventFormatter::end() {
  line_.append("}\n");
  return line_.view();
}

void EventFormatter::text(const Key& name, std::string_view value, std::size_t limit) {
  key(name);
  json_string(value, limit);
}

void EventFormatter::shown(const Key& name, std::string_view value, std::size_t limit) {
  // So much is enough for most texts: of one byte a character, and with nothing to cut.
  constexpr std::size_t kLookAhead = 24;  ///< a key that begins within the limit is seen as one
  if (value.size() <= limit + kLookAhead) return text(name, without_keys(value, scratch_), limit);
  const auto near = value.substr(0, limit + kLookAhead);
  if (is_ascii(near)) {
    const auto same = without_keys(near, scratch_);
    if (same.data() == near.data()) return text(name, near, limit);
  }
  text(name, without_keys(value.substr(0, kLongestCodePoint * limit + kLookAhead), scratch_),
       limit);
}

void EventFormatter::json_string(std::string_view value, std::size_t limit) {
  value = value.substr(0, kLongestCodePoint * limit);
  write(json_string_bound(value), [&](char* at) { return put_json_string(at, value, limit); });
}

void EventFormatter::word(const Key& name, std::string_view value) {
  key(name);
  line_.append('"');
  line_.append(value);
  line_.append('"');
}

void EventFormatter::number(const Key& name, std::uint64_t value) {
  key(name);
  write(kNumberBound, [&](char* at) { return put_uint(at, value); });
}

void EventFormatter::decimal(const Key& name, double value) {
  key(name);
  json_number(value);
}

void EventFormatter::json_number(double value) {
  write(kNumberBound, [&](char* at) { return put_json_number(at, value); });
}

void EventFormatter::address(const Key& name, const IpAddress& value) {
  key(name);
  line_.append('"');
  write(kPrefixBound, [&](char* at) { return put_ip(at, value); });
  line_.append('"');
}

void EventFormatter::flag(const Key& name, bool value) {
  key(name);
  line_.append(value ? "true" : "false");
}

void EventFormatter::null(const Key& name) {
  key(name);
  line_.append("null");
}

void EventFormatter::aims(std::span<const Aim> aims) {
  key("aims");
  line_.append('[');
  for (std::size_t i = 0; i < aims.size(); ++i) {
    line_.append(i == 0 ? "\"" : ",\"");
    line_.append(aim_name(aims[i]));
    line_.append('"');
  }
  line_.append(']');
}

void EventFormatter::prompt(const LlmFields& llm) {
  const bool there = !llm.user_text.empty();
  if (there && options_.prompt == PromptPrivacy::kText) {
    return shown("prompt", llm.user_text, kPromptLimit);
  }
  null("prompt");
  if (there && options_.prompt == PromptPrivacy::kHash) {
    word("prompt_hash", key_hash(llm.user_text, options_.hash_secret));
  }
}

std::string_view EventFormatter::request(const Request& r) {
  begin(r.time, "request", &r.source);
  number("id", r.id);
  address("src", r.flow.client);
  number("src_port", r.flow.client_port);
  address("dst", r.flow.server);
  number("dst_port", r.flow.server_port);
  if (r.head.method.size() <= kShortMethod) {
    text("method", r.head.method, kNameLimit);
  } else {
    shown("method", r.head.method, kNameLimit);
  }
  // Without the query: that is where keys travel (Gemini's ?key=).
  shown("path", r.head.path, kPathLimit);
  text("host", host_without_keys(r.head.host(), scratch_), kHeaderLimit);
  shown("user_agent", r.head.user_agent(), kHeaderLimit);
  if (r.head.content_length) {
    number("content_length", *r.head.content_length);
  } else {
    null("content_length");
  }
  word("api", to_string(r.api));
  word("impl", to_string(r.impl));
  shown("model", r.llm.model, kNameLimit);
  prompt(r.llm);
  if (r.llm.max_tokens) {
    key("max_tokens");
    write(kNumberBound, [&](char* at) { return put_int(at, *r.llm.max_tokens); });
  } else {
    null("max_tokens");
  }
  if (r.llm.stream) {
    flag("stream", *r.llm.stream);
  } else {
    null("stream");
  }
  static constexpr const char* kAuth[] = {"none", "bearer", "other"};
  word("auth", kAuth[static_cast<std::size_t>(r.head.auth)]);
  if (r.head.auth_hash.empty()) {
    null("auth_hash");
  } else {
    text("auth_hash", r.head.auth_hash, kNameLimit);
  }
  flag("truncated", r.truncated);
  flag("proven", r.proven);
  // Rare, so only said when they hold.
  if (r.conflicting) flag("conflicting", true);
  if (r.timed_out) flag("timed_out", true);
  if (r.decoy) flag("decoy", true);
  return end();
}

std::string_view EventFormatter::response(const Response& r) {
  begin(r.time, "response", &r.source);
  number("request", r.request_id);
  number("status", static_cast<std::uint64_t>(r.status < 0 ? 0 : r.status));
  word("impl", to_string(r.impl));
  number("bytes", r.bytes);
  return end();
}

std::string_view EventFormatter::detection(const Detection& d, const Request& request) {
  begin(request.proven_time, "detection", &request.source);
  text("rule", d.rule, kNameLimit);
  aims(d.aims);
  decimal("points", d.points);
  number("request", d.request_id);
  if (d.shadow) flag("shadow", true);
  return end();
}

std::string_view EventFormatter::decision(const Decision& d, const DecisionOutcome& outcome) {
  decided(d, outcome);
  return end();
}

std::string_view EventFormatter::ordered(const Decision& d, std::string_view origin,
                                         std::string_view note) {
  decided(d, {});
  word("origin", origin);
  if (note.empty()) {
    null("note");
  } else {
    text("note", note, kNameLimit);
  }
  return end();
}

void EventFormatter::decided(const Decision& d, const DecisionOutcome& outcome) {
  begin(d.time, "decision", &d.source);
  if (d.id.empty()) {
    null("id");
  } else {
    text("id", d.id, kNameLimit);
  }
  word("action", to_string(d.action));
  if (d.duration > Duration::zero()) {
    key("until");
    line_.append('"');
    write(TimeAppender::kSize,
          [&](char* at) { return until_.put(at, unix_ns(d.time + d.duration)); });
    line_.append('"');
  } else {
    null("until");
  }
  decimal("score", d.score);
  key("rules");
  line_.append('[');
  for (std::size_t i = 0; i < d.reasons.size(); ++i) {
    if (i > 0) line_.append(',');
    json_string(d.reasons[i].rule, kNameLimit);
  }
  line_.append(']');
  key("points");
  line_.append('[');
  for (std::size_t i = 0; i < d.reasons.size(); ++i) {
    if (i > 0) line_.append(',');
    json_number(d.reasons[i].points);
  }
  line_.append(']');
  aims(d.aims);
  number("requests_seen", d.requests_seen);
  number("request", d.request_id);
  flag("proven", d.proven);
  if (outcome.reaction_us) {
    decimal("reaction_us", *outcome.reaction_us);
  } else {
    null("reaction_us");
  }
  if (outcome.connections_ended) {
    number("connections_ended", *outcome.connections_ended);
  } else {
    null("connections_ended");
  }
}

std::string_view EventFormatter::unblock(Timestamp time, const IpPrefix& source,
                                         std::string_view why) {
  begin(time, "unblock", &source);
  text("why", why, kNameLimit);
  return end();
}

std::string_view EventFormatter::exposure(const Exposure& e) {
  begin(e.time, "exposure", &e.source);
  address("server", e.server);
  number("port", e.port);
  word("impl", to_string(e.impl));
  word("access", to_string(e.access));
  text("evidence", e.evidence(), kPathLimit);
  number("request", e.request_id);
  number("status", static_cast<std::uint64_t>(e.status));
  word("fix", exposure_advice(e.impl, e.access));
  return end();
}

std::string_view EventFormatter::loss(Timestamp time, std::string_view what, std::uint64_t count) {
  begin(time, "loss", nullptr);
  text("what", what, kNameLimit);
  number("count", count);
  return end();
}

std::string_view EventFormatter::summary(const ReplaySummary& s) {
  line_.clear();
  line_.append("{\"type\":\"summary\"");
  number("packets", s.packets);
  number("flows", s.flows);
  number("requests", s.requests);
  number("detections", s.detections);
  number("decisions", s.decisions);
  key("elapsed_s");
  write(kNumberBound,
        [&](char* at) { return fmt::format_to_n(at, kNumberBound, "{:.6f}", s.elapsed_s).out; });
  return end();
}

}  // namespace probewall
