// SPDX-License-Identifier: Apache-2.0
#include "daemon/guard_reload.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/guard.hpp"
#include "daemon/log.hpp"
#include "daemon/seed_feed.hpp"
#include "dataplane/kernel_clock.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall {
namespace {

/// Compiling takes well under a second; an emulated machine takes longer.
constexpr std::uint64_t kPrepareNs = 60'000'000'000;

bool same(const std::vector<RuleText>& a, const std::vector<RuleText>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const RuleText& x, const RuleText& y) { return x.name == y.name && x.text == y.text; });
}

guard::Note note_of(guard::NoteType type, std::uint32_t serial) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(type);
  note.handle = serial;
  return note;
}

}  // namespace

Result<std::unique_ptr<GuardReload>> GuardReload::make(Guard& guard, const Config& configured) {
  std::unique_ptr<GuardReload> made{new GuardReload{guard, configured}};
  auto reader = Background::start(guard.loop_, 1);
  if (!reader) return tl::unexpected(reader.error());
  made->reader_ = std::move(*reader);
  return made;
}

void GuardReload::start(OnDone on_done) {
  if (on_done) next_.push_back(std::move(on_done));
  if (step_ != Step::kIdle) {
    again_ = true;
    return;
  }
  read();
}

void GuardReload::read() {
  step_ = Step::kReading;
  again_ = false;
  running_ = std::exchange(next_, {});
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
             static_cast<unsigned long long>(monotonic_ns() / 1000));
  const bool posted = reader_->post([this, load = guard_.load_]() -> Background::Done {
    auto files = [&load]() -> Result<Files> {
      auto config = load();
      if (!config) return tl::unexpected(config.error());
      auto rules = read_rules(*config);
      if (!rules) return tl::unexpected(rules.error());
      return Files{std::move(*config), std::move(*rules)};
    }();
    return [this, files = std::move(files)]() mutable { on_read(std::move(files)); };
  });
  if (!posted) finish(Error{"another reload is still reading", 0, ExitStatus::kFailed});
}

void GuardReload::on_read(Result<Files> files) {
  if (!files) return finish(files.error());
  auto plan = plan_reload(configured_, files->config);
  if (!plan) return finish(plan.error());
  plan_ = std::move(*plan);
  plan_.next.rules.disabled_at = files->config.rules.disabled_at;
  plan_.next.rules.shadow_at = files->config.rules.shadow_at;
  // The directory itself may need no change while its files do.
  rules_ = std::move(files->rules);
  if (!same(rules_, guard_.rules_)) plan_.changed.emplace_back("rules");
  if (auto handed = hand_over(); !handed) finish(handed.error());
}

Result<void> GuardReload::hand_over() {
  if (!guard_.worker_->ready()) {
    return fail(0, "no worker runs at this moment; try again");
  }
  auto boot = guard_.boot();
  const auto interfaces = boot.config.interfaces;
  boot.config = plan_.next;
  boot.config.interfaces = interfaces;
  boot.rules = rules_;
  auto document = sealed_memfd(encode_boot(boot));
  if (!document) return tl::unexpected(document.error());
  auto answer = answer_memfd();
  if (!answer) return tl::unexpected(answer.error());
  UniqueFd theirs{fcntl(answer->get(), F_DUPFD_CLOEXEC, 0)};
  if (!theirs) return fail(errno, "duplicate a descriptor");
  answer_ = std::move(*answer);
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(*document));
  fds.push_back(std::move(theirs));
  guard_.worker_->send(note_of(guard::NoteType::kPrepare, ++serial_), std::move(fds));
  step_ = Step::kPreparing;
  deadline_ns_ = monotonic_ns() + kPrepareNs;
  return {};
}

void GuardReload::on_prepared(const guard::Wish& wish) {
  if (step_ != Step::kPreparing || wish.handle != serial_) return;
  if (wish.action != 0) {
    const auto why = read_answer(answer_.get());
    return finish(
        Error{why.empty() ? "the worker refused the rules" : why, 0, ExitStatus::kConfigInvalid});
  }
  if (auto applied = apply(plan_.next); !applied) {
    // Half of it may be in force. What was there before fitted, so it fits again.
    if (auto back = apply(configured_); !back) log_line("reload: " + back.error().message);
    return finish(applied.error());
  }
  configured_ = plan_.next;
  guard_.rules_ = std::move(rules_);
  rule_count_ = wish.seconds;
  guard_.worker_->send(note_of(guard::NoteType::kCommit, serial_));
  finish(std::nullopt);
}

