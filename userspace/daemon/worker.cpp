// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "daemon/clocks.hpp"
#include "daemon/log.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr int kNotesPerTurn = 1024;
constexpr std::uint32_t kStoreEverySeconds = 5;
constexpr std::int64_t kExpiryRounding = 2'000'000;  ///< of whole seconds on two clocks

std::optional<Suppressed> suppressed_by(guard::Refusal reason) {
  switch (reason) {
    case guard::Refusal::kAllowed:
      return Suppressed::kAllowed;
    case guard::Refusal::kTooWide:
    case guard::Refusal::kTooLong:
      return Suppressed::kTooWide;
    case guard::Refusal::kRate:
      return Suppressed::kRate;
    case guard::Refusal::kTableFull:
      return Suppressed::kTableFull;
    case guard::Refusal::kUnproven:
      return Suppressed::kUnproven;
    case guard::Refusal::kObserve:
      return Suppressed::kObserve;
    case guard::Refusal::kNone:
    case guard::Refusal::kFailed:
      return std::nullopt;
  }
  return std::nullopt;
}

const char* unban_word(std::uint32_t reason) {
  if (reason == guard::kUnbanExpired) return "expired";
  return reason == guard::kUnbanFlushed ? "flushed" : "operator";
}

UnbanReason unban_reason(std::uint32_t reason) {
  if (reason == guard::kUnbanExpired) return UnbanReason::kExpired;
  return reason == guard::kUnbanFlushed ? UnbanReason::kFlushed : UnbanReason::kOperator;
}

}  // namespace

