// SPDX-License-Identifier: Apache-2.0
#include "daemon/hook_keeper.hpp"

#include <algorithm>
#include <utility>

#include "daemon/log.hpp"
#include "dataplane/hook_check.hpp"

namespace probewall {
namespace {

constexpr std::chrono::seconds kLongestPause{60};

std::uint64_t ns(std::chrono::seconds s) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{s}.count());
}

}  // namespace

HookKeeper::HookKeeper(Dataplane& dataplane, std::string pin_directory,
                       std::vector<AttachReport>& attached, OnChange on_change)
    : dataplane_(dataplane),
      pin_directory_(std::move(pin_directory)),
      attached_(attached),
      on_change_(std::move(on_change)) {}

void HookKeeper::check(std::uint64_t now_ns) {
  std::vector<std::string> interfaces;
  for (const auto& report : attached_) interfaces.push_back(report.interface);
  const auto states = look_at_hooks(interfaces, pin_directory_);
  if (!states) return log_line("hooks not checked: " + states.error().message);
  for (std::size_t i = 0; i < states->size(); ++i) {
    if ((*states)[i].whole()) {
      if (lost_.erase(i) > 0) on_change_(i, attached_[i], true);
    } else {
      repair(i, (*states)[i], now_ns);
    }
  }
}

void HookKeeper::repair(std::size_t index, const HookState& state, std::uint64_t now_ns) {
  auto& report = attached_[index];
  const auto [at, fresh] = lost_.try_emplace(index);
  Lost& lost = at->second;
  const auto say = [&](const std::string& words) {
    if (std::exchange(lost.said, words) == words) return;
    log_line(words);
    AttachReport gone = report;
    gone.why = words;
    on_change_(index, gone, false);
  };
  if (fresh) say(report.interface + ": not filtered any more: " + state.problem());
  if (now_ns < lost.retry_ns) return;
  auto again = dataplane_.attach(report.interface);
  if (!again) {
    lost.retry_ns = now_ns + ns(lost.pause);
    lost.pause = std::min(lost.pause * 2, kLongestPause);
    return say(report.interface + ": not filtered: " + again.error().message);
  }
  report = std::move(*again);
  lost_.erase(at);
  log_line(report.interface + ": attached again: " + describe(report));
  on_change_(index, report, true);
}

}  // namespace probewall
