// SPDX-License-Identifier: Apache-2.0
#include "daemon/guard.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "daemon/log.hpp"
#include "daemon/worker_paths.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr std::chrono::milliseconds kStopPatience{600};
constexpr std::size_t kSweepPerSecond = 20'000;
constexpr std::size_t kTellPerTick = 8'192;
constexpr std::uint32_t kSshEverySeconds = 2;
constexpr std::uint32_t kHooksEverySeconds = 2;
constexpr std::uint32_t kGaugesEverySeconds = 2;
constexpr std::uint32_t kStorageEverySeconds = 5;
constexpr double kEndFlowsPerSecond = 100;

guard::Note allow_note(const IpPrefix& prefix, const std::optional<pw_allow_entry>& entry) {
  guard::Note note;
  note.type =
      static_cast<std::uint32_t>(entry ? guard::NoteType::kAllowed : guard::NoteType::kDisallowed);
  std::memcpy(note.address, prefix.address.bytes.data(), sizeof note.address);
  note.prefix_len = prefix.length;
  if (entry) {
    note.action = entry->scope;
    note.origin = entry->reason;
  }
  return note;
}

}  // namespace

std::uint64_t seconds_left(const pw_block_entry& entry, std::uint32_t boot_s) {
  if (entry.expires_s == PW_NEVER_EXPIRES) return guard::kForGood;
  return entry.expires_s > boot_s ? entry.expires_s - boot_s : 0;
}

guard::Note entry_note(guard::NoteType type, const IpPrefix& prefix, const pw_block_entry& entry,
                       std::uint32_t boot_s) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(type);
  note.handle = entry.handle;
  std::memcpy(note.address, prefix.address.bytes.data(), sizeof note.address);
  note.prefix_len = prefix.length;
  note.seconds = seconds_left(entry, boot_s);
  note.count = entry.expires_s;
  note.origin = entry.origin;
  note.action = entry.action;
  return note;
}

GuardNow Guard::now() const {
  const auto boot_us = boottime_us();
  return {monotonic_ns(), static_cast<std::uint32_t>(boot_us / 1'000'000),
          boot_us % 1'000'000 != 0};
}

void Guard::on_signal() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      // For log rotation, the worker opens its event file again, but may not make one in root's
      // directory. For changed files: a reload.
      if (auto made = prepare_event_file(config_, identity_); !made) log_line(made.error().message);
      if (worker_->pid() > 0) kill(worker_->pid(), SIGHUP);
      reload_->start({});
      continue;
    }
    return stop(kStopPatience);
  }
}

void Guard::stop(std::chrono::milliseconds patience) {
  sd_notify(0, "STOPPING=1");
  // Nobody will be there to confirm.
  if (revert_at_ns_) {
    log_line("enforcing was not confirmed: observing only");
    if (auto done = dataplane_->set_enforcing(false); !done) log_line(done.error().message);
  }
  worker_->stop(patience);
  // The worker's user may not remove it from root's directory.
  unlink((config_.paths.runtime_directory + "/control.sock").c_str());
  loop_.stop();
}

void Guard::on_worker_ready() {
  if (!started_) {
    started_ = true;
    describe_start();
    sd_notify(0, "READY=1");
  }
  teller_->begin();
  teller_->feed(kTellPerTick);
  send_gauges();
}

void Guard::tell_standing() {
  send_enforcing();
  send_storage();
  for (const auto& [prefix, entry] : allow_->set().entries())
    worker_->send(allow_note(prefix, entry));
  for (std::size_t i = 0; i < attached_.size(); ++i)
    on_hook_change(i, attached_[i], hooks_->whole(i));
}

void Guard::check_storage() {
  if (!storage_problem_.empty()) {
    if (auto opened = open_storage(); !opened) storage_problem_ = opened.error().message;
  }
  allow_->save_again();
  send_storage();
  // The worker opens it, and says when it cannot, but may not make it in root's directory.
  std::error_code ignored;
  if (!std::filesystem::exists(config_.events.file, ignored)) [[maybe_unused]]
    const auto made = prepare_event_file(config_, identity_);
}

void Guard::send_storage() {
  const auto& problem = storage_problem_.empty() ? allow_->unsaved() : storage_problem_;
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kStorage);
  note.count = problem.empty() ? 0 : 1;
  problem.copy(note.text, sizeof note.text - 1);
  worker_->send(note);
  if (problem == storage_said_) return;
  log_line(problem.empty() ? "the guard's files are stored again"
                           : "the guard's files are not stored: " + problem +
                                 "; filtering goes on, and this is tried again");
  storage_said_ = problem;
}

void Guard::send_enforcing() {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kEnforcing);
  note.count = enforcing_ ? 1 : 0;
  worker_->send(note);
}

