// SPDX-License-Identifier: Apache-2.0
#include "core/http/percent.hpp"

#include <algorithm>

namespace probewall {

void percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t percent = std::min(text.find('%', i), text.size());
    out.append(text.substr(i, percent - i));
    i = percent;
    if (i == text.size()) return;
    const bool escape =
        i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : '%';
    if (escape) i += 2;
  }
}

void normalise_path(std::string_view raw, std::string& out) {
  percent_decode(raw, out);
  const auto both_slashes = [](char a, char b) { return a == '/' && b == '/'; };
  out.erase(std::unique(out.begin(), out.end(), both_slashes), out.end());
  if (out.size() > 1 && out.back() == '/') out.pop_back();
}

}  // namespace probewall
