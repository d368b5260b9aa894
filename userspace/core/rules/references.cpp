// SPDX-License-Identifier: Apache-2.0
#include "core/rules/references.hpp"

#include <algorithm>

namespace probewall::rules {
namespace {

constexpr std::size_t kMaxLink = 512;

bool is_number(std::string_view text, std::size_t at_least, std::size_t at_most) {
  return text.size() >= at_least && text.size() <= at_most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// "01" to "10", behind it nothing or the year of the list.
bool is_owasp_entry(std::string_view rest) {
  const auto entry = rest.substr(0, 2);
  if (!is_number(entry, 2, 2) || entry < "01" || entry > "10") return false;
  return rest.size() == 2 || rest.substr(2) == ":2025";
}

/// Four digits, and for a sub-technique a dot and three more.
bool is_atlas_technique(std::string_view rest) {
  if (!is_number(rest.substr(0, 4), 4, 4)) return false;
  return rest.size() == 4 || (rest[4] == '.' && is_number(rest.substr(5), 3, 3));
}

/// A year, a dash and at least four digits.
bool is_cve(std::string_view rest) {
  const auto dash = rest.find('-');
  return dash == 4 && is_number(rest.substr(0, 4), 4, 4) && is_number(rest.substr(5), 4, 10);
}

/// A host, and no character that would need quoting or hide what follows.
bool is_link(std::string_view rest) {
  if (rest.empty() || rest.size() > kMaxLink || rest.front() == '/') return false;
  return std::all_of(rest.begin(), rest.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '<' && c != '>' && c != '\\';
  });
}

}  // namespace

bool is_reference(std::string_view text) {
  if (take(text, "OWASP-LLM")) return is_owasp_entry(text);
  if (take(text, "AML.T")) return is_atlas_technique(text);
  if (take(text, "CVE-")) return is_cve(text);
  if (take(text, "CWE-")) return is_number(text, 1, 6);
  return take(text, "https://") && is_link(text);
}

std::string full_reference(std::string_view reference) {
  std::string out{reference};
  const bool owasp = reference.starts_with("OWASP-") && reference.find(':') == reference.npos;
  return owasp ? out + ":2025" : out;
}

}  // namespace probewall::rules
