// SPDX-License-Identifier: Apache-2.0
#include "storage/encode.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

namespace probewall::storage {

std::string encode_list(const std::vector<std::string>& entries) {
  std::string out;
  for (const auto& entry : entries) out += fmt::format("{}:{}", entry.size(), entry);
  return out;
}

std::vector<std::string> decode_list(std::string_view text) {
  std::vector<std::string> entries;
  while (!text.empty()) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || digits == text.size() || *end != ':') break;
    text.remove_prefix(digits + 1);
    if (size > text.size()) break;
    entries.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return entries;
}

std::string encode_reasons(const std::vector<Reason>& reasons) {
  std::vector<std::string> entries;
  for (const Reason& reason : reasons) {
    entries.push_back(reason.rule);
    entries.push_back(fmt::format("{}", reason.points));
  }
  return encode_list(entries);
}

std::vector<Reason> decode_reasons(std::string_view text) {
  std::vector<Reason> reasons;
  const auto entries = decode_list(text);
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    reasons.push_back({entries[i], std::strtod(entries[i + 1].c_str(), nullptr)});
  }
  return reasons;
}

std::string encode_aims(const std::vector<Aim>& aims) {
  std::string digits;
  for (const Aim aim : aims) digits += static_cast<char>('0' + static_cast<int>(aim));
  return digits;
}

std::vector<Aim> decode_aims(std::string_view text) {
  std::vector<Aim> aims;
  for (const char c : text) {
    if (c >= '1' && c <= '6') aims.push_back(static_cast<Aim>(c - '0'));
  }
  return aims;
}

}  // namespace probewall::storage
