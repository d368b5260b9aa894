// SPDX-License-Identifier: Apache-2.0
#include "core/llm/fields_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "core/http/text.hpp"
#include "core/llm/field_places.hpp"
#include "core/llm/json_text.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxModel = 256;
constexpr std::size_t kMaxKey = 64;
constexpr std::size_t kMaxRole = 32;
constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxUrl = 512;
constexpr std::size_t kMaxUrls = 8;
constexpr std::size_t kMaxRoles = 64;
constexpr std::size_t kMaxTopKeys = 32;

}  // namespace

class LlmFieldsReader::State {
 public:
  void read(std::string_view body, LlmFields& out);

 private:
  enum class Expect : std::uint8_t { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd };
  struct Frame {
    FieldPlace place = FieldPlace::kOther;
    bool array = false;
    FieldName key = FieldName::kOther;  ///< the object's running key
    bool history = false;               ///< inside calls that a model made earlier
    std::uint16_t name_size = 0;
    std::uint32_t name = 0;  ///< where the running key stands; in an array, the array's
  };

  Frame& top() { return stack_[depth_ - 1]; }
  bool open(bool array);
  void close(bool array);
  void pass_over_deep();
  void on_quote();
  void read_key();
  void read_value();
  void note_scalar(std::size_t begin, std::size_t end, bool is_string, bool escaped);
  void use_text(FieldUse use, std::string_view text);
  void read_word(char first);
  void number(std::string_view word);
  void add_url(FieldName key, std::string_view text);
  void end_message();
  void after_value() { expect_ = Expect::kCommaOrEnd; }
  void punctuation(char c);

  void begin(std::string_view body, LlmFields& out);

  std::string_view text_;
  std::size_t pos_ = 0;
  LlmFields* out_ = nullptr;
  std::array<Frame, kMaxJsonDepth> stack_{};
  std::size_t depth_ = 0;
  Expect expect_ = Expect::kValue;
  std::string scratch_;
  std::string name_;  ///< root "name", the model when there is no "model"
  std::string weak_user_;
  bool in_message_ = false;
  bool odd_name_ = false;  ///< a key that does not stand there as it is meant, or lies too deep
  std::string role_;
  std::string message_;
};

/// Everything may be left over from a text that stopped anywhere.
void LlmFieldsReader::State::begin(std::string_view body, LlmFields& out) {
  text_ = body;
  pos_ = depth_ = 0;
  out_ = &out;
  out.clear();
  expect_ = Expect::kValue;
  in_message_ = odd_name_ = false;
  for (std::string* text : {&scratch_, &name_, &weak_user_, &role_, &message_}) text->clear();
}

void LlmFieldsReader::State::read(std::string_view body, LlmFields& out) {
  begin(body, out);
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") pos_ = 3;
  while (pos_ < text_.size()) {
    const char c = text_[pos_];
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      ++pos_;
      continue;
    }
    if (depth_ == 0) {
      if (out_->complete || (c != '{' && c != '[')) break;
      out_->is_json = true;
    }
    ++pos_;
    if (c == '"') {
      on_quote();
    } else if (c == '{' || c == '[') {
      if (!open(c == '[')) pass_over_deep();
    } else if (c == '}' || c == ']') {
      close(c == ']');
    } else if (c == ',' || c == ':') {
      punctuation(c);
    } else {
      read_word(c);
    }
  }
  if (in_message_) end_message();
  if (out_->model.empty()) out_->model = name_;
  if (out_->user_text.empty()) out_->user_text = weak_user_;
  out_->scalars_known = out_->complete && !out_->malformed && !odd_name_;
}

bool LlmFieldsReader::State::open(bool array) {
  const bool value = expect_ == Expect::kValue || expect_ == Expect::kValueOrEnd;
  if (!value) out_->malformed = true;
  if (depth_ == kMaxJsonDepth) return false;
  FieldPlace place = array ? FieldPlace::kRootArray : FieldPlace::kRoot;
  if (depth_ > 0) {
    place = child_place(top().place, top().key, array);
    if (top().place == FieldPlace::kTools) ++out_->tool_count;
  }
  if (place == FieldPlace::kMessage) {
    if (in_message_) end_message();
    in_message_ = true;
    ++out_->message_count;
  }
  Frame frame{place, array};
  if (depth_ > 0) {
    frame.history = top().history || is_call_history(top().key, array, depth_);
    frame.name = top().name;
    frame.name_size = top().name_size;
  }
  stack_[depth_++] = frame;
  expect_ = array ? Expect::kValueOrEnd : Expect::kKeyOrEnd;
  return true;
}

