// SPDX-License-Identifier: Apache-2.0
#include "core/http/key_names.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "core/http/percent.hpp"
#include "core/http/text.hpp"

namespace probewall {
namespace {

constexpr std::size_t kLongest = 64;  ///< a longer name is no name of a key

/// A header's name, or its end behind a '-': "api-key" stands for "X-LiteLLM-Api-Key", too.
struct KeyName {
  std::string_view name;
  KeyRank rank;
};
constexpr KeyName kHeaders[] = {
    {"authorization", KeyRank::kKey},
    {"api-key", KeyRank::kKey},
    {"apikey", KeyRank::kKey},
    {"subscription-key", KeyRank::kKey},  // Azure API Management
    {"functions-key", KeyRank::kKey},     // Azure Functions
    {"access-key", KeyRank::kKey},
    {"auth-key", KeyRank::kKey},
    {"secret-key", KeyRank::kKey},
    {"virtual-key", KeyRank::kKey},  // Portkey
    {"master-key", KeyRank::kKey},
    {"admin-key", KeyRank::kKey},
    {"auth", KeyRank::kKey},  // Helicone-Auth, X-Auth
    {"secret", KeyRank::kKey},
    {"api-token", KeyRank::kKey},
    {"auth-token", KeyRank::kKey},
    {"private-token", KeyRank::kKey},
    {"bearer-token", KeyRank::kKey},
    {"hf-token", KeyRank::kKey},
    {"admin-token", KeyRank::kKey},
    {"vault-token", KeyRank::kKey},
    {"service-token", KeyRank::kKey},
    {"forwarded-access-token", KeyRank::kSign},  // oauth2-proxy
    {"auth-request-access-token", KeyRank::kSign},
    {"cf-access-token", KeyRank::kSign},
    {"access-token", KeyRank::kKey},
    {"oidc-accesstoken", KeyRank::kSign},  // AWS load balancers
    {"oidc-data", KeyRank::kSign},
    {"security-token", KeyRank::kSign},
    {"session-token", KeyRank::kSign},
    {"user-token", KeyRank::kSign},
    {"id-token", KeyRank::kSign},
    {"jwt-assertion", KeyRank::kSign},  // Cloudflare Access, Google's proxy
    {"cf-access-client-id", KeyRank::kSession},
};
/// Too plain to be the end of any name, as "key" is.
constexpr std::string_view kWholeNames[] = {"x-key", "token", "x-token"};

constexpr std::string_view kParameters[] = {"key",
                                            "api_key",
                                            "api-key",
                                            "apikey",
                                            "access_token",
                                            "auth_token",
                                            "token",
                                            "auth",
                                            "api_token",
                                            "access-token",
                                            "auth-token",
                                            "api-token",
                                            "x-goog-api-key",
                                            "x-api-key",
                                            "subscription-key",
                                            "id_token",
                                            "jwt",
                                            "secret",
                                            "client_secret",
                                            "password",
                                            "x-amz-signature",
                                            "x-amz-credential",
                                            "x-amz-security-token"};

/// The last four letters in one number, case aside; '_' counts as '-'.
constexpr std::uint32_t four(std::string_view name) {
  const char* const end = name.data() + name.size();
  std::uint32_t word = 0;
  if (!std::is_constant_evaluated() && std::endian::native == std::endian::little) {
    std::memcpy(&word, end - 4, sizeof word);
  } else {
    for (int i = 0; i < 4; ++i) {
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(end[i - 4])) << 8 * i;
    }
  }
  word |= 0x20202020u;
  // '_' became 0x7f: the only such byte in a name.
  return (word & 0xffu) == 0x7f ? (word & ~0xffu) | '-' : word;
}

/// The table's names by their last letters: hardly any other header ends so.
constexpr auto kEnds = [] {
  std::array<std::uint32_t, std::size(kHeaders)> ends{};
  for (std::size_t i = 0; i < ends.size(); ++i) ends[i] = four(kHeaders[i].name);
  return ends;
}();

/// Most headers go no further than this.
constexpr bool may_hold_a_key(std::string_view name) {
  switch (four(name)) {
    case four("-key"):
    case four("ikey"):
    case four("auth"):
    case four("cret"):
    case four("oken"):
    case four("data"):
    case four("t-id"):
      return true;
    case four("tion"): {
      // Authorization, assertion; OpenAI-Organization is no less frequent.
      const char c = name.size() < 9 ? '\0' : ascii_lower(name[name.size() - 8]);
      return c == 'r' || c == 's';
    }
    default:
      return false;
  }
}
static_assert([] {
  for (const KeyName& known : kHeaders) {
    if (!may_hold_a_key(known.name) || !ends_like_key_header(known.name)) return false;
  }
  return true;
}());

/// Whether `name` is `lower`, or ends with it behind a '-', case aside; '_' counts as '-'.
bool is_end_of(std::string_view name, std::string_view lower) {
  if (name.size() < lower.size()) return false;
  const std::size_t before = name.size() - lower.size();
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = name[before + i] == '_' ? '-' : ascii_lower(name[before + i]);
    if (c != lower[i]) return false;
  }
  return before == 0 || name[before - 1] == '-' || name[before - 1] == '_';
}

