// SPDX-License-Identifier: Apache-2.0
#include "core/rules/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/http/text.hpp"

namespace probewall::rules {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};  // a word that long is no typing error
  std::string best;
  std::size_t best_distance = word.size() / 2 + 2;
  const std::string lower = lower_case(word);  // "get" is meant to be "GET"
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(lower, lower_case(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void Reader::error(const YamlNode& at, std::string_view what) const {
  throw CompileError{fmt::format("{}:{}: {}", file_, std::max(at.line, 1), what)};
}

void Reader::unknown(const YamlNode& at, std::string_view what, std::string_view word,
                     const std::vector<std::string>& known) const {
  const std::string near = nearest_word(word, known);
  if (!near.empty()) {
    error(at, fmt::format("unknown {} '{}'; did you mean '{}'?", what, word, near));
  }
  if (known.empty()) {
    error(at, fmt::format("unknown {} '{}'; the files compiled together define none", what, word));
  }
  error(at, fmt::format("unknown {} '{}'; known: {}", what, word, fmt::join(known, ", ")));
}

void Reader::expect_keys(const YamlNode& node, std::string_view what,
                         const std::vector<std::string>& known) const {
  if (node.kind != YamlNode::Kind::kMap) {
    error(node, fmt::format("{} must be a map of keys and values", what));
  }
  for (const auto& [key, value] : node.entries) {
    if (std::find(known.begin(), known.end(), key.text) == known.end()) {
      unknown(key, fmt::format("key in {}", what), key.text, known);
    }
  }
}

std::size_t Reader::one_of(const YamlNode& node, std::string_view what,
                           const std::vector<std::string>& known) const {
  const auto found = std::find(known.begin(), known.end(), text(node));
  if (found == known.end()) unknown(node, what, node.text, known);
  return static_cast<std::size_t>(found - known.begin());
}

const std::string& Reader::text(const YamlNode& node) const {
  if (node.kind != YamlNode::Kind::kScalar) error(node, "a single word or text is needed here");
  return node.text;
}

std::int64_t Reader::integer(const YamlNode& node) const {
  std::int64_t value = 0;
  const std::string& word = text(node);
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size()) {
    error(node, fmt::format("'{}' is not a whole number", word));
  }
  return value;
}

double Reader::number(const YamlNode& node) const {
  double value = 0;
  const std::string& word = text(node);
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size()) {
    error(node, fmt::format("'{}' is not a number", word));
  }
  return value;
}

bool Reader::boolean(const YamlNode& node) const {
  return one_of(node, "truth value", {"false", "true"}) == 1;
}

Duration Reader::duration(const YamlNode& node) const {
  const std::string& word = text(node);
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), count);
  const std::string_view unit{end, static_cast<std::size_t>(word.data() + word.size() - end)};
  if (code == std::errc{} && count > 0 && count < 1'000'000) {
    if (unit == "ms") return std::chrono::milliseconds{count};
    if (unit == "s") return std::chrono::seconds{count};
    if (unit == "m") return std::chrono::minutes{count};
    if (unit == "h") return std::chrono::hours{count};
    if (unit == "d") return std::chrono::hours{24 * count};
  }
  error(node, fmt::format("'{}' is not a duration such as 500ms, 30s, 10m, 2h or 7d", word));
}

Range Reader::range(const YamlNode& node) const {
  Range r;
  if (node.kind == YamlNode::Kind::kScalar) {
    r.low = r.high = integer(node);
    return r;
  }
  expect_keys(node, "a range", {"at_least", "at_most"});
  if (const YamlNode* low = node.find("at_least")) r.low = integer(*low);
  if (const YamlNode* high = node.find("at_most")) r.high = integer(*high);
  if (r.low > r.high) error(node, "at_least is above at_most: nothing can match");
  return r;
}

std::vector<const YamlNode*> Reader::words(const YamlNode& node) const {
  std::vector<const YamlNode*> out;
  if (node.kind == YamlNode::Kind::kList) {
    for (const YamlNode& item : node.items) {
      text(item);
      out.push_back(&item);
    }
  } else {
    text(node);
    out.push_back(&node);
  }
  if (out.empty()) error(node, "the list is empty");
  return out;
}

std::vector<std::string> Reader::texts(const YamlNode& node) const {
  std::vector<std::string> out;
  for (const YamlNode* word : words(node)) out.push_back(word->text);
  return out;
}

}  // namespace probewall::rules