void LlmFieldsReader::State::close(bool array) {
  const bool after_comma = expect_ == Expect::kKey || expect_ == Expect::kValue;
  if (after_comma || expect_ == Expect::kColon || top().array != array) out_->malformed = true;
  if (top().place == FieldPlace::kMessage && in_message_) end_message();
  --depth_;
  after_value();
  if (depth_ > 0) return;
  out_->complete = true;
  out_->document_size = pos_;
}

/// Too deep to be a request anyone answers: brackets are only counted.
void LlmFieldsReader::State::pass_over_deep() {
  odd_name_ = true;
  std::size_t deep = 1;
  while (pos_ < text_.size() && deep > 0) {
    const char c = text_[pos_++];
    if (c == '"') {
      pos_ = skip_json_string(text_, pos_).pos;
    } else if (c == '{' || c == '[') {
      ++deep;
    } else if (c == '}' || c == ']') {
      --deep;
    }
  }
  after_value();
}

void LlmFieldsReader::State::punctuation(char c) {
  if (c == ':') {
    if (expect_ != Expect::kColon) out_->malformed = true;
    if (!top().array) expect_ = Expect::kValue;
    return;
  }
  if (expect_ != Expect::kCommaOrEnd) out_->malformed = true;
  expect_ = top().array ? Expect::kValue : Expect::kKey;
}

void LlmFieldsReader::State::on_quote() {
  const bool key = expect_ == Expect::kKey || expect_ == Expect::kKeyOrEnd;
  const bool value = expect_ == Expect::kValue || expect_ == Expect::kValueOrEnd;
  if (!key && !value) out_->malformed = true;
  // Two strings without a comma: in an object the second is taken for the next key.
  if (key || (!value && !top().array && expect_ == Expect::kCommaOrEnd)) {
    read_key();
  } else {
    read_value();
  }
}

void LlmFieldsReader::State::read_key() {
  const std::size_t start = pos_;
  StringEnd end;
  const std::string_view key = view_json_string(text_, pos_, kMaxKey, scratch_, end);
  pos_ = end.pos;
  if (end.malformed) out_->malformed = true;
  if (!end.finished) return;
  Frame& frame = top();
  frame.key = field_name(key);
  odd_name_ = odd_name_ || !end.plain;
  frame.name = static_cast<std::uint32_t>(start);
  frame.name_size = static_cast<std::uint16_t>(std::min<std::size_t>(pos_ - start - 1, 0xffff));
  if (top().place == FieldPlace::kRoot && out_->top_keys.size() < kMaxTopKeys) {
    out_->top_keys.emplace_back(key);
  }
  expect_ = Expect::kColon;
}

void LlmFieldsReader::State::read_value() {
  const Frame& frame = top();
  const FieldName key = frame.array && depth_ > 1 ? stack_[depth_ - 2].key : frame.key;
  const FieldUse use = string_use(frame.place, frame.key);
  const bool url = may_be_url(key) && out_->urls.size() < kMaxUrls;
  const std::size_t start = pos_;
  StringEnd end;
  std::string_view text;
  if (use == FieldUse::kNothing && !url) {
    end = skip_json_string(text_, pos_);
  } else {
    const std::size_t limit = use == FieldUse::kNothing ? kMaxUrl : LlmFields::kTextBytes;
    text = view_json_string(text_, pos_, limit, scratch_, end);
  }
  pos_ = end.pos;
  if (end.malformed) out_->malformed = true;
  if (end.finished) note_scalar(start, pos_ - 1, true, !end.plain);
  after_value();
  if (url) add_url(key, text);
  if (use != FieldUse::kNothing) use_text(use, text);
}

void LlmFieldsReader::State::note_scalar(std::size_t begin, std::size_t end, bool is_string,
                                         bool escaped) {
  const Frame& frame = top();
  if (frame.history || out_->scalars.size() == LlmFields::kMaxScalars) return;
  out_->scalars.push_back({frame.name, static_cast<std::uint32_t>(begin),
                           static_cast<std::uint32_t>(end - begin), frame.name_size, is_string,
                           escaped});
}

