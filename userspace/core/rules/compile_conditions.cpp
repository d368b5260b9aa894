// SPDX-License-Identifier: Apache-2.0
// The `when`, `answer` and `source` parts of facts and rules.
#include <fmt/format.h>

#include <algorithm>

#include "core/rules/compiler.hpp"

namespace probewall::rules {
namespace {

constexpr int kMaxDepth = 8;

/// All or any of one condition is that one: they are evaluated for every request.
Condition without_wrapper(Condition c) {
  const bool wrapper = (c.test == Test::kAll || c.test == Test::kAny) && c.children.size() == 1;
  if (!wrapper) return c;
  Condition only = std::move(c.children.front());
  return only;
}

const std::vector<std::string> kRequestKeys{
    "method",      "path",    "target",       "user_agent",    "prompt",        "speech",
    "system",      "model",   "rpc_method",   "client",        "body_text",     "matches",
    "matches_all", "api",     "product",      "auth",          "headers",       "http",
    "body",        "fields",  "model_hosted", "model_present", "prompt_length", "max_tokens",
    "messages",    "tools",   "flags",        "port",          "any",           "all",
    "not",         "address", "header_text",  "tokens_asked"};
/// What each word stands for, as bits of Auth.
constexpr std::uint64_t auth_bits(std::initializer_list<Auth> kinds) {
  std::uint64_t bits = 0;
  for (const Auth kind : kinds) bits |= std::uint64_t{1} << static_cast<unsigned>(kind);
  return bits;
}
const std::vector<std::string> kAuthWords{"none", "bearer", "other", "unaccepted"};
constexpr std::uint64_t kAuthMasks[] = {
    auth_bits({Auth::kNone}), auth_bits({Auth::kBearer, Auth::kNewBearer}),
    auth_bits({Auth::kOther, Auth::kNewOther}),
    auth_bits({Auth::kNone, Auth::kNewBearer, Auth::kNewOther})};
const std::vector<std::string> kHostedWords{"unknown", "yes", "no"};
const std::vector<std::string> kFlagWords{
    "decoy",   "timed-out", "truncated",         "odd",        "cut-head",       "expect-continue",
    "chunked", "upgrade",   "transfer-conflict", "over-limit", "well-known-key", "preflight"};

template <typename Enum>
std::vector<std::string> enum_words() {
  std::vector<std::string> words;
  words.reserve(static_cast<std::size_t>(Enum::kCount));
  for (int i = 0; i < static_cast<int>(Enum::kCount); ++i) {
    words.emplace_back(to_string(static_cast<Enum>(i)));
  }
  return words;
}

Condition ranged(Test test, Range range) {
  Condition c;
  c.test = test;
  c.range = range;
  return c;
}

Condition address_condition(const Reader& read, const YamlNode& value) {
  Condition c;
  c.test = Test::kAddress;
  for (const YamlNode* word : read.words(value)) {
    const auto prefix = IpPrefix::parse(read.text(*word));
    if (!prefix) read.error(*word, "an address or a prefix such as 198.51.100.0/24");
    c.prefixes.push_back(*prefix);
  }
  return c;
}

}  // namespace

Condition Compiler::request_conditions(const Reader& read, const YamlNode& node, int depth) {
  if (depth > kMaxDepth) read.error(node, "conditions are nested too deeply");
  read.expect_keys(node, "a request condition", kRequestKeys);
  if (node.entries.empty()) read.error(node, "an empty condition always matches");
  Condition all;
  for (const auto& [key, value] : node.entries) {
    all.children.push_back(request_condition(read, key.text, value, depth));
  }
  return without_wrapper(std::move(all));
}

Condition Compiler::request_condition(const Reader& read, const std::string& key,
                                      const YamlNode& value, int depth) {
  if (key == "any") return group(read, Test::kAny, value, depth);
  if (key == "all") return group(read, Test::kAll, value, depth);
  if (key == "not") {
    Condition c;
    c.test = Test::kNot;
    c.children.push_back(request_conditions(read, value, depth + 1));
    return c;
  }
  if (key == "path") return inline_patterns(read, Subject::kPath, value);
  if (key == "target") return inline_patterns(read, Subject::kTarget, value);
  if (key == "user_agent") return inline_patterns(read, Subject::kUserAgent, value);
  if (key == "prompt") return inline_patterns(read, Subject::kPrompt, value);
  if (key == "speech") return inline_patterns(read, Subject::kSpeech, value);
  if (key == "system") return inline_patterns(read, Subject::kSystem, value);
  if (key == "model") return inline_patterns(read, Subject::kModel, value);
  if (key == "rpc_method") return inline_patterns(read, Subject::kRpcMethod, value);
  if (key == "client") return inline_patterns(read, Subject::kClient, value);
  if (key == "body_text") return inline_patterns(read, Subject::kBody, value);
  if (key == "header_text") return inline_patterns(read, Subject::kHeader, value);
  if (key == "matches") return set_references(read, value, false);
  if (key == "matches_all") {
    Condition every = set_references(read, value, false);
    if (every.test == Test::kAny) every.test = Test::kAll;
    return every;
  }
  if (key == "method") return mask_condition(read, Test::kMethod, value, "method", method_words());
  if (key == "api") return mask_condition(read, Test::kApi, value, "API", enum_words<Api>());
  if (key == "product") {
    return mask_condition(read, Test::kProduct, value, "product", enum_words<Impl>());
  }
  if (key == "auth") return auth_condition(read, value);
  if (key == "flags") return mask_condition(read, Test::kFlag, value, "flag", kFlagWords);
  if (key == "model_hosted") {
    return mask_condition(read, Test::kModelHosted, value, "answer", kHostedWords);
  }
  if (key == "headers") return header_conditions(read, value);
  if (key == "body") return body_conditions(read, value);
  if (key == "fields") return field_conditions(read, value);
  if (key == "http") {
    constexpr std::int64_t kVersions[] = {10, 11, 20, 20};
    const auto version = kVersions[read.one_of(value, "HTTP version", {"1.0", "1.1", "2", "2.0"})];
    return ranged(Test::kHttpVersion, {version, version});
  }
  if (key == "model_present") {
    const std::int64_t want = read.boolean(value) ? 1 : 0;
    return ranged(Test::kModelPresent, {want, want});
  }
  if (key == "prompt_length") return ranged(Test::kPromptLength, read.range(value));
  if (key == "max_tokens") return ranged(Test::kMaxTokens, read.range(value));
  if (key == "tokens_asked") return ranged(Test::kTokensAsked, read.range(value));
  if (key == "messages") return ranged(Test::kMessages, read.range(value));
  if (key == "tools") return ranged(Test::kTools, read.range(value));
  if (key == "address") return address_condition(read, value);
  Condition port;
  port.test = Test::kPort;
  for (const YamlNode* word : read.words(value)) {
    const std::int64_t number = read.integer(*word);
    if (number < 1 || number > 65535) read.error(*word, "a port is 1 to 65535");
    port.list.push_back(static_cast<std::uint32_t>(number));
  }
  return port;
}

Condition Compiler::group(const Reader& read, Test test, const YamlNode& list, int depth) {
  if (list.kind != YamlNode::Kind::kList || list.items.empty()) {
    read.error(list, "'any' and 'all' take a list of conditions");
  }
  Condition c;
  c.test = test;
  for (const YamlNode& item : list.items) {
    c.children.push_back(request_conditions(read, item, depth + 1));
  }
  return without_wrapper(std::move(c));
}

Condition Compiler::inline_patterns(const Reader& read, Subject subject, const YamlNode& value) {
  const std::uint16_t set = new_set("", subject);
  Condition c;
  c.test = Test::kLabels;
  c.a = new_label(set, "");
  c.b = 1;
  for (const YamlNode* pattern : read.words(value)) add_pattern(c.a, subject, *pattern, {});
  return c;
}

Condition Compiler::set_references(const Reader& read, const YamlNode& value, bool answer) {
  Condition any;
  any.test = Test::kAny;
  for (const YamlNode* word : read.words(value)) {
    const std::size_t colon = word->text.find(':');
    const std::string id = word->text.substr(0, colon);
    const auto found = std::find_if(out_->sets.begin(), out_->sets.end(),
                                    [&](const SetInfo& s) { return !id.empty() && s.id == id; });
    if (found == out_->sets.end()) read.unknown(*word, "set", id, set_ids());
    if ((found->subject == Subject::kAnswer) != answer) {
      read.error(*word, answer ? "this set is not matched on answers"
                               : "this set is matched on answers only");
    }
    Condition c;
    c.test = Test::kLabels;
    c.a = found->first_label;
    c.b = found->label_count;
    if (colon != std::string::npos) {
      const std::string label = word->text.substr(colon + 1);
      std::vector<std::string> known;
      for (std::uint32_t i = 0; i < found->label_count; ++i) {
        known.push_back(out_->labels[found->first_label + i].name);
      }
      const auto at = std::find(known.begin(), known.end(), label);
      if (at == known.end())
        read.unknown(*word, fmt::format("label of set '{}'", id), label, known);
      c.a += static_cast<std::uint32_t>(at - known.begin());
      c.b = 1;
    }
    any.children.push_back(std::move(c));
  }
  return without_wrapper(std::move(any));
}

Condition Compiler::mask_condition(const Reader& read, Test test, const YamlNode& value,
                                   std::string_view what, const std::vector<std::string>& known) {
  Condition c;
  c.test = test;
  for (const YamlNode* word : read.words(value)) {
    c.mask |= std::uint64_t{1} << read.one_of(*word, what, known);
  }
  return c;
}

Condition Compiler::auth_condition(const Reader& read, const YamlNode& value) {
  Condition c;
  c.test = Test::kAuth;
  for (const YamlNode* word : read.words(value)) {
    c.mask |= kAuthMasks[read.one_of(*word, "auth kind", kAuthWords)];
  }
  return c;
}

std::uint32_t Compiler::header_slot(const Reader& read, const YamlNode& at,
                                    const std::string& name) {
  const std::uint32_t slot = out_->headers.add(name);
  if (slot >= kMaxHeaders) read.error(at, "more than 64 different header names");
  return slot;
}

std::uint64_t Compiler::header_mask(const Reader& read, const YamlNode& names) {
  std::uint64_t mask = 0;
  for (const YamlNode* word : read.words(names)) {
    mask |= std::uint64_t{1} << header_slot(read, *word, word->text);
  }
  return mask;
}

Condition Compiler::header_conditions(const Reader& read, const YamlNode& value) {
  read.expect_keys(value, "headers",
                   {"present", "any_present", "absent", "only", "order", "count", "values"});
  Condition all;
  for (const auto& [key, node] : value.entries) {
    Condition c;
    if (key.text == "present" || key.text == "absent" || key.text == "any_present") {
      c.test = key.text == "present"  ? Test::kHeadersPresent
               : key.text == "absent" ? Test::kHeadersAbsent
                                      : Test::kHeadersAnyPresent;
      c.mask = header_mask(read, node);
    } else if (key.text == "only") {
      c.test = Test::kHeadersOnly;
      c.mask = header_mask(read, node);
      // What every body and every HTTP/1.1 request has says nothing about the sender.
      for (const char* free : {"host", "content-length", "content-type"}) {
        c.mask |= std::uint64_t{1} << header_slot(read, node, free);
      }
    } else if (key.text == "order") {
      c.test = Test::kHeaderOrder;
      for (const YamlNode* word : read.words(node)) {
        c.list.push_back(header_slot(read, *word, word->text));
      }
    } else if (key.text == "count") {
      c = ranged(Test::kHeaderCount, read.range(node));
    } else {
      if (node.kind != YamlNode::Kind::kMap) read.error(node, "values maps a header to its value");
      for (const auto& [name, text] : node.entries) {
        Condition one;
        one.test = Test::kHeaderValue;
        one.a = header_slot(read, name, name.text);
        one.text = lower_case(read.text(text));
        c.children.push_back(std::move(one));
      }
    }
    all.children.push_back(without_wrapper(std::move(c)));
  }
  return without_wrapper(std::move(all));
}

Condition Compiler::body_conditions(const Reader& read, const YamlNode& value) {
  read.expect_keys(value, "body", {"size", "json", "malformed", "empty"});
  Condition all;
  for (const auto& [key, node] : value.entries) {
    if (key.text == "size") {
      all.children.push_back(ranged(Test::kBodySize, read.range(node)));
      continue;
    }
    const std::int64_t want = read.boolean(node) ? 1 : 0;
    const Test test = key.text == "json"        ? Test::kBodyJson
                      : key.text == "malformed" ? Test::kBodyMalformed
                                                : Test::kBodyEmpty;
    all.children.push_back(ranged(test, {want, want}));
  }
  return without_wrapper(std::move(all));
}

Condition Compiler::field_conditions(const Reader& read, const YamlNode& value) {
  if (value.kind != YamlNode::Kind::kMap) {
    read.error(value, "fields maps a name to 'present', a range, or a text");
  }
  Condition all;
  for (const auto& [name, node] : value.entries) {
    Condition c;
    c.test = Test::kFieldText;
    if (node.kind == YamlNode::Kind::kMap) {
      c = ranged(Test::kFieldNumber, read.range(node));
    } else if (read.text(node) == "present") {
      c.test = Test::kFieldPresent;
    } else {
      c.list.clear();
    }
    c.text = lower_case(name.text);
    out_->field_names.add(c.text);
    if (c.test == Test::kFieldText) c.text += '\0' + lower_case(node.text);
    all.children.push_back(std::move(c));
  }
  return without_wrapper(std::move(all));
}

Condition Compiler::answer_conditions(const Reader& read, const YamlNode& node) {
  read.expect_keys(node, "an answer condition",
                   {"status", "matches", "product", "model_not_found", "not"});
  Condition all;
  for (const auto& [key, value] : node.entries) {
    if (key.text == "status") {
      all.children.push_back(status_condition(read, value));
    } else if (key.text == "matches") {
      all.children.push_back(set_references(read, value, true));
    } else if (key.text == "product") {
      all.children.push_back(
          mask_condition(read, Test::kAnswerProduct, value, "product", enum_words<Impl>()));
    } else if (key.text == "not") {
      Condition c;
      c.test = Test::kNot;
      c.children.push_back(answer_conditions(read, value));
      all.children.push_back(std::move(c));
    } else {
      const std::int64_t want = read.boolean(value) ? 1 : 0;
      all.children.push_back(ranged(Test::kModelNotFound, {want, want}));
    }
  }
  return without_wrapper(std::move(all));
}

Condition Compiler::status_condition(const Reader& read, const YamlNode& value) {
  Condition c;
  c.test = Test::kStatus;
  for (const YamlNode* word : read.words(value)) {
    const std::string& text = word->text;
    if (text.size() == 3 && text[0] >= '1' && text[0] <= '5' && text.substr(1) == "xx") {
      const auto low = static_cast<std::uint32_t>(text[0] - '0') * 100;
      c.list.insert(c.list.end(), {low, low + 99});
      continue;
    }
    const std::int64_t code = read.integer(*word);
    if (code < 100 || code > 599) read.error(*word, "a status is 100 to 599, or 4xx");
    c.list.insert(c.list.end(),
                  {static_cast<std::uint32_t>(code), static_cast<std::uint32_t>(code)});
  }
  return c;
}

std::uint16_t Compiler::fact_index(const Reader& read, const YamlNode& word) const {
  for (std::size_t i = 0; i < out_->facts.size(); ++i) {
    if (out_->facts[i].id == read.text(word)) return static_cast<std::uint16_t>(i);
  }
  read.unknown(word, "fact", word.text, {fact_names_.begin(), fact_names_.end()});
}

std::vector<SourceCondition> Compiler::source_conditions(const Reader& read, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList || node.items.empty()) {
    read.error(node, "source takes a list of conditions");
  }
  std::vector<SourceCondition> out;
  for (const YamlNode& item : node.items) out.push_back(source_condition(read, item));
  return out;
}