void Guard::make_teller() {
  const auto prefixes = [this] { return ledger_->prefixes(now().boot_s); };
  const auto note_of = [this](const IpPrefix& prefix) -> std::optional<guard::Note> {
    const auto boot_s = now().boot_s;
    const auto entry = ledger_->get(prefix);
    if (!entry || !*entry || !in_force(**entry, boot_s)) return std::nullopt;
    auto note = entry_note(guard::NoteType::kBanned, prefix, **entry, boot_s);
    note.reason = guard::kRestored;
    return note;
  };
  teller_.emplace(EntryTeller::Hooks{
      [this] { return worker_->ready() && worker_->process()->has_room(); },
      [this] { return worker_->ready() ? worker_->process()->notes_dropped() : std::uint64_t{0}; },
      [this](const guard::Note& note) { worker_->send(note); }, [this] { tell_standing(); },
      prefixes, note_of});
}

void Guard::on_wish(const guard::Wish& wish) {
  switch (static_cast<guard::WishType>(wish.type)) {
    case guard::WishType::kBan:
    case guard::WishType::kTag:
      return on_ban_wish(wish);
    case guard::WishType::kEndFlow:
      return on_end_flow_wish(wish);
    case guard::WishType::kPrepared:
      return reload_->on_prepared(wish);
    default:
      return refuse(wish, guard::Refusal::kFailed);
  }
}

void Guard::refuse(const guard::Wish& wish, guard::Refusal reason) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kRefused);
  note.handle = wish.handle;
  std::memcpy(note.address, wish.address, sizeof note.address);
  note.prefix_len = wish.prefix_len;
  note.reason = static_cast<std::uint32_t>(reason);
  worker_->send(note);
}

void Guard::on_ban_wish(const guard::Wish& wish) {
  std::optional<pw_block_entry> existing;
  if (const auto prefix = GuardPolicy::prefix_of(wish.address, wish.prefix_len)) {
    if (const auto entry = ledger_->own(*prefix)) existing = *entry;
  }
  const auto at = now();
  const auto grant = policy_.judge(wish, allow_->set(), existing, enforcing_, at);
  if (!grant) return refuse(wish, grant.error());
  if (grant->write) {
    if (auto written = ledger_->put(grant->prefix, grant->entry, at.boot_s); !written) {
      const bool full =
          written.error().errno_value == ENOSPC || written.error().errno_value == E2BIG;
      const auto reason = full ? guard::Refusal::kTableFull : guard::Refusal::kFailed;
      policy_.count_refusal(reason);
      if (full) say_full(written.error());
      return refuse(wish, reason);
    }
  }
  auto note = entry_note(guard::NoteType::kGranted, grant->prefix, grant->entry, at.from_s());
  note.handle = wish.handle;
  note.time_ns = monotonic_ns();
  worker_->send(note);
  if (ledger_->under_feed(grant->prefix)) tell_entry(grant->prefix, at.boot_s);
  if (grant->entry.action != PW_ACTION_DROP) return;
  // Nothing was written: the source was blocked before, and its connections ended then.
  if (!grant->write) return tell_ended(grant->prefix, wish.handle, guard::kNotEnded);
  end_connections(grant->prefix, wish.handle);
}

/// What applies to `prefix`, after a note that said something else.
std::optional<pw_block_entry> Guard::tell_entry(const IpPrefix& prefix, std::uint32_t boot_s) {
  const auto entry = ledger_->get(prefix);
  if (!entry || !*entry || !in_force(**entry, boot_s)) return std::nullopt;
  auto note = entry_note(guard::NoteType::kBanned, prefix, **entry, boot_s);
  note.reason = guard::kRestored;
  worker_->send(note);
  return *entry;
}

/// Once, until there is room again: a campaign asks at every request.
void Guard::say_full(const Error& error) {
  if (std::exchange(full_said_, true)) return;
  log_line(error.message + "; further bans are refused until there is room");
}

void Guard::tell_ended(const IpPrefix& prefix, std::uint32_t handle, std::uint32_t count) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kEnded);
  note.handle = handle;
  std::memcpy(note.address, prefix.address.bytes.data(), sizeof note.address);
  note.prefix_len = prefix.length;
  note.count = count;
  worker_->send(note);
}

void Guard::end_connections(const IpPrefix& prefix, std::uint32_t handle) {
  if (!enforcing_ || !config_.block.end_connections) {
    return tell_ended(prefix, handle, guard::kNotEnded);
  }
  // As configured now: a reload may have changed the ports.
  ender_->end_source(prefix, banned_ports(config_), [this, prefix, handle](std::uint32_t count) {
    tell_ended(prefix, handle, count);
  });
}