void LlmFieldsReader::State::use_text(FieldUse use, std::string_view text) {
  switch (use) {
    case FieldUse::kModel:
      out_->model = utf8_prefix(text, kMaxModel);
      break;
    case FieldUse::kName:
      name_ = utf8_prefix(text, kMaxModel);
      break;
    case FieldUse::kRole:
      role_ = utf8_prefix(text, kMaxRole);
      break;
    case FieldUse::kMessageText:
      if (!message_.empty() && message_.size() < LlmFields::kTextBytes) message_ += '\n';
      message_ += text;
      cut_utf8(message_, LlmFields::kTextBytes);
      break;
    case FieldUse::kUser:
      if (!text.empty()) out_->user_text = text;
      break;
    case FieldUse::kWeakUser:
      weak_user_ = text;
      break;
    case FieldUse::kSystem:
      if (out_->system_text.empty()) out_->system_text = text;
      break;
    case FieldUse::kRpcMethod:
      out_->rpc_method = utf8_prefix(text, kMaxName);
      break;
    case FieldUse::kClientName:
      out_->client_name = utf8_prefix(text, kMaxName);
      break;
    case FieldUse::kNothing:
      break;
  }
}

void LlmFieldsReader::State::add_url(FieldName key, std::string_view text) {
  if (looks_like_url(key, text)) out_->urls.emplace_back(utf8_prefix(text, kMaxUrl));
}

void LlmFieldsReader::State::end_message() {
  in_message_ = false;
  if (!role_.empty() && out_->roles.size() < kMaxRoles) out_->roles.push_back(role_);
  if (!message_.empty()) {
    if (role_.empty() || role_ == "user" || role_ == "human") {
      std::swap(out_->user_text, message_);
    } else if ((role_ == "system" || role_ == "developer") && out_->system_text.empty()) {
      std::swap(out_->system_text, message_);
    }
  }
  role_.clear();
  message_.clear();
}

/// Numbers, true, false, null, and whatever else stands where no JSON byte may.
void LlmFieldsReader::State::read_word(char first) {
  const std::size_t start = pos_ - 1;
  pos_ = std::min(find_any<' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"'>(text_, pos_),
                  text_.size());
  const auto word = text_.substr(start, pos_ - start);
  const bool cut = pos_ == text_.size();
  if (expect_ != Expect::kValue && expect_ != Expect::kValueOrEnd) {
    out_->malformed = true;
    return;
  }
  note_scalar(start, pos_, false, false);
  after_value();
  const FieldName key = top().place == FieldPlace::kRoot ? top().key : FieldName::kOther;
  if (word == "true" || word == "false") {
    if (key == FieldName::kStream) out_->stream = word == "true";
    if (key == FieldName::kInsecure) out_->insecure = word == "true";
  } else if ((first >= '0' && first <= '9') || first == '-') {
    if (!cut) number(word);
  } else if (word != "null") {
    const bool beginning = cut && (std::string_view{"true"}.substr(0, word.size()) == word ||
                                   std::string_view{"false"}.substr(0, word.size()) == word ||
                                   std::string_view{"null"}.substr(0, word.size()) == word);
    if (!beginning) out_->malformed = true;
  }
}

void LlmFieldsReader::State::number(std::string_view word) {
  const bool here = top().place == FieldPlace::kRoot || top().place == FieldPlace::kOptions;
  const bool limit = here && top().key == FieldName::kMaxTokens;
  if (const auto small = small_integer(word)) {
    if (limit) out_->max_tokens = *small;
    if (here && top().key == FieldName::kChoices && *small > 0) {
      const auto most = std::min<std::int64_t>(*small, UINT32_MAX);
      out_->choices = std::max(out_->choices, static_cast<std::uint32_t>(most));
    }
    return;
  }
  double v = 0;
  const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), v);
  if (ec == std::errc::result_out_of_range) return;
  if (ec != std::errc{} || end != word.data() + word.size()) {
    out_->malformed = true;
    return;
  }
  if (!limit) return;
  constexpr double kFar = 9.0e18;
  out_->max_tokens = static_cast<std::int64_t>(std::clamp(v, -kFar, kFar));
}

void LlmFields::clear() {
  static_cast<LlmFacts&>(*this) = {};
  for (std::string* text : {&model, &system_text, &user_text, &rpc_method, &client_name}) {
    text->clear();
  }
  for (std::vector<std::string>* list : {&roles, &urls, &top_keys}) list->clear();
  scalars.clear();
  scalars_known = false;
}

LlmFieldsReader::LlmFieldsReader() : state_(std::make_unique<State>()) {}
LlmFieldsReader::~LlmFieldsReader() = default;

void LlmFieldsReader::read(std::string_view body, LlmFields& out) { state_->read(body, out); }

LlmFields read_llm_fields(std::string_view body) {
  LlmFields out;
  LlmFieldsReader{}.read(body, out);
  return out;
}

}  // namespace probewall