SourceCondition Compiler::source_condition(const Reader& read, const YamlNode& node) {
  read.expect_keys(
      node, "a source condition",
      {"distinct", "at_least", "at_most", "within", "first_seen_within", "first_seen_before",
       "requests", "failure_ratio", "answers", "key_sources", "share"});
  const auto ds = [&](const YamlNode& n) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(read.duration(n)).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms / 100, 1, 0x7fffffff));
  };
  SourceCondition c;
  const YamlNode* share = node.find("share");
  if (share != nullptr) {
    c.ratio = read.number(*share);
    const bool counts = node.find("distinct") != nullptr && node.find("at_least") != nullptr;
    if (!counts || !(c.ratio > 0 && c.ratio <= 1)) {
      read.error(*share, "'share' is above 0 and up to 1, and goes with distinct and at_least");
    }
  }
  if (const YamlNode* fact = node.find("distinct")) {
    c.fact = fact_index(read, *fact);
    const YamlNode* low = node.find("at_least");
    const YamlNode* high = node.find("at_most");
    if (low == nullptr && high == nullptr) read.error(node, "'distinct' needs at_least or at_most");
    if (low != nullptr) c.range.low = read.integer(*low);
    if (high != nullptr) c.range.high = read.integer(*high);
    if ((low != nullptr && (c.range.low < 1 || c.range.low > 64)) ||
        (high != nullptr && (c.range.high < 0 || c.range.high > 63))) {
      read.error(node, "at_least is 1 to 64, at_most 0 to 63");
    }
    const YamlNode* within = node.find("within");
    c.within_ds = within != nullptr ? ds(*within) : 36'000;
  } else if (const YamlNode* young = node.find("first_seen_within")) {
    c.test = SourceTest::kFirstSeenWithin;
    c.within_ds = ds(*young);
  } else if (const YamlNode* old = node.find("first_seen_before")) {
    c.test = SourceTest::kFirstSeenBefore;
    c.within_ds = ds(*old);
  } else if (const YamlNode* sources = node.find("key_sources")) {
    c.test = SourceTest::kKeySources;
    c.range = read.range(*sources);
    if (c.range.low > 32) read.error(*sources, "at most 32 sources of a key are remembered");
    const YamlNode* within = node.find("within");
    c.within_ds = within != nullptr ? ds(*within) : 36'000;
  } else if (const YamlNode* requests = node.find("requests")) {
    c.test = SourceTest::kRequests;
    c.range = read.range(*requests);
  } else if (const YamlNode* ratio = node.find("failure_ratio")) {
    c.test = SourceTest::kFailureRatio;
    c.ratio = read.number(*ratio);
    if (const YamlNode* answers = node.find("answers")) c.range = read.range(*answers);
  } else {
    read.error(node,
               "a source condition needs distinct, first_seen_within, first_seen_before, "
               "requests, failure_ratio or key_sources");
  }
  return c;
}

}  // namespace probewall::rules
