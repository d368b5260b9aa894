// SPDX-License-Identifier: Apache-2.0
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

namespace probewall {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::array<Unit, 8> kTimeUnits{{{"w", 7 * 86400 * kSecond},
                                          {"d", 86400 * kSecond},
                                          {"h", 3600 * kSecond},
                                          {"m", 60 * kSecond},
                                          {"s", kSecond},
                                          {"ms", 1'000'000},
                                          {"us", 1000},
                                          {"ns", 1}}};
// Far below what nanoseconds in 64 bits hold (106,751 days), so sums cannot overflow.
constexpr std::int64_t kMaxDuration = nanoseconds{kLongestDuration}.count();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes digits from the front of `text`; nullopt: none, or too many.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n])) ++n;
  const auto letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

}  // namespace

tl::expected<nanoseconds, DurationFault> read_duration(std::string_view text) {
  const auto no_duration = tl::unexpected(DurationFault::kNoDuration);
  if (text.empty()) return no_duration;
  std::int64_t total = 0;
  bool too_long = false;
  std::array<bool, kTimeUnits.size()> used{};
  const bool several = !std::all_of(text.begin(), text.end(), is_digit);
  while (!text.empty()) {
    auto number = take_number(text);
    if (!number && !text.empty() && is_digit(text.front())) {  // more digits than a number holds
      text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
      number = UINT64_MAX;
    }
    if (!number) return no_duration;
    const std::string_view name = several ? take_letters(text) : "s";
    const auto unit = std::find_if(kTimeUnits.begin(), kTimeUnits.end(),
                                   [&](const Unit& u) { return u.name == name; });
    if (unit == kTimeUnits.end()) return no_duration;
    if (std::exchange(used[static_cast<std::size_t>(unit - kTimeUnits.begin())], true)) {
      return no_duration;
    }
    too_long |= *number > static_cast<std::uint64_t>(kMaxDuration / unit->factor);
    if (too_long) continue;  // what follows may still be no duration at all
    total += static_cast<std::int64_t>(*number) * unit->factor;
    too_long |= total > kMaxDuration;
  }
  if (too_long) return tl::unexpected(DurationFault::kTooLong);
  return nanoseconds{total};
}

std::optional<nanoseconds> parse_duration(std::string_view text) {
  const auto duration = read_duration(text);
  return duration ? std::optional{*duration} : std::nullopt;
}

std::string format_duration(nanoseconds duration) {
  std::int64_t left = duration.count();
  if (left <= 0) return "0s";
  std::string text;
  for (const Unit& unit : kTimeUnits) {
    if (unit.name == "w") continue;  // "30d" reads better than "4w2d"
    if (left < unit.factor) continue;
    text += std::to_string(left / unit.factor);
    text += unit.name;
    left %= unit.factor;
  }
  return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty() || text == "B") return number;
  unsigned shift = 0;
  switch (text.front()) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    case 't':
    case 'T':
      shift = 40;
      break;
    default:
      return std::nullopt;
  }
  text.remove_prefix(1);
  if (!(text.empty() || text == "B" || text == "iB")) return std::nullopt;
  if (*number > (UINT64_MAX >> shift)) return std::nullopt;
  return *number << shift;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kNames{"TiB", "GiB", "MiB", "KiB"};
  for (unsigned i = 0; i < kNames.size(); ++i) {
    const unsigned shift = 40 - 10 * i;
    if (bytes >> shift != 0 && (bytes & ((1ull << shift) - 1)) == 0) {
      return std::to_string(bytes >> shift) + kNames[i];
    }
  }
  return std::to_string(bytes);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table; the row before the last is needed for swapped neighbours.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace probewall