Result<void> GuardReload::apply(const Config& next) {
  auto& g = guard_;
  // What must not be blocked first, what is blocked last, as at the start.
  if (auto done = g.allow_->reconfigure(next); !done) return done;
  const auto earlier = g.dataplane_->settings();
  if (!earlier) return tl::unexpected(earlier.error());
  auto settings = settings_from(next, *earlier);
  if (!settings) return tl::unexpected(settings.error());
  const bool switched = next.mode != g.config_.mode;
  const bool enforcing = switched ? next.mode == Mode::kEnforce : g.enforcing_;
  settings->enforcing = g.enforcing_ ? 1 : 0;
  settings->enforce_until_s = earlier->enforce_until_s;  // `enforce on --confirm` goes on waiting
  if (auto done = g.dataplane_->set_settings(*settings); !done) return done;
  if (auto done = g.dataplane_->set_ports(next); !done) return done;
  g.policy_.set_limits(limits_of(next));
  if (auto done = apply_feed(next); !done) return done;
  if (switched) {
    // `enforce on|off` holds until the file says something else than it said before.
    if (auto done = g.set_enforcing(enforcing); !done) return done;
  }
  auto interfaces = std::move(g.config_.interfaces);
  g.config_ = next;
  g.config_.interfaces = std::move(interfaces);
  return {};
}

Result<void> GuardReload::apply_feed(const Config& next) {
  const auto now = guard_.now();
  const auto had = seed_feed(guard_.config_.feeds.seed, guard_.config_.feeds.seed_action, {});
  const auto seed = seed_feed(next.feeds.seed, next.feeds.seed_action, guard_.allow_->set());
  if (auto done = guard_.ledger_->set_feed(seed.entries, now.boot_s); !done) return done;
  for (const auto& [prefix, entry] : had.entries) {
    if (seed.entries.contains(prefix)) continue;
    if (guard_.tell_entry(prefix, now.boot_s)) continue;  // somebody else's ban is left
    auto note = entry_note(guard::NoteType::kUnbanned, prefix, entry, now.boot_s);
    note.reason = guard::kUnbanOperator;
    guard_.worker_->send(note);
  }
  for (const auto& [prefix, entry] : seed.entries) guard_.tell_entry(prefix, now.boot_s);
  return {};
}

void GuardReload::on_worker_gone() {
  if (step_ == Step::kPreparing)
    finish(Error{"the worker ended while it took the new rules", 0, ExitStatus::kFailed});
}

void GuardReload::tick() {
  if (step_ == Step::kPreparing && monotonic_ns() > deadline_ns_)
    finish(Error{"the worker did not say within 60 s whether the rules are good", 0,
                 ExitStatus::kFailed});
}

void GuardReload::finish(std::optional<Error> error) {
  step_ = Step::kIdle;
  answer_ = UniqueFd{};
  rules_.clear();
  ReloadOutcome outcome{std::move(error), rule_count_, {}, {}};
  if (!outcome.error) {
    outcome.changed = std::move(plan_.changed);
    outcome.restart = std::move(plan_.restart);
  }
  plan_ = {};
  const auto words = describe(outcome);
  log_line(words);
  auto note = note_of(guard::NoteType::kReloaded, serial_);
  note.count = outcome.error ? 0 : 1;
  if (auto text = sealed_memfd(words)) {
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*text));
    guard_.worker_->send(note, std::move(fds));
  }
  sd_notify(0, "READY=1");
  for (const auto& done : std::exchange(running_, {})) done(outcome);
  if (again_) read();
}

std::string describe(const ReloadOutcome& outcome) {
  if (outcome.error) {
    return outcome.error->message +
           "; nothing was changed, the earlier configuration and rules stay in force";
  }
  auto words = fmt::format("reloaded, {} rules; ", outcome.rules);
  words += outcome.changed.empty() ? "nothing else was changed"
                                   : fmt::format("changed: {}", fmt::join(outcome.changed, ", "));
  if (!outcome.restart.empty())
    words += fmt::format("; needs a restart: {}", fmt::join(outcome.restart, ", "));
  return words;
}

}  // namespace probewall
