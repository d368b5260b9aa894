// SPDX-License-Identifier: Apache-2.0
#include "core/http/shown_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/http/text.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace probewall {
namespace {

constexpr std::string_view kCut = "…";

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
/// Of keys and tokens: base64, base64url, and what joins their parts.
constexpr bool is_key_char(char c) {
  return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || c == '+' || c == '/' ||
         c == '=';
}
constexpr bool is_plain_key_char(char c) { return is_alnum(c) || c == '-' || c == '_'; }

/// Bytes from `at` on for which `is` holds, at most `most`.
template <typename Is>
std::size_t run(std::string_view text, std::size_t at, Is is,
                std::size_t most = std::string_view::npos) {
  text = text.substr(at, most);
  std::size_t end = 0;
  while (end < text.size() && is(text[end])) ++end;
  return end;
}

/// So much of a text shows whether it is a key. All of it is only read to be cut: texts full of
/// beginnings must not cost the square of their length.
constexpr std::size_t kJudged = 64;

/// How many letters and digits of each sort.
struct Mix {
  std::size_t digits = 0, capitals = 0, small = 0;
  explicit Mix(std::string_view text) {
    for (const char c : text) {
      digits += is_digit(c);
      capitals += is_upper(c);
      small += is_lower(c);
    }
  }
  std::size_t all() const { return digits + capitals + small; }
};

/// Random text of some length mixes letters with digits, or small letters with capitals. "Llama3",
/// "OpenAI", "2024" and "instruct" do not count as such.
bool is_random(std::string_view run) {
  constexpr std::size_t kLongWord = 20, kMixed = 8;
  if (run.size() < kMixed) return false;
  const Mix mix{run};
  if (run.size() > kLongWord) return true;
  if (mix.digits == run.size()) return true;
  return mix.digits > 0 || (mix.capitals > 2 && mix.small > 2);
}

/// Whether nothing in it is random: "learn-contrib", "v2", "2024-06".
bool reads_like_words(std::string_view text) {
  const Mix mix{text};
  if (text.size() >= 16 && mix.digits > 2 && mix.capitals > 2 && mix.small > 2) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t size = run(text, at, is_alnum);
    if (is_random(text.substr(at, size))) return false;
    at += size;
  }
  return true;
}

/// Whether it has random text of at least `least` characters without a joint.
bool has_random_run(std::string_view text, std::size_t least) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t size = run(text, at, is_alnum);
    if (size >= least && is_random(text.substr(at, size))) return true;
    at += size;
  }
  return false;
}

/// Beginnings of keys. `run`: they are known to have that much random text in one piece, else they
/// may be of any make.
struct Maker {
  std::string_view begins;
  std::size_t run;
};
constexpr Maker kMakers[] = {{"sk-", 0},     {"sk_", 0},     {"rk_", 10},   {"pk-lf-", 0},
                             {"csk-", 10},   {"gsk_", 10},   {"hf_", 10},   {"xai-", 10},
                             {"ghp_", 10},   {"gho_", 10},   {"ghu_", 10},  {"ghs_", 10},
                             {"ghr_", 10},   {"r8_", 10},    {"pplx-", 10}, {"github_pat_", 10},
                             {"nvapi-", 10}, {"glpat-", 10}, {"xoxb-", 10}, {"xoxp-", 10},
                             {"tgp_", 10},   {"lsv2_", 10}};

/// First letters of these.
constexpr auto kFirst = [] {
  std::array<bool, 256> first{};
  for (const Maker& maker : kMakers) first[static_cast<unsigned char>(maker.begins[0])] = true;
  return first;
}();

/// Names of parameters and headers whose values are keys, as their ends.
constexpr std::string_view kValueNames[] = {"key",      "token",  "secret", "apikey",
                                            "password", "passwd", "auth",   "jwt"};

/// What is to be replaced by kCut; empty: nothing.
struct Found {
  std::size_t from = 0, size = 0;
};

/// Where the word begins of which text[at] is behind the last letter; at most `most` bytes back.
std::size_t begin_of_word(std::string_view text, std::size_t at, std::size_t most) {
  std::size_t begin = at;
  while (begin > 0 && at - begin < most && is_alnum(text[begin - 1])) --begin;
  const bool encoded = begin > 0 && text[begin - 1] == '%' && at - begin > 2;  // "%2Fsk-"
  return encoded ? begin + 2 : begin;
}