void Guard::on_end_flow_wish(const guard::Wish& wish) {
  const auto client = source_of(IpAddress::from_abi(wish.flow.client), 128);
  if (!enforcing_) return refuse(wish, guard::Refusal::kObserve);
  if (allow_->set().overlapping(client)) {
    policy_.count_refusal(guard::Refusal::kAllowed);
    return refuse(wish, guard::Refusal::kAllowed);
  }
  if (end_flow_tokens_ < 1) {
    policy_.count_refusal(guard::Refusal::kRate);
    return refuse(wish, guard::Refusal::kRate);
  }
  end_flow_tokens_ -= 1;
  ender_->end_flow(wish.flow);
}

void Guard::on_allow_change(const AllowSet::Change& change) {
  worker_->send(allow_note(change.prefix, change.entry));
}

Result<void> Guard::set_enforcing(bool on, std::uint64_t seconds) {
  const auto until_s =
      seconds > 0 ? now().boot_s + static_cast<std::uint32_t>(seconds) : std::uint32_t{0};
  if (auto done = dataplane_->set_enforcing(on, until_s); !done) return done;
  enforcing_ = on;
  revert_at_ns_.reset();
  if (seconds > 0) revert_at_ns_ = monotonic_ns() + seconds * 1'000'000'000;
  send_enforcing();
  return {};
}

void Guard::on_hook_change(std::size_t index, const AttachReport& report, bool attached) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kInterface);
  note.handle = static_cast<std::uint32_t>(index);
  note.count = attached ? 1 : 0;
  note.action = report.native ? 1 : 0;
  note.reason = static_cast<std::uint32_t>(report.kind);
  report.why.copy(note.text, sizeof note.text - 1);
  worker_->send(note);
}

void Guard::tick_fast() {
  worker_->tick();
  reload_->tick();
  teller_->feed(kTellPerTick);
  if (revert_at_ns_ && monotonic_ns() >= *revert_at_ns_) {
    revert_at_ns_.reset();  // first: a failure is said once, not every tick
    log_line("enforcing was not confirmed in time: observing only");
    if (auto done = set_enforcing(false); !done) log_line(done.error().message);
  }
}

void Guard::tick_second() {
  ++seconds_;
  end_flow_tokens_ = kEndFlowsPerSecond;
  const auto boot_s = now().boot_s;
  ledger_->sweep(boot_s, kSweepPerSecond, [this, boot_s](const BlockRecord& record) {
    auto note = entry_note(guard::NoteType::kUnbanned, record.prefix, record.entry, boot_s);
    note.reason = guard::kUnbanExpired;
    worker_->send(note);
    tell_entry(record.prefix, boot_s);
  });
  admin_->expire_clients();
  resend_after_loss();
  if (seconds_ % kSshEverySeconds == 0) allow_->refresh_ssh();
  if (seconds_ % kHooksEverySeconds == 0) hooks_->check(monotonic_ns());
  if (seconds_ % kGaugesEverySeconds == 0) send_gauges();
  if (seconds_ % kStorageEverySeconds == 0) check_storage();
  if (worker_->healthy()) sd_notify(0, "WATCHDOG=1");
}

void Guard::resend_after_loss() {
  if (const auto dropped = teller_->check(); dropped > 0) {
    log_line(std::to_string(dropped) + " notes to the worker were dropped; telling it anew");
  }
}

void Guard::send_tables() {
  const auto fills = ledger_->fills();
  for (std::size_t i = 0; i < fills.size(); ++i) {
    guard::Note table;
    table.type = static_cast<std::uint32_t>(guard::NoteType::kTable);
    table.handle = static_cast<std::uint32_t>(i);
    table.count = static_cast<std::uint32_t>(fills[i].entries);
    table.seconds = fills[i].limit;
    worker_->send(table);
  }
  if (std::none_of(fills.begin(), fills.end(), [](const auto& f) { return f.nearly_full(); }))
    full_said_ = false;
}

void Guard::send_gauges() {
  guard::Note gauges;
  gauges.type = static_cast<std::uint32_t>(guard::NoteType::kGauges);
  gauges.count = static_cast<std::uint32_t>(ledger_->size());
  gauges.handle = static_cast<std::uint32_t>(allow_->set().entries().size());
  gauges.seconds = dataplane_->allow_capacity();
  worker_->send(gauges);
  send_tables();
  for (std::size_t i = 1; i < GuardPolicy::kRefusalKinds; ++i) {
    const auto reason = static_cast<guard::Refusal>(i);
    if (policy_.refused(reason) == 0) continue;
    guard::Note refusals;
    refusals.type = static_cast<std::uint32_t>(guard::NoteType::kRefusals);
    refusals.handle = static_cast<std::uint32_t>(i);
    refusals.count = static_cast<std::uint32_t>(policy_.refused(reason));
    worker_->send(refusals);
  }
  if (!started_) return;
  sd_notifyf(0, "STATUS=%s, %zu block entries, %u worker restarts",
             enforcing_ ? "enforcing" : "observing only", static_cast<std::size_t>(ledger_->size()),
             worker_->restarts());
}

}  // namespace probewall
