// SPDX-License-Identifier: Apache-2.0
#include "core/rules/features.hpp"

#include <algorithm>
#include <span>

#include "core/http/key_names.hpp"
#include "core/http/percent.hpp"
#include "core/http/text.hpp"

namespace probewall::rules {
namespace {

/// ".../models/NAME:generateContent" is where Gemini's API names the model.
std::string_view model_in_path(std::string_view path) {
  const std::size_t colon = path.rfind(':');
  if (colon == path.npos) return {};
  const std::size_t slash = path.rfind("/models/");
  if (slash == path.npos || slash + 8 > colon) return {};
  return path.substr(slash + 8, colon - slash - 8);
}

Auth auth_of(AuthKind kind, bool accepted) {
  if (kind == AuthKind::kNone) return Auth::kNone;
  if (kind == AuthKind::kBearer) return accepted ? Auth::kBearer : Auth::kNewBearer;
  return accepted ? Auth::kOther : Auth::kNewOther;
}

std::size_t method_index(std::string_view method) {
  const auto& words = method_words();
  const auto found = std::find(words.begin(), words.end(), method);
  return found == words.end() ? words.size() - 1 : static_cast<std::size_t>(found - words.begin());
}

}  // namespace

std::uint32_t request_flags(const Request& r) {
  std::uint32_t flags = 0;
  const auto put = [&](Flag flag, bool on) {
    if (on) flags |= 1u << static_cast<unsigned>(flag);
  };
  put(Flag::kDecoy, r.decoy);
  put(Flag::kTimedOut, r.timed_out);
  put(Flag::kTruncated, r.truncated);
  put(Flag::kOdd, r.head.odd);
  put(Flag::kCutHead, !r.head_complete);
  put(Flag::kExpectContinue, r.head.expect_continue);
  put(Flag::kChunked, r.head.chunked);
  put(Flag::kUpgrade, r.head.upgrade);
  put(Flag::kTransferConflict, r.head.content_length_invalid ||
                                   (r.head.transfer_encoding && r.head.content_length.has_value()));
  put(Flag::kOverLimit, r.over_limit);
  put(Flag::kWellKnownKey, r.head.well_known_key);
  put(Flag::kPreflight, r.head.method == "OPTIONS" && r.head.has_header("origin") &&
                            r.head.has_header("access-control-request-method"));
  return flags;
}

std::uint64_t Features::body_size() const {
  return std::max<std::uint64_t>(request->head.content_length.value_or(0),
                                 request->body_prefix.size());
}

void normalise_model(std::string_view model, std::string& out) {
  constexpr std::string_view kLatest = ":latest";
  out.assign(model.substr(0, 256));
  for (char& c : out) c = ascii_lower(c);
  if (out.ends_with(kLatest)) out.resize(out.size() - kLatest.size());
}

std::string auth_style(const Request& request) {
  if (request.head.auth == AuthKind::kNone || request.head.session_key) return {};
  if (request.head.auth == AuthKind::kBearer) return "authorization";
  std::string style = "query";
  for (const HeaderView header : request.head.headers) {
    if (key_header(header.name) < KeyRank::kKey) continue;
    if (equals_lower(header.name, "authorization")) return "authorization";
    if (style != "query") continue;
    style.assign(header.name);
    for (char& c : style) c = ascii_lower(c);
  }
  return style;
}

void FeatureReader::use(const RuleSet::Compiled& rules) {
  rules_ = &rules;
  remembered_.assign(kRemembered, Remembered{});
  const auto& names = rules.field_names.names();
  keep_prose_ = std::any_of(names.begin(), names.end(), is_prose);
  for (const SubjectPatterns& subject : rules.subjects) {
    subject.db.reserve(scratch_);
    subject.joined.reserve(scratch_);
  }
}

bool FeatureReader::wanted(Subject subject, const Features& f) const {
  return intersect(f.candidates, rules_->plan.users[static_cast<std::size_t>(subject)].row(0));
}

/// Drops candidates that need a label of `subject` and got none.
void FeatureReader::narrow(Subject subject, std::size_t labels_before, Features& f) {
  const Plan& plan = rules_->plan;
  const std::span<const std::uint64_t> none =
      plan.no_label[static_cast<std::size_t>(subject)].row(0);
  row_.assign(none.begin(), none.end());
  for (std::size_t i = labels_before; i < f.labels.list().size(); ++i) {
    const auto label = plan.labels.row(f.labels.list()[i]);
    for (std::size_t w = 0; w < row_.size(); ++w) row_[w] |= label[w];
  }
  keep_only(f.candidates, row_);
  for (std::size_t i = labels_before; i < f.labels.list().size(); ++i) {
    drop(f.candidates, plan.labels_refused.row(f.labels.list()[i]));
  }
}

/// Clients and scanners alike repeat their paths, user agents and models. `scan` gives the labels
/// of a text that is not remembered.
template <typename Scan>
const std::vector<std::uint32_t>& FeatureReader::remembered(Subject subject, std::string_view text,
                                                            Scan scan) {
  if (text.size() > kMaxRemembered) {
    unremembered_.clear();
    scan(unremembered_);
    return unremembered_;
  }
  const std::uint64_t hash =
      hash_bytes(text.data(), text.size(), static_cast<std::uint64_t>(subject) + 1);
  Remembered& entry = remembered_[hash % kRemembered];
  if (entry.hash == hash && entry.subject == subject && entry.text == text) return entry.labels;
  entry.labels.clear();
  scan(entry.labels);
  entry.hash = hash;
  entry.subject = subject;
  entry.text = text;
  return entry.labels;
}

const std::vector<std::uint32_t>& FeatureReader::labels_in(Subject subject, std::string_view text) {
  return remembered(subject, text, [&](std::vector<std::uint32_t>& labels) {
    const SubjectPatterns& patterns = rules_->subjects[static_cast<std::size_t>(subject)];
    matched_.clear();
    patterns.db.scan(text, scratch_.get(), matched_);
    for (const std::uint32_t id : matched_) labels.push_back(patterns.patterns[id].label);
  });
}

/// Whether some field pattern may match one of the values, a line each.
bool FeatureReader::any_field(std::string_view joined) {
  const auto& found = remembered(Subject::kField, joined, [&](std::vector<std::uint32_t>& labels) {
    const SubjectPatterns& patterns = rules_->subjects[static_cast<std::size_t>(Subject::kField)];
    if (patterns.joined.matches(joined, scratch_.get())) labels.push_back(0);
  });
  return !found.empty();
}

void FeatureReader::scan(Subject subject, std::string_view text, Features& f) {
  if (!wanted(subject, f)) return;
  const std::size_t before = f.labels.list().size();
  if (!text.empty()) {
    for (const std::uint32_t label : labels_in(subject, text)) f.labels.set(label);
  }
  narrow(subject, before, f);
}

void FeatureReader::scan_field(const BodyField& field, Features& f) {
  const SubjectPatterns& patterns = rules_->subjects[static_cast<std::size_t>(Subject::kField)];
  matched_.clear();
  patterns.db.scan(field.value, scratch_.get(), matched_);
  for (const std::uint32_t id : matched_) {
    const PatternInfo& pattern = patterns.patterns[id];
    const bool named =
        std::find(pattern.names.begin(), pattern.names.end(), field.name) != pattern.names.end();
    if (named || (pattern.names.empty() && !is_prose(field.name))) f.labels.set(pattern.label);
  }
}

void FeatureReader::scan_fields(Features& f) {
  read_query_fields(f.request->head.target, f.fields);
  const std::string_view body = f.request->body_prefix;
  if (f.request->llm.scalars_known) {
    read_known_fields(body, f.request->llm.scalars, f.fields, keep_prose_);
  } else {
    read_body_fields(body, f.fields, keep_prose_);
  }
  // Most requests have no field of interest: one scan over all values, a line each, shows it.
  f.joined.clear();
  const auto scanned = [&](const BodyField& field) {
    return field.is_string &&
           (!is_prose(field.name) || rules_->field_names.find(field.name) != NameTable::kNone);
  };
  row_.assign(rules_->plan.fields.none.row(0).begin(), rules_->plan.fields.none.row(0).end());
  for (const BodyField& field : f.fields) {
    const std::uint32_t name = rules_->field_names.find(field.name);
    if (name != NameTable::kNone) {
      const auto thing = rules_->plan.fields.things.row(name);
      for (std::size_t w = 0; w < row_.size(); ++w) row_[w] |= thing[w];
    }
    if (!scanned(field)) continue;
    f.joined += field.value;
    f.joined += '\n';
  }
  keep_only(f.candidates, row_);
  const std::size_t before = f.labels.list().size();
  if (wanted(Subject::kField, f) && any_field(f.joined)) {
    for (const BodyField& field : f.fields) {
      if (scanned(field)) scan_field(field, f);
    }
  }
  narrow(Subject::kField, before, f);
}

/// Expressions and programs need a brace, which hardly any honest header has: most requests are
/// not scanned. The user agent is a subject of its own.
void FeatureReader::scan_headers(const RequestHead& head, Features& f) {
  if (!wanted(Subject::kHeader, f)) return;
  const std::size_t before = f.labels.list().size();
  for (const HeaderView header : head.headers) {
    if (header.value.find('{') == std::string_view::npos) continue;
    if (equals_lower(header.name, "user-agent")) continue;
    for (const std::uint32_t label : labels_in(Subject::kHeader, header.value)) f.labels.set(label);
  }
  narrow(Subject::kHeader, before, f);
}

void FeatureReader::read_headers(const RequestHead& head, Features& out) const {
  out.header_bits = 0;
  out.other_headers = 0;
  std::uint8_t position = 0;
  for (const HeaderView header : head.headers) {
    if (position < 255) ++position;
    const std::uint32_t slot = rules_->headers.find(header.name);
    if (slot == NameTable::kNone) {
      ++out.other_headers;
      continue;
    }
    if (out.header_bits >> slot & 1) continue;  // the first of its name counts
    out.header_bits |= std::uint64_t{1} << slot;
    out.header_position[slot] = position;
    out.header_value[slot] = header.value;
  }
}

void FeatureReader::narrow_by_kind(std::uint32_t requests, Features& f) const {
  const Plan& plan = rules_->plan;
  const Request& r = *f.request;
  const auto auth = plan.auth.row(static_cast<std::size_t>(f.auth));
  f.candidates.assign(auth.begin(), auth.end());
  if (requests - 1 < Plan::kEarly) keep_only(f.candidates, plan.early.row(requests - 1));
  keep_only(f.candidates, plan.method.row(f.method));
  keep_only(f.candidates, plan.api.row(static_cast<std::size_t>(r.api)));
  keep_only(f.candidates, plan.product.row(static_cast<std::size_t>(r.impl)));
}

void FeatureReader::narrow_by_needs(const Needs& needs, std::uint64_t present, Features& f) {
  row_.assign(needs.none.row(0).begin(), needs.none.row(0).end());
  for (; present != 0; present &= present - 1) {
    const auto thing = needs.things.row(static_cast<std::size_t>(__builtin_ctzll(present)));
    for (std::size_t w = 0; w < row_.size(); ++w) row_[w] |= thing[w];
    drop(f.candidates, needs.refused.row(static_cast<std::size_t>(__builtin_ctzll(present))));
  }
  keep_only(f.candidates, row_);
}

void FeatureReader::read_prompt(const Request& request, Features& f) {
  const std::string& said = request.llm.user_text;
  const bool speech = wanted(Subject::kSpeech, f);
  if (speech || wanted(Subject::kPrompt, f)) {
    normalise_prompt(said, f.prompt);
    scan(Subject::kPrompt, f.prompt, f);
  }
  if (!wanted(Subject::kSpeech, f)) return;
  if (!may_quote(said)) return scan(Subject::kSpeech, f.prompt, f);
  without_quotes(said, f.joined);
  normalise_prompt(f.joined, f.text);
  scan(Subject::kSpeech, f.text, f);
}

void FeatureReader::read(const Request& request, const SenderFacts& sender, Features& out) {
  out.request = &request;
  out.auth = auth_of(request.head.auth, sender.key_accepted);
  out.labels.reset(rules_->labels.size());
  out.method = method_index(request.head.method);
  out.user_agent = request.head.user_agent();
  out.flags = request_flags(request);
  out.hosted = Hosted::kUnknown;
  out.fields.clear();
  out.prompt.clear();
  const RequestHead& head = request.head;
  const std::string_view path = head.path.empty() ? head.target : head.path;
  normalise_path(path.substr(0, path.find('?')), out.path);
  normalise_model(
      request.llm.model.empty() ? model_in_path(out.path) : std::string_view{request.llm.model},
      out.model);
  read_headers(head, out);

  narrow_by_kind(sender.requests, out);
  narrow_by_needs(rules_->plan.flags, out.flags, out);
  narrow_by_needs(rules_->plan.headers, out.header_bits, out);
  scan(Subject::kPath, out.path, out);
  scan(Subject::kUserAgent, out.user_agent, out);
  scan_headers(head, out);
  scan(Subject::kModel, out.model, out);
  scan(Subject::kRpcMethod, request.llm.rpc_method, out);
  scan(Subject::kClient, request.llm.client_name, out);
  if (wanted(Subject::kTarget, out)) {
    percent_decode(head.target, out.text);
    scan(Subject::kTarget, out.text, out);
  }
  if (wanted(Subject::kField, out)) scan_fields(out);
  read_prompt(request, out);
  if (wanted(Subject::kSystem, out)) {
    normalise_prompt(request.llm.system_text, out.text);
    scan(Subject::kSystem, out.text, out);
  }
  scan(Subject::kBody, request.body_prefix, out);
}

void FeatureReader::scan_answer(std::string_view answer, LabelBits& labels) {
  labels.reset(rules_->labels.size());
  const SubjectPatterns& patterns = rules_->subjects[static_cast<std::size_t>(Subject::kAnswer)];
  matched_.clear();
  patterns.db.scan(answer, scratch_.get(), matched_);
  for (const std::uint32_t id : matched_) labels.set(patterns.patterns[id].label);
}

}  // namespace probewall::rules