/// A key begins at the beginning of a word, or behind percent-encoding.
bool begins_here(std::string_view text, std::size_t at) {
  return at == 0 || !is_alnum(text[at - 1]) || (at >= 3 && text[at - 3] == '%');
}

Found makers_key(std::string_view text, std::size_t at) {
  constexpr std::size_t kLeast = 8;
  for (const Maker& maker : kMakers) {
    if (maker.begins[0] != text[at] || !text.substr(at).starts_with(maker.begins)) continue;
    const std::size_t from = at + maker.begins.size();
    const auto key = text.substr(from, run(text, from, is_plain_key_char, kJudged));
    const bool random = maker.run == 0 ? !reads_like_words(key) : has_random_run(key, maker.run);
    if (key.size() >= kLeast && random) return {from, run(text, from, is_plain_key_char)};
  }
  return {};
}

/// "AIza" (Google) and "AKIA" (AWS): `least` characters follow, of those that `is` takes.
template <typename Is>
Found cloud_key(std::string_view text, std::size_t at, std::string_view begins, std::size_t least,
                Is is) {
  if (!text.substr(at).starts_with(begins) || !begins_here(text, at)) return {};
  const std::size_t from = at + begins.size();
  const std::size_t size = run(text, from, is, kJudged);
  const bool ends = from + size == text.size() || !is_alnum(text[from + size]) || size == kJudged;
  return size >= least && ends ? Found{from, run(text, from, is)} : Found{};
}

/// "eyJ" begins every JSON object in base64: a token has more parts, in the open or encrypted.
Found web_token(std::string_view text, std::size_t at) {
  constexpr std::size_t kHeader = 256, kKey = 1024;
  if (!text.substr(at).starts_with("eyJ")) return {};
  const std::size_t from = at + 3;
  const std::size_t dot = from + run(text, from, is_plain_key_char, kHeader);
  if (dot < from + 6 || dot >= text.size() || text[dot] != '.') return {};
  const std::size_t size = run(text, dot + 1, is_plain_key_char, kKey);
  const std::size_t end = dot + 1 + size;  // the text may be cut there
  if (size < 2 || (end < text.size() && text[end] != '.' && size < kKey)) return {};
  return {from, run(text, from, [](char c) { return is_plain_key_char(c) || c == '.'; })};
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\t' || text[at] == '+') {
      ++at;
    } else if (text.substr(at).starts_with("%20")) {
      at += 3;
    } else {
      break;
    }
  }
  return at;
}

/// "Bearer X". Without "Authorization" in front it may be English.
Found bearer(std::string_view text, std::size_t at) {
  if (!equals_lower(text.substr(at, 6), "bearer")) return {};
  const std::size_t from = skip_blanks(text, at + 6);
  const auto key = text.substr(from, run(text, from, is_key_char, kJudged));
  if (from == at + 6 || key.empty()) return {};
  const Mix mix{key};
  const bool mixed = key.size() > 6 && mix.digits > 0 && mix.digits < mix.all();
  if (!mixed && reads_like_words(key)) return {};
  return {from, run(text, from, is_key_char)};
}

/// "Authorization: Basic X", "authorization%3A%20Bearer%20X", `"Authorization": "Bearer X"`.
Found authorization(std::string_view text, std::size_t at) {
  constexpr std::string_view kName = "authorization";
  if (!equals_lower(text.substr(at, kName.size()), kName)) return {};
  std::size_t from = at + kName.size();
  while (from < text.size() && (text[from] == '"' || text[from] == '\'')) ++from;
  if (from < text.size() && (text[from] == ':' || text[from] == '=')) {
    ++from;
  } else if (equals_lower(text.substr(from, 3), "%3a")) {
    from += 3;
  } else {
    return {};
  }
  from = skip_blanks(text, from);
  while (from < text.size() && (text[from] == '"' || text[from] == '\'')) ++from;
  const auto scheme = text.substr(from, run(text, from, is_key_char, kJudged));
  if (!reads_like_words(scheme)) return {from, run(text, from, is_key_char)};
  const std::size_t next = skip_blanks(text, from + scheme.size());
  const auto key = text.substr(next, run(text, next, is_key_char, kJudged));
  const bool certain = equals_lower(scheme, "bearer") || equals_lower(scheme, "basic");
  if (!certain && reads_like_words(key)) return {};
  return {next, run(text, next, is_key_char)};
}

