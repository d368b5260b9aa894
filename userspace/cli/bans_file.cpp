// SPDX-License-Identifier: Apache-2.0
#include "cli/bans_file.hpp"

#include <chrono>
#include <cstdio>

#include "cli/json_view.hpp"
#include "config/units.hpp"

namespace probewall::cli {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view take_word(std::string_view& rest) {
  const auto begin = rest.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    rest = {};
    return {};
  }
  const auto end = std::min(rest.find_first_of(kSpace, begin), rest.size());
  const auto word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

Result<std::optional<std::int64_t>> parse_until(std::string_view text, std::int64_t now_us) {
  if (text.empty() || text == "forever" || text == "-") return std::nullopt;
  if (const auto time = parse_rfc3339(text)) return time;
  if (const auto duration = parse_duration(text)) {
    return now_us + std::chrono::duration_cast<std::chrono::microseconds>(*duration).count();
  }
  return fail(ExitStatus::kFailed, "'" + std::string{text} +
                                       "' is no end; write a time such as 2026-01-07T08:00:00Z, a "
                                       "duration such as 1h, or forever");
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, used = 0;
  const std::string copy{text};
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &used) != 6)
    return std::nullopt;
  std::string_view rest = std::string_view{copy}.substr(static_cast<std::size_t>(used));
  std::int64_t micros = 0;
  if (rest.starts_with('.')) {
    std::int64_t unit = 100'000;
    for (rest.remove_prefix(1); !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
         rest.remove_prefix(1)) {
      micros += (rest[0] - '0') * unit;
      unit /= 10;
    }
  }
  if (rest != "Z" && rest != "z" && rest != "+00:00") return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{y},
                                         std::chrono::month{static_cast<unsigned>(mo)},
                                         std::chrono::day{static_cast<unsigned>(d)}};
  if (!date.ok() || h > 23 || mi > 59 || s > 60 || h < 0 || mi < 0 || s < 0) return std::nullopt;
  const std::int64_t seconds =
      std::chrono::sys_days{date}.time_since_epoch().count() * std::int64_t{86400} + h * 3600 +
      mi * 60 + s;
  return seconds * 1'000'000 + micros;
}

Result<std::optional<BanLine>> parse_ban_line(std::string_view line, std::int64_t now_us) {
  std::string_view rest = line;
  std::string prefix_text{take_word(rest)};
  if (prefix_text.empty() || prefix_text.front() == '#') return std::nullopt;
  std::string until_text, reason;
  if (prefix_text.front() == '{') {
    const auto object = parse_json(line);
    if (!object) return fail(ExitStatus::kFailed, "not a JSON object");
    prefix_text = raw_text(*object, "source");
    until_text = raw_text(*object, "until");
    reason = raw_text(*object, "note");
  } else {
    until_text = take_word(rest);
    const auto begin = rest.find_first_not_of(kSpace);
    if (begin != std::string_view::npos) reason = rest.substr(begin);
    while (!reason.empty() && kSpace.find(reason.back()) != std::string_view::npos)
      reason.pop_back();
  }
  const auto prefix = IpPrefix::parse(prefix_text);
  if (!prefix) return fail(ExitStatus::kFailed, "'" + prefix_text + "' is no address or prefix");
  const auto until = parse_until(until_text, now_us);
  if (!until) return tl::unexpected(until.error());
  return BanLine{*prefix, *until, reason};
}

}  // namespace probewall::cli
