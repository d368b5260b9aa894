// SPDX-License-Identifier: Apache-2.0
#include "core/rules/features.hpp"

#include <algorithm>

namespace probewall::rules {
namespace {

/// Field values that are prose or bulk, not structure: never scanned unless a set names them.
bool is_prose(std::string_view name) {
  return name == "content" || name == "prompt" || name == "text" || name == "input" ||
         name == "role" || name == "system" || name == "messages" || name == "images";
}

std::string normalise_path(std::string_view raw) {
  std::string path = percent_decode(raw.substr(0, raw.find('?')));
  path.erase(
      std::unique(path.begin(), path.end(), [](char a, char b) { return a == '/' && b == '/'; }),
      path.end());
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// ".../models/NAME:generateContent" is where Gemini's API names the model.
std::string_view model_in_path(std::string_view path) {
  const std::size_t colon = path.rfind(':');
  const std::size_t slash = path.rfind("/models/");
  if (colon == path.npos || slash == path.npos || slash + 8 > colon) return {};
  return path.substr(slash + 8, colon - slash - 8);
}

std::uint32_t flags_of(const Request& r) {
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
  return flags;
}

class Scanner {
 public:
  Scanner(const RuleSet::Compiled& rules, hs_scratch* scratch, std::vector<std::uint32_t>& matched,
          LabelBits& labels)
      : rules_(rules), scratch_(scratch), matched_(matched), labels_(labels) {}

  void scan(Subject subject, std::string_view text) {
    const SubjectPatterns& patterns = rules_.subjects[static_cast<std::size_t>(subject)];
    matched_.clear();
    patterns.db.scan(text, scratch_, matched_);
    for (const std::uint32_t id : matched_) labels_.set(patterns.patterns[id].label);
  }

  void scan_field(const BodyField& field) {
    const auto& known = rules_.field_names;
    const bool wanted = std::find(known.begin(), known.end(), field.name) != known.end();
    if (!wanted && is_prose(field.name)) return;
    const SubjectPatterns& patterns = rules_.subjects[static_cast<std::size_t>(Subject::kField)];
    matched_.clear();
    patterns.db.scan(field.value, scratch_, matched_);
    for (const std::uint32_t id : matched_) {
      const PatternInfo& pattern = patterns.patterns[id];
      const bool named =
          std::find(pattern.names.begin(), pattern.names.end(), field.name) != pattern.names.end();
      if (named || (pattern.names.empty() && !is_prose(field.name))) labels_.set(pattern.label);
    }
  }

 private:
  const RuleSet::Compiled& rules_;
  hs_scratch* scratch_;
  std::vector<std::uint32_t>& matched_;
  LabelBits& labels_;
};

/// `lower` is in lower case already.
bool same_name(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] + 32) : name[i];
    if (c != lower[i]) return false;
  }
  return true;
}

void read_headers(const RuleSet::Compiled& rules, const RequestHead& head, Features& out) {
  out.header_bits = 0;
  out.other_headers = 0;
  std::uint8_t position = 0;
  for (const Header& header : head.headers) {
    const auto found =
        std::find_if(rules.headers.begin(), rules.headers.end(),
                     [&](const std::string& name) { return same_name(header.name, name); });
    if (position < 255) ++position;
    if (found == rules.headers.end()) {
      ++out.other_headers;
      continue;
    }
    const auto slot = static_cast<std::size_t>(found - rules.headers.begin());
    if (out.header_bits >> slot & 1) continue;  // the first of its name counts
    out.header_bits |= std::uint64_t{1} << slot;
    out.header_position[slot] = position;
    out.header_value[slot] = header.value;
  }
}

}  // namespace

std::uint64_t Features::body_size() const {
  return std::max<std::uint64_t>(request->head.content_length.value_or(0),
                                 request->body_prefix.size());
}

std::string normalise_prompt(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '`') continue;
    if (c == '\xe2' && text.substr(i, 3) == "\xe2\x80\x99") {  // the typographic apostrophe
      i += 2;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string without_quotes(std::string_view text) {
  std::string out;
  char closing = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (closing == 0 && (text[i] == '"' || text[i] == '`')) {
      closing = text[i];
    } else if (closing != 0 && (text[i] == closing || (closing == '\n' && text[i] == '\n'))) {
      closing = 0;
      out += ' ';
    } else if (closing == 0 && three == "\xe2\x80\x9c") {
      closing = '\x9d';  // last byte of the closing typographic mark
    } else if (closing == 0 && line_start && text[i] == '>') {
      closing = '\n';
    } else if (closing == 0) {
      out += text[i];
    }
  }
  return out;
}

std::string normalise_model(std::string_view model) {
  constexpr std::string_view kLatest = ":latest";
  std::string out = lower_case(model.substr(0, 256));
  if (out.ends_with(kLatest)) out.resize(out.size() - kLatest.size());
  return out;
}

std::string_view auth_style(const Request& request) {
  for (const char* name : {"authorization", "x-api-key", "api-key", "x-goog-api-key"}) {
    if (request.head.has_header(name)) return name;
  }
  const std::string& target = request.head.target;
  const bool in_query = target.find("?key=") != target.npos ||
                        target.find("&key=") != target.npos ||
                        target.find("api_key=") != target.npos;
  return in_query ? "query" : "";
}

void extract_features(const RuleSet::Compiled& rules, const Request& request, hs_scratch* scratch,
                      std::vector<std::uint32_t>& matched, Features& out) {
  out.request = &request;
  out.labels.reset(rules.labels.size());
  out.path = normalise_path(request.head.path.empty() ? request.head.target : request.head.path);
  out.model = normalise_model(request.llm.model.empty() ? model_in_path(out.path)
                                                        : std::string_view{request.llm.model});
  out.prompt = normalise_prompt(request.llm.user_text);
  out.user_agent = request.head.user_agent();
  out.flags = flags_of(request);
  out.hosted = Hosted::kUnknown;
  out.fields.clear();
  read_query_fields(request.head.target, out.fields);
  read_body_fields(request.body_prefix, out.fields);
  read_headers(rules, request.head, out);

  Scanner scanner{rules, scratch, matched, out.labels};
  scanner.scan(Subject::kPath, out.path);
  scanner.scan(Subject::kTarget, percent_decode(request.head.target));
  scanner.scan(Subject::kUserAgent, out.user_agent);
  scanner.scan(Subject::kPrompt, out.prompt);
  const bool quotes = request.llm.user_text.find_first_of("\"`>\xe2") != std::string::npos;
  scanner.scan(Subject::kSpeech,
               quotes ? normalise_prompt(without_quotes(request.llm.user_text)) : out.prompt);
  scanner.scan(Subject::kSystem, normalise_prompt(request.llm.system_text));
  scanner.scan(Subject::kModel, out.model);
  scanner.scan(Subject::kRpcMethod, request.llm.rpc_method);
  scanner.scan(Subject::kClient, request.llm.client_name);
  scanner.scan(Subject::kBody, request.body_prefix);
  for (const BodyField& field : out.fields) {
    if (field.is_string) scanner.scan_field(field);
  }
}

void scan_answer(const RuleSet::Compiled& rules, std::string_view answer, hs_scratch* scratch,
                 std::vector<std::uint32_t>& matched, LabelBits& labels) {
  labels.reset(rules.labels.size());
  Scanner{rules, scratch, matched, labels}.scan(Subject::kAnswer, answer);
}

}  // namespace probewall::rules