/// `?key=X`, `;api_key=X`, `%3Ftoken=X`, `token=X`; `equals` is behind the '=', `name_end` at it.
/// Elsewhere than in a URL it may be a program's: sorted(list, key=len).
Found value_of(std::string_view text, std::size_t name_end, std::size_t equals) {
  std::size_t begin = name_end;
  while (begin > 0 && is_plain_key_char(text[begin - 1]) && name_end - begin < 32) --begin;
  bool in_url =
      begin > 0 && (text[begin - 1] == '?' || text[begin - 1] == '&' || text[begin - 1] == ';');
  std::string_view name = text.substr(begin, name_end - begin);
  if (begin > 0 && text[begin - 1] == '%') {
    in_url = name.size() > 2 &&
             (equals_lower(name.substr(0, 2), "3f") || equals_lower(name.substr(0, 2), "26") ||
              equals_lower(name.substr(0, 2), "3b"));
    name.remove_prefix(std::min<std::size_t>(name.size(), 2));
  }
  const bool known =
      std::any_of(std::begin(kValueNames), std::end(kValueNames), [&](std::string_view end) {
        if (name.size() < end.size()) return false;
        const std::size_t before = name.size() - end.size();
        return equals_lower(name.substr(before), end) &&
               (before == 0 || name[before - 1] == '_' || name[before - 1] == '-');
      });
  if (!known) return {};
  const auto in_value = [](char c) {
    return c != '&' && c != ';' && c != '#' && c != ' ' && c != '"' && c != '\'' && c != '<' &&
           c != '>' && c != '\t' && c != '\r' && c != '\n';
  };
  if (in_url) return {equals, run(text, equals, in_value)};
  const auto value = text.substr(equals, run(text, equals, is_plain_key_char, kJudged));
  if (value.size() < 8 || reads_like_words(value)) return {};
  return {equals, run(text, equals, is_plain_key_char)};
}

/// "://user:password@".
Found password(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && at - begin < kJudged &&
         std::string_view{" /@\"'<>\t\r\n"}.find(text[begin - 1]) == std::string_view::npos)
    --begin;
  if (begin < 3 || text.substr(begin - 3, 3) != "://") return {};
  const auto colon = text.substr(begin, at - begin).find(':');
  if (colon == std::string_view::npos || begin + colon + 1 == at) return {};
  return {begin + colon + 1, at - begin - colon - 1};
}

/// `at` is the place of a mark (is_mark): what key is there?
Found key_at(std::string_view text, std::size_t at) {
  switch (text[at]) {
    case '-':
    case '_': {
      // "github_pat_" is found by its first '_', "pk-lf-" by its '-'.
      const std::size_t begin = begin_of_word(text, at, 8);
      if (!kFirst[static_cast<unsigned char>(text[begin])]) return {};
      return begins_here(text, begin) ? makers_key(text, begin) : Found{};
    }
    case 'z':
    case 'Z': {
      if (at >= 2 && text[at - 1] == 'I')
        return cloud_key(text, at - 2, "AIza", 20, is_plain_key_char);
      constexpr std::size_t kBefore = 7;  // "authori"
      return at >= kBefore ? authorization(text, at - kBefore) : Found{};
    }
    case 'J':
      return at >= 2 && begins_here(text, at - 2) ? web_token(text, at - 2) : Found{};
    case 'K':
      return at >= 1 ? cloud_key(text, at - 1, "AKIA", 12,
                                 [](char c) { return is_upper(c) || is_digit(c); })
                     : Found{};
    case '=':
      return value_of(text, at, at + 1);
    case '@':
      return password(text, at);
    case '%':
      return equals_lower(text.substr(at, 3), "%3d") ? value_of(text, at, at + 3) : Found{};
    default:
      return begins_here(text, at) ? bearer(text, at) : Found{};
  }
}

