// SPDX-License-Identifier: Apache-2.0
#include "core/rules/evaluate.hpp"

#include <algorithm>

#include "core/http/text.hpp"

namespace probewall::rules {
namespace {

bool has_bit(std::uint64_t mask, std::size_t bit) { return bit < 64 && (mask >> bit & 1) != 0; }

bool in_order(const Condition& c, const Features& f) {
  std::uint8_t last = 0;
  for (const std::uint32_t slot : c.list) {
    if (!has_bit(f.header_bits, slot) || f.header_position[slot] <= last) return false;
    last = f.header_position[slot];
  }
  return true;
}

bool field_holds(const Condition& c, const Features& f) {
  const std::string_view name = std::string_view{c.text}.substr(0, c.text.find('\0'));
  for (const BodyField& field : f.fields) {
    if (field.name != name) continue;
    if (c.test == Test::kFieldPresent) return true;
    if (c.test == Test::kFieldText) {
      if (equals_lower(field.value, std::string_view{c.text}.substr(name.size() + 1))) {
        return true;
      }
      continue;
    }
    const auto number = field.number();
    if (number && *number >= static_cast<double>(c.range.low) &&
        *number <= static_cast<double>(c.range.high)) {
      return true;
    }
  }
  return false;
}

bool header_holds(const Condition& c, const Features& f) {
  switch (c.test) {
    case Test::kHeadersPresent:
      return (f.header_bits & c.mask) == c.mask;
    case Test::kHeadersAbsent:
      return (f.header_bits & c.mask) == 0;
    case Test::kHeadersAnyPresent:
      return (f.header_bits & c.mask) != 0;
    case Test::kHeadersOnly:
      return (f.header_bits & ~c.mask) == 0 && f.other_headers == 0;
    case Test::kHeaderOrder:
      return in_order(c, f);
    case Test::kHeaderValue:
      return has_bit(f.header_bits, c.a) && equals_lower(f.header_value[c.a], c.text);
    default:
      return c.range.contains(static_cast<std::int64_t>(f.request->head.headers.size()));
  }
}

bool body_holds(const Condition& c, const Features& f) {
  const LlmFields& llm = f.request->llm;
  switch (c.test) {
    case Test::kBodySize:
      return c.range.contains(static_cast<std::int64_t>(f.body_size()));
    case Test::kBodyJson:
      return c.range.contains(llm.is_json);
    case Test::kBodyMalformed: {
      // A whole body that ends inside its JSON is malformed too; a cut one is only cut.
      const bool cut = f.request->truncated || f.request->timed_out || !f.request->head_complete;
      const bool has_body = !f.request->body_prefix.empty();
      return c.range.contains(has_body &&
                              (llm.malformed || (llm.is_json && !llm.complete && !cut)));
    }
    case Test::kBodyEmpty:
      return c.range.contains(f.body_size() == 0);
    case Test::kModelPresent:
      return c.range.contains(!f.model.empty());
    case Test::kPromptLength:
      return c.range.contains(static_cast<std::int64_t>(f.prompt.size()));
    case Test::kMaxTokens:
      return llm.max_tokens && c.range.contains(*llm.max_tokens);
    case Test::kTokensAsked: {
      const auto asked = tokens_asked(llm);
      return asked && c.range.contains(*asked);
    }
    case Test::kMessages:
      return c.range.contains(llm.message_count);
    default:
      return c.range.contains(llm.tool_count);
  }
}

}  // namespace

bool holds(const Condition& c, const Features& f) {
  const auto child = [&](const Condition& x) { return holds(x, f); };
  switch (c.test) {
    case Test::kAll:
      return std::all_of(c.children.begin(), c.children.end(), child);
    case Test::kAny:
      return std::any_of(c.children.begin(), c.children.end(), child);
    case Test::kNot:
      return !holds(c.children.front(), f);
    case Test::kLabels:
      return f.labels.any(c.a, c.b);
    case Test::kMethod:
      return has_bit(c.mask, f.method);
    case Test::kApi:
      return has_bit(c.mask, static_cast<std::size_t>(f.request->api));
    case Test::kProduct:
      return has_bit(c.mask, static_cast<std::size_t>(f.request->impl));
    case Test::kAuth:
      return has_bit(c.mask, static_cast<std::size_t>(f.auth));
    case Test::kFlag:
      return (f.flags & c.mask) != 0;
    case Test::kHttpVersion:
      return c.range.contains(f.request->head.version_major * 10 + f.request->head.version_minor);
    case Test::kPort:
      return std::find(c.list.begin(), c.list.end(), f.request->flow.server_port) != c.list.end();
    case Test::kAddress:
      return std::any_of(c.prefixes.begin(), c.prefixes.end(),
                         [&](const IpPrefix& p) { return p.contains(f.request->flow.client); });
    case Test::kModelHosted:
      return has_bit(c.mask, static_cast<std::size_t>(f.hosted));
    case Test::kFieldNumber:
    case Test::kFieldText:
    case Test::kFieldPresent:
      return field_holds(c, f);
    case Test::kHeadersPresent:
    case Test::kHeadersAbsent:
    case Test::kHeadersAnyPresent:
    case Test::kHeadersOnly:
    case Test::kHeaderOrder:
    case Test::kHeaderValue:
    case Test::kHeaderCount:
      return header_holds(c, f);
    case Test::kBodySize:
    case Test::kBodyJson:
    case Test::kBodyMalformed:
    case Test::kBodyEmpty:
    case Test::kModelPresent:
    case Test::kPromptLength:
    case Test::kMaxTokens:
    case Test::kTokensAsked:
    case Test::kMessages:
    case Test::kTools:
      return body_holds(c, f);
    case Test::kStatus:
    case Test::kAnswerProduct:
    case Test::kModelNotFound:
      return false;  // the compiler puts these into answer conditions only
  }
  return false;
}

bool holds(const Condition& c, const AnswerFeatures& a) {
  switch (c.test) {
    case Test::kAll:
      return std::all_of(c.children.begin(), c.children.end(),
                         [&](const Condition& x) { return holds(x, a); });
    case Test::kAny:
      return std::any_of(c.children.begin(), c.children.end(),
                         [&](const Condition& x) { return holds(x, a); });
    case Test::kNot:
      return !holds(c.children.front(), a);
    case Test::kLabels:
      return a.labels.any(c.a, c.b);
    case Test::kAnswerProduct:
      return has_bit(c.mask, static_cast<std::size_t>(a.response->impl));
    case Test::kModelNotFound:
      return c.range.contains(a.model_not_found);
    case Test::kStatus: {
      const auto status = static_cast<std::uint32_t>(a.response->status);
      for (std::size_t i = 0; i + 1 < c.list.size(); i += 2) {
        if (status >= c.list[i] && status <= c.list[i + 1]) return true;
      }
      return false;
    }
    default:
      return false;
  }
}

bool holds(const SourceCondition& c, const SourceMemory& s, std::uint32_t now_ds) {
  const std::uint32_t known_ds = now_ds > s.first_ds ? now_ds - s.first_ds : 0;
  switch (c.test) {
    case SourceTest::kDistinct: {
      const std::uint32_t values = s.distinct(c.fact, c.within_ds, now_ds);
      return c.range.contains(values) && values >= c.ratio * s.requests;
    }
    case SourceTest::kFirstSeenWithin:
      return known_ds <= c.within_ds;
    case SourceTest::kFirstSeenBefore:
      return known_ds >= c.within_ds;
    case SourceTest::kRequests:
      return c.range.contains(s.requests);
    case SourceTest::kFailureRatio:
      return s.answered > 0 && c.range.contains(s.answered) &&
             static_cast<double>(s.failed) / s.answered >= c.ratio;
    case SourceTest::kKeySources:
      return false;
  }
  return false;
}

}  // namespace probewall::rules