/// Whether `at` is the place of `part` in `name`, case aside.
bool is_at(std::string_view name, std::size_t at, std::string_view part) {
  return equals_lower(name.substr(at, part.size()), part);
}

/// What a part of a cookie's name says. Everybody gets kNone: protection against forged requests,
/// analytics, authors' names in a blog.
struct CookiePart {
  std::string_view part;
  KeyRank rank;
};
constexpr CookiePart kCookieParts[] = {
    {"csrf", KeyRank::kNone},       {"xsrf", KeyRank::kNone},       {"hjsession", KeyRank::kNone},
    {"ai_session", KeyRank::kNone}, {"ga_session", KeyRank::kNone}, {"author_", KeyRank::kNone},
    {"token", KeyRank::kSign},      {"jwt", KeyRank::kSign},        {"auth", KeyRank::kSign},
    {"api_key", KeyRank::kSign},    {"api-key", KeyRank::kSign},    {"apikey", KeyRank::kSign},
    {"identity", KeyRank::kSign},   {"pomerium", KeyRank::kSign},   {"vouch", KeyRank::kSign},
    {"session", KeyRank::kSession}, {"sessid", KeyRank::kSession}};
constexpr std::size_t kNoPart = std::size(kCookieParts);

/// By first letter: whether any part begins so.
constexpr auto kBegins = [] {
  std::array<bool, 256> begins{};
  for (const CookiePart& known : kCookieParts) {
    begins[static_cast<unsigned char>(known.part[0])] = true;
    begins[static_cast<unsigned char>(known.part[0] - 0x20)] = true;
  }
  return begins;
}();

bool ends_with_sid(std::string_view name) {
  if (name.size() < 3 || !is_at(name, name.size() - 3, "sid")) return false;
  const char before = name.size() == 3 ? '.' : name[name.size() - 4];
  return before == '.' || before == '_' || before == '-';
}

}  // namespace

KeyRank known_key_header(std::string_view name) {
  if (name.size() < 4) return equals_lower(name, "key") ? KeyRank::kKey : KeyRank::kNone;
  if (!may_hold_a_key(name) || name.size() > kLongest) return KeyRank::kNone;
  const std::uint32_t end = four(name);
  for (std::size_t i = 0; i < kEnds.size(); ++i) {
    if (kEnds[i] == end && is_end_of(name, kHeaders[i].name)) return kHeaders[i].rank;
  }
  const bool whole = std::any_of(std::begin(kWholeNames), std::end(kWholeNames),
                                 [&](std::string_view known) { return equals_lower(name, known); });
  return whole ? KeyRank::kKey : KeyRank::kNone;
}

bool is_key_parameter(std::string_view name) {
  std::string decoded;
  if (name.find('%') != name.npos && name.size() <= 4 * kLongest) {
    percent_decode(name, decoded);
    name = decoded;
  }
  return std::any_of(std::begin(kParameters), std::end(kParameters),
                     [&](std::string_view known) { return equals_lower(name, known); });
}

KeyRank key_cookie(std::string_view name) {
  name = name.substr(0, kLongest);
  std::size_t first = kNoPart;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (!kBegins[static_cast<unsigned char>(name[at])]) continue;
    const char letter = ascii_lower(name[at]);
    for (std::size_t i = 0; i < first; ++i) {
      const std::string_view part = kCookieParts[i].part;
      if (part[0] == letter && is_at(name, at, part)) first = i;
    }
  }
  if (first != kNoPart) return kCookieParts[first].rank;
  return ends_with_sid(name) ? KeyRank::kSession : KeyRank::kNone;
}

}  // namespace probewall