bool Worker::send(const guard::Wish& wish) {
  // A packet of its own each time, so threads need no lock. Never waits: a guard that does not read
  // must not stop the reading of rings.
  return ::send(guard_.get(), &wish, sizeof wish, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof wish;
}

void Worker::on_guard() {
  for (int i = 0; i < kNotesPerTurn; ++i) {
    guard::Note note;
    std::vector<UniqueFd> fds;
    if (!receive(note, fds)) return;
    const auto type = static_cast<guard::NoteType>(note.type);
    if (type == guard::NoteType::kPrepare) {
      on_prepare(note.handle, std::move(fds));
    } else if (type == guard::NoteType::kReloaded) {
      on_reloaded(note, fds);
    } else {
      on_note(note);
    }
  }
}

/// False: nothing more now, or, with the loop stopped, for good.
bool Worker::receive(guard::Note& note, std::vector<UniqueFd>& fds) {
  iovec bytes{&note, sizeof note};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto n = ::recvmsg(guard_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  for (auto* c = CMSG_FIRSTHDR(&message); n >= 0 && c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + CMSG_LEN(sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  if (n == sizeof note) return true;
  loop_.stop();  // the guard is gone
  return false;
}

void Worker::on_note(const guard::Note& note) {
  const bool was_enforcing = mirror_.enforcing();
  const auto type = static_cast<guard::NoteType>(note.type);
  if (type == guard::NoteType::kUnbanned) return on_unbanned(note);
  if (type == guard::NoteType::kRetelling) return on_retelling(note);
  mirror_.apply(note, wall_us(), boottime_us());
  switch (type) {
    case guard::NoteType::kGranted:
      return desk_->on_granted(note);
    case guard::NoteType::kRefused: {
      count_refusal(static_cast<guard::Refusal>(note.reason));
      const auto source = desk_->on_refused(note);
      if (!source) return;
      for (const auto& thread : threads_) thread->refuse_ban(*source);
      return;
    }
    case guard::NoteType::kEnded:
      return desk_->on_ended(note);
    case guard::NoteType::kBanned:
      if (note.reason == guard::kRestored) return;
      if (note.origin == PW_ORIGIN_OPERATOR) desk_->on_operator_ban(note, mirror_.enforcing());
      recorder_->with_metrics([&note](Metrics& m) { m.ban(note.origin); });
      return;
    case guard::NoteType::kRefusals:
      // Refusals nobody asked for by a wish: an operator's, a feed's.
      if (note.handle >= refusals_.size()) return;
      while (refusals_[note.handle] < note.count)
        count_refusal(static_cast<guard::Refusal>(note.handle));
      return;
    case guard::NoteType::kInterface:
      if (note.handle < boot_.interfaces.size()) {
        recorder_->with_metrics([&](Metrics& m) {
          m.set_attached(boot_.interfaces[note.handle].interface, note.action != 0,
                         note.count != 0);
        });
      }
      return;
    case guard::NoteType::kEnforcing:
      if (!was_enforcing && mirror_.enforcing()) enforce_observed();
      return;
    case guard::NoteType::kStorage:
      return answers_->set_guard_storage(
          note.count != 0 ? std::string{note.text, strnlen(note.text, sizeof note.text)} : "");
    case guard::NoteType::kCommit:
      return on_commit(note.handle);
    default:
      return;
  }
}

void Worker::enforce_observed() {
  for (auto& decision : desk_->take_observed(timestamp_from_ns(monotonic_ns()))) {
    const auto source = decision.source;
    if (desk_->submit(std::move(decision), {}, true)) continue;
    for (const auto& thread : threads_) thread->refuse_ban(source);
  }
}

void Worker::count_refusal(guard::Refusal reason) {
  const auto index = static_cast<std::size_t>(reason);
  if (index >= refusals_.size()) return;
  ++refusals_[index];
  if (reason == guard::Refusal::kTableFull) answers_->add_table_full();
  recorder_->with_metrics([reason](Metrics& m) {
    m.guard_refused(to_string(reason));
    if (const auto suppressed = suppressed_by(reason)) m.suppressed(*suppressed);
  });
}

void Worker::on_unbanned(const guard::Note& note) {
  const auto gone = mirror_.apply(note, wall_us(), boottime_us());
  for (const auto& [prefix, ban] : gone) tell_unbanned(prefix, note.reason);
  if (note.reason == guard::kUnbanExpired || gone.empty()) return;
  store_unbanned(
      note.prefix_len == guard::kEveryPrefix ? std::nullopt : std::optional{prefix_of(note)},
      note.reason);
}

void Worker::on_retelling(const guard::Note& note) {
  const auto now_us = wall_us();
  for (const auto& [prefix, ban] : mirror_.apply(note, now_us, boottime_us())) {
    // Its note was dropped, and with it the reason.
    const auto reason =
        ban.until_us <= now_us + kExpiryRounding ? guard::kUnbanExpired : guard::kUnbanOperator;
    tell_unbanned(prefix, reason);
    if (reason != guard::kUnbanExpired) store_unbanned(prefix, reason);
  }
}

void Worker::tell_unbanned(const IpPrefix& prefix, std::uint32_t reason) {
  recorder_->unblock(prefix, unban_word(reason), unban_reason(reason));
  if (reason == guard::kUnbanExpired) return;
  for (const auto& thread : threads_) thread->forget_ban(prefix);
}

/// Nothing for `prefix`: of every source.
void Worker::store_unbanned(const std::optional<IpPrefix>& prefix, std::uint32_t reason) {
  const std::lock_guard lock{store_.mutex};
  if (!store_.store) return;
  const auto done = prefix ? store_.store->mark_unblocked(*prefix, wall_us(), unban_word(reason))
                           : store_.store->mark_all_unblocked(wall_us(), unban_word(reason));
  if (!done) recorder_->with_metrics([](Metrics& m) { m.storage_failed(); });
}

void Worker::on_signal() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      recorder_->reopen_file();
      continue;
    }
    return loop_.stop();
  }
}

void Worker::tick_fast() {
  desk_->expire(monotonic_ns());
  store_rows();
  recorder_->write_out();
}

void Worker::store_rows() {
  const auto rows = desk_->take_rows();
  if (rows.empty()) return;
  const std::lock_guard lock{store_.mutex};
  if (!store_.store) return recorder_->other_loss("stored_decisions", rows.size());
  for (const auto& row : rows) {
    const auto stored = store_.store->append(row);
    if (stored) continue;
    recorder_->with_metrics([](Metrics& m) { m.storage_failed(); });
    recorder_->other_loss("stored_decisions", 1);
    if (!std::exchange(storage_complained_, true)) log_line(stored.error().message);
  }
}

void Worker::tick_second() {
  guard::Wish heartbeat;
  heartbeat.type = static_cast<std::uint32_t>(guard::WishType::kHeartbeat);
  send(heartbeat);
  std::uint64_t lost = 0;
  AnswerWatch::Totals totals;
  for (const auto& report : boot_.interfaces) {
    const auto sum = counters_->sum(report.slot);
    lost +=
        std::accumulate(std::begin(sum.records_lost), std::end(sum.records_lost), std::uint64_t{0});
    totals.syns += sum.events[PW_EVENT_LLM_SYN];
    totals.syn_acks += sum.events[PW_EVENT_SYNACK_STORED];
    totals.unproven += sum.events[PW_EVENT_UNPROVEN];
  }
  answer_watch_.feed(totals);
  answers_->set_answers_missing(answer_watch_.missing());
  // Counters outlive us: what was lost before this worker came is no news.
  if (const auto before = std::exchange(kernel_lost_, lost);
      lost > before && before != UINT64_MAX) {
    recorder_->other_loss("ring_records", lost - before);
  }
  recorder_->tick_second();
  decoys_->expire_clients();
  if (++seconds_ % kStoreEverySeconds == 0) {
    if (!store_.store) open_store_again();
    answers_->set_event_problem(recorder_->look_after_file());
  }
  answers_->refresh_metrics();
}

void Worker::stop() {
  for (const auto& thread : threads_) thread->stop();
  store_rows();
  recorder_->tick_second();
  recorder_->write_out();
  tail_.close();
  server_->stop();
}

}  // namespace probewall