/// Bytes that hardly any text has, and every key has one: `at` its beginning, or between that and
/// what is to be cut. '%' is for "%3D", 'B' for "Bearer", 'z' for "authorization" and "AIza".
constexpr bool is_mark(char c) {
  return c == '-' || c == '_' || c == '=' || c == '@' || c == 'z' || c == 'Z' || c == 'J' ||
         c == 'K' || c == 'B' || c == '%';
}
constexpr auto kMarks = [] {
  std::array<bool, 256> marks{};
  for (int c = 0; c < 256; ++c) marks[static_cast<std::size_t>(c)] = is_mark(static_cast<char>(c));
  return marks;
}();

#if defined(__SSE2__)
constexpr std::size_t kBlock = 16;

/// A bit for each of the 16 bytes from `here` on.
inline __attribute__((always_inline)) unsigned marks_of(const char* here) {
  const auto all = [](int c) { return _mm_set1_epi8(static_cast<char>(c)); };
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(here));
  // Each of these pairs differs in one bit: '-' and '=', 'J' and 'K', '@' and 'B', 'z' and 'Z'.
  const auto pair = [&](int c, int bit) {
    return _mm_cmpeq_epi8(_mm_and_si128(block, all(~bit)), all(c));
  };
  const __m128i signs = _mm_or_si128(pair('-', 0x10), pair('@', 0x02));
  const __m128i letters = _mm_or_si128(pair('J', 0x01), pair('Z', 0x20));
  const __m128i single =
      _mm_or_si128(_mm_cmpeq_epi8(block, all('_')), _mm_cmpeq_epi8(block, all('%')));
  const __m128i marks = _mm_or_si128(_mm_or_si128(signs, letters), single);
  return static_cast<unsigned>(_mm_movemask_epi8(marks));
}
#endif

/// Offset of the first mark at or after `at`; text.size() without one.
std::size_t next_mark(std::string_view text, std::size_t at) {
  const std::size_t size = text.size();
#if defined(__SSE2__)
  for (; size - at >= kBlock; at += kBlock) {
    if (const unsigned marks = marks_of(text.data() + at); marks != 0)
      return at + static_cast<std::size_t>(__builtin_ctz(marks));
  }
  if (size >= kBlock && at < size) {
    // Once more from the end, without the places before `at`.
    const std::size_t first = size - kBlock;
    const unsigned marks = marks_of(text.data() + first) >> (at - first);
    return marks != 0 ? at + static_cast<std::size_t>(__builtin_ctz(marks)) : size;
  }
#endif
  while (at < size && !kMarks[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

/// without_keys() of a text whose first mark is at `at`.
__attribute__((noinline)) std::string_view cut_keys(std::string_view text, std::size_t at,
                                                    std::string& scratch) {
  std::size_t copied = 0;
  for (; at < text.size(); at = next_mark(text, at)) {
    const Found found = key_at(text, at);
    ++at;
    if (found.size == 0 || found.from < copied) continue;
    if (copied == 0) scratch.clear();
    scratch.append(text.substr(copied, found.from - copied)).append(kCut);
    copied = found.from + found.size;
    at = std::max(at, copied);
  }
  if (copied == 0) return text;
  scratch.append(text.substr(copied));
  return scratch;
}

}  // namespace

std::string_view without_keys(std::string_view text, std::string& scratch) {
  const std::size_t at = next_mark(text, 0);
  return at == text.size() ? text : cut_keys(text, at, scratch);
}

std::string without_keys(std::string_view text) {
  std::string scratch;
  return std::string{without_keys(text, scratch)};
}

std::string_view host_without_keys(std::string_view host, std::string& scratch) {
  if (next_mark(host, 0) == host.size()) return host;
  const auto at = host.rfind('@');
  if (at == std::string_view::npos) return without_keys(host, scratch);
  const auto user = host.substr(0, host.substr(0, at).find(':'));
  scratch.clear();
  if (user.size() < at) scratch.append(without_keys(user)).append(":");
  scratch.append(kCut).append(without_keys(host.substr(at)));
  return scratch;
}

}  // namespace probewall
