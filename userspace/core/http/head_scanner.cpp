// SPDX-License-Identifier: Apache-2.0
#include "core/http/head_scanner.hpp"

#include <array>
#include <cstring>

#include "core/http/text.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxMethod = 64;

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> t{};
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) t[static_cast<std::size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) t[static_cast<std::size_t>(c)] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    t[static_cast<unsigned char>(c)] = true;
  }
  return t;
}
constexpr auto kToken = make_token_table();

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// "HTTP/1.1" and its odd relatives; false when the word is no protocol version at all.
bool read_version(std::string_view word, RequestLine& out) {
  if (word == "HTTP/1.1" || word == "HTTP/1.0") {
    out.version_major = 1;
    out.version_minor = word.back() - '0';
    return true;
  }
  const auto slash = word.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash > 8) return false;
  for (const char c : word.substr(0, slash)) {
    if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')) return false;
  }
  const auto digits = word.substr(slash + 1);
  if (digits.empty() || digits.size() > 5 || digits[0] < '0' || digits[0] > '9') return false;
  out.version_major = digits[0] - '0';
  out.version_minor = digits.size() == 3 && digits[1] == '.' && digits[2] >= '0' && digits[2] <= '9'
                          ? digits[2] - '0'
                          : 0;
  out.odd = true;
  return digits.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool begins_like_target(std::string_view target) {
  return target[0] == '/' || target[0] == '*' || target.find("://") != std::string_view::npos;
}

}  // namespace

bool is_token_char(unsigned char c) { return kToken[c]; }

RequestLine split_request_line(std::string_view line) {
  RequestLine out;
  std::size_t end = 0;
  while (end < line.size() && kToken[static_cast<unsigned char>(line[end])]) ++end;
  if (end == 0 || end > kMaxMethod || end == line.size() || !is_blank(line[end])) return out;
  out.method = line.substr(0, end);
  auto rest = trim_blank(line.substr(end));
  if (rest.empty()) return out;
  if (line[end] != ' ' || rest.data() != line.data() + end + 1) out.odd = true;
  // A target may hold spaces (some servers take everything up to the version), so the version is
  // looked for from the end.
  std::size_t word = rest.size();
  while (word > 0 && !is_blank(rest[word - 1])) --word;
  const bool versioned = word > 0 && read_version(rest.substr(word), out);
  if (versioned) {
    if (rest[word - 1] != ' ' || is_blank(rest[word - 2])) out.odd = true;
    rest = trim_blank(rest.substr(0, word - 1));
  } else {
    out.odd = true;
  }
  out.target = rest;
  if (rest.empty()) return out;
  if (find_any<' ', '\t'>(rest) != std::string_view::npos) out.odd = true;
  out.valid = versioned || begins_like_target(rest);
  return out;
}

HeadStatus HeadScanner::scan(std::string_view bytes) {
  while (pos_ < bytes.size()) {
    switch (phase_) {
      case Phase::kMethod:
        while (pos_ < bytes.size() && kToken[static_cast<unsigned char>(bytes[pos_])]) ++pos_;
        if (pos_ > kMaxMethod) phase_ = Phase::kBad;
        if (pos_ == bytes.size() || phase_ == Phase::kBad) break;
        phase_ = pos_ > 0 && is_blank(bytes[pos_]) ? Phase::kSpace : Phase::kBad;
        break;
      case Phase::kSpace:
        while (pos_ < bytes.size() && is_blank(bytes[pos_])) ++pos_;
        if (pos_ == bytes.size()) break;
        phase_ = bytes[pos_] == '\n' || bytes[pos_] == '\r' ? Phase::kBad : Phase::kTarget;
        break;
      case Phase::kTarget: {
        const auto lf = bytes.find('\n', pos_);
        if (lf == std::string_view::npos) {
          pos_ = bytes.size();
          break;
        }
        std::string_view line = bytes.substr(0, lf);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        phase_ = split_request_line(line).valid ? Phase::kLines : Phase::kBad;
        pos_ = line_start_ = lf + 1;
        break;
      }
      case Phase::kLines: {
        const auto lf = bytes.find('\n', pos_);
        if (lf == std::string_view::npos) {
          pos_ = bytes.size();
          break;
        }
        const auto length = lf - line_start_;
        const bool blank = length == 0 || (length == 1 && bytes[line_start_] == '\r');
        pos_ = line_start_ = lf + 1;
        if (blank) phase_ = Phase::kDone;
        break;
      }
      case Phase::kDone:
        return HeadStatus::kOk;
      case Phase::kBad:
        return HeadStatus::kInvalid;
    }
  }
  if (phase_ == Phase::kDone) return HeadStatus::kOk;
  return phase_ == Phase::kBad ? HeadStatus::kInvalid : HeadStatus::kNeedMore;
}

bool looks_like_request_start(std::string_view bytes) {
  while (!bytes.empty() && (bytes[0] == '\r' || bytes[0] == '\n')) bytes.remove_prefix(1);
  std::size_t end = 0;
  while (end < bytes.size() && end <= 20 && kToken[static_cast<unsigned char>(bytes[end])]) ++end;
  if (end == 0 || end > 20 || end + 1 >= bytes.size() || bytes[end] != ' ') return false;
  const auto target = bytes.substr(end + 1);
  return target[0] == '/' || target[0] == '*' || target.substr(0, 7) == "http://";
}

}  // namespace probewall
