// SPDX-License-Identifier: Apache-2.0
#include "daemon/admin_handler.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "daemon/log.hpp"

namespace probewall {
namespace {

constexpr std::uint64_t kLongestConfirm = 86'400;
// Wider would switch the filter off by the back door; `enforce off` says so openly.
constexpr unsigned kWidestAllowV4 = 8;
constexpr unsigned kWidestAllowV6 = 7;

void fill_entry(admin::Reply& reply, const BlockRecord& record, std::uint32_t boot_s) {
  std::memcpy(reply.address, record.prefix.address.bytes.data(), sizeof reply.address);
  reply.prefix_len = record.prefix.length;
  reply.handle = record.entry.handle;
  reply.seconds_left = seconds_left(record.entry, boot_s);
  reply.action = record.entry.action;
  reply.origin = record.entry.origin;
}

/// One reply per element, then `last`.
template <typename T, typename Fill>
AdminReplies list_replies(std::vector<T> elements, admin::Reply last, Fill fill) {
  auto list = std::make_shared<const std::vector<T>>(std::move(elements));
  return [list, last, fill, next = std::size_t{0}]() mutable {
    if (next == list->size()) return last;
    admin::Reply reply = last;
    reply.more = 1;
    reply.message[0] = '\0';
    fill(reply, (*list)[next++]);
    return reply;
  };
}

std::string duration_text(std::uint64_t seconds) {
  if (seconds == guard::kForGood) return "for good";
  return "for " + std::to_string(seconds) + " s";
}

}  // namespace

AdminReplies AdminHandler::handle(const admin::Request& request) {
  const auto op = static_cast<admin::Op>(request.op);
  const auto prefix = GuardPolicy::prefix_of(request.address, request.prefix_len);
  const bool about_prefix = op == admin::Op::kBanAdd || op == admin::Op::kBanDelete ||
                            op == admin::Op::kAllowAdd || op == admin::Op::kAllowDelete ||
                            op == admin::Op::kWhy;
  if (about_prefix && !prefix) {
    return single_reply(failed({"not an address or prefix", 0, ExitStatus::kUsage}));
  }
  switch (op) {
    case admin::Op::kStatus:
      return single_reply(status());
    case admin::Op::kBanAdd:
      return single_reply(ban_add(*prefix, request));
    case admin::Op::kBanDelete:
      return single_reply(ban_delete(*prefix));
    case admin::Op::kBanFlush:
      return single_reply(ban_flush());
    case admin::Op::kBanList:
      return ban_list();
    case admin::Op::kAllowAdd:
      return single_reply(allow_add(*prefix, request));
    case admin::Op::kAllowDelete:
      return single_reply(allow_delete(*prefix));
    case admin::Op::kAllowList:
      return allow_list();
    case admin::Op::kEnforceOn:
      return single_reply(enforce(true, request.seconds));
    case admin::Op::kEnforceOff:
      return single_reply(enforce(false, 0));
    case admin::Op::kConfirm:
      return single_reply(confirm());
    case admin::Op::kDetach:
      return single_reply(detach());
    case admin::Op::kWhy:
      return single_reply(why(*prefix));
    case admin::Op::kReload:
      return reload();
  }
  return single_reply(
      failed({"this daemon does not know that order; are both programs of one version?", 0,
              ExitStatus::kUsage}));
}

admin::Reply AdminHandler::done(std::string_view message, std::uint32_t count) const {
  admin::Reply reply;
  reply.count = count;
  reply.enforcing = guard_.enforcing_ ? 1 : 0;
  set_message(reply, message);
  return reply;
}

admin::Reply AdminHandler::failed(const Error& error) const {
  admin::Reply reply = done(error.message, 0);
  reply.exit_status = static_cast<std::uint32_t>(error.status);
  return reply;
}

void AdminHandler::tell_unbanned(const BlockRecord& record, std::uint32_t reason) {
  auto note =
      entry_note(guard::NoteType::kUnbanned, record.prefix, record.entry, guard_.now().boot_s);
  note.reason = reason;
  guard_.worker_->send(note);
}

admin::Reply AdminHandler::status() const {
  return done(std::string{guard_.enforcing_ ? "enforcing" : "observing only"} + ", worker pid " +
                  std::to_string(guard_.worker_->pid()) + ", " +
                  std::to_string(guard_.worker_->restarts()) + " restarts",
              static_cast<std::uint32_t>(guard_.ledger_->size()));
}

admin::Reply AdminHandler::ban_add(const IpPrefix& prefix, const admin::Request& request) {
  const auto existing = guard_.ledger_->get(prefix);
  if (!existing) return failed(existing.error());
  const auto at = guard_.now();
  auto seconds = request.seconds;
  if (request.until_s != 0)
    seconds = request.until_s > at.from_s() ? request.until_s - at.from_s() : 1;
  const auto grant =
      guard_.policy_.judge_operator(prefix, seconds, guard_.allow_->set(), *existing, at);
  if (!grant) return failed(grant.error());
  if (auto written = guard_.ledger_->put(prefix, grant->entry, at.boot_s); !written)
    return failed(written.error());
  auto note = entry_note(guard::NoteType::kBanned, prefix, grant->entry, at.from_s());
  std::memcpy(note.text, request.reason, sizeof note.text);
  guard_.worker_->send(note);
  guard_.end_connections(prefix, 0);
  std::string words =
      prefix.to_string() + " is blocked " + duration_text(seconds_left(grant->entry, at.from_s()));
  log_line("operator: " + words +
           (request.reason[0] != '\0' ? std::string{" ("} + request.reason + ")" : ""));
  std::optional<pw_block_entry> over;
  if (guard_.ledger_->under_feed(prefix)) over = guard_.tell_entry(prefix, at.boot_s);
  const bool feeds = over && over->origin == PW_ORIGIN_FEED;
  if (feeds) words += "; a feed blocks it longer";
  auto reply =
      done(guard_.enforcing_ ? words : words + ", but in observe mode nothing is dropped", 1);
  if (feeds) fill_entry(reply, {prefix, *over}, at.from_s());
  return reply;
}

admin::Reply AdminHandler::ban_delete(const IpPrefix& prefix) {
  const auto boot_s = guard_.now().boot_s;
  const auto gone = guard_.ledger_->remove(prefix, boot_s);
  if (!gone) return failed(gone.error());
  const bool was_there = gone->removed.has_value();
  std::string words = prefix.to_string() + (!was_there   ? " was not blocked"
                                            : gone->left ? " has no ban of its own any more"
                                                         : " is not blocked any more");
  if (was_there) {
    tell_unbanned({prefix, *gone->removed}, guard::kUnbanOperator);
    log_line("operator: " + words + (gone->left ? ", a feed's entry stays" : ""));
  }
  if (gone->left) guard_.tell_entry(prefix, boot_s);
  const auto around = guard_.ledger_->match(prefix.address, boot_s);
  const bool still = around && *around && (*around)->entry.action == PW_ACTION_DROP &&
                     (*around)->prefix.contains(prefix);
  if (still) words += "; " + (*around)->prefix.to_string() + " still is";
  auto reply = done(words, was_there ? 1 : 0);
  if (still) fill_entry(reply, **around, boot_s);
  return reply;
}

admin::Reply AdminHandler::ban_flush() {
  const auto flushed = guard_.ledger_->flush();
  if (!flushed) return failed(flushed.error());
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kUnbanned);
  note.prefix_len = guard::kEveryPrefix;
  note.reason = guard::kUnbanFlushed;
  guard_.worker_->send(note);
  log_line("operator: all " + std::to_string(*flushed) + " block entries removed");
  return done(std::to_string(*flushed) + " entries removed", static_cast<std::uint32_t>(*flushed));
}

AdminReplies AdminHandler::ban_list() const {
  const auto boot_s = guard_.now().boot_s;
  auto records = guard_.ledger_->snapshot(boot_s);
  if (!records) return single_reply(failed(records.error()));
  const auto count = static_cast<std::uint32_t>(records->size());
  return list_replies(std::move(*records), done("", count),
                      [boot_s](admin::Reply& reply, const BlockRecord& record) {
                        fill_entry(reply, record, boot_s);
                      });
}

admin::Reply AdminHandler::allow_add(const IpPrefix& prefix, const admin::Request& request) {
  if (prefix.length < (prefix.is_v4() ? kWidestAllowV4 : kWidestAllowV6)) {
    return failed({prefix.to_string() + " is too wide to allow; `enforce off` stops all blocking",
                   0, ExitStatus::kRefused});
  }
  const auto added = guard_.allow_->operator_add(prefix, request.reason);
  if (!added) return failed(added.error());
  const auto freed = guard_.ledger_->remove_inside(prefix);
  if (!freed) return failed(freed.error());
  for (const auto& record : *freed) tell_unbanned(record, guard::kUnbanOperator);
  const auto words =
      prefix.to_string() + (*added ? " is never blocked from now on" : " was on the list already") +
      (freed->empty() ? "" : "; " + std::to_string(freed->size()) + " blocks lifted");
  log_line("operator: " + words);
  return done(words, *added ? 1 : 0);
}

admin::Reply AdminHandler::allow_delete(const IpPrefix& prefix) {
  const auto removed = guard_.allow_->operator_remove(prefix);
  if (!removed) return failed(removed.error());
  std::string words = prefix.to_string() + (*removed ? " is off the list" : " was not on the list");
  if (const auto rest = guard_.allow_->set().overlapping(prefix)) {
    words += "; " + rest->prefix.to_string() + " stays (" +
             describe_allow_reason(rest->entry.reason) + ")";
  }
  log_line("operator: " + words);
  return done(words, *removed ? 1 : 0);
}

AdminReplies AdminHandler::allow_list() const {
  using Element = std::pair<IpPrefix, pw_allow_entry>;
  std::vector<Element> elements{guard_.allow_->set().entries().begin(),
                                guard_.allow_->set().entries().end()};
  const auto count = static_cast<std::uint32_t>(elements.size());
  return list_replies(
      std::move(elements), done("", count), [](admin::Reply& reply, const Element& element) {
        std::memcpy(reply.address, element.first.address.bytes.data(), sizeof reply.address);
        reply.prefix_len = element.first.length;
        reply.seconds_left = guard::kForGood;
        reply.action = element.second.scope;
        reply.origin = element.second.reason;
        set_message(reply, describe_allow_reason(element.second.reason));
      });
}

admin::Reply AdminHandler::enforce(bool on, std::uint64_t confirm_seconds) {
  if (confirm_seconds > kLongestConfirm) {
    return failed({"confirm within a day at most", 0, ExitStatus::kUsage});
  }
  if (auto set = guard_.set_enforcing(on, on ? confirm_seconds : 0); !set)
    return failed(set.error());
  std::string words = on ? "enforcing" : "observing only: nothing is dropped";
  if (on && confirm_seconds > 0) {
    words += "; back to observing in " + std::to_string(confirm_seconds) + " s unless confirmed";
  }
  log_line("operator: " + words);
  return done(words, 1);
}

admin::Reply AdminHandler::confirm() {
  const bool waited = guard_.revert_at_ns_.has_value();
  if (waited) {
    if (auto set = guard_.set_enforcing(true); !set) return failed(set.error());
  }
  return done(waited ? "confirmed: enforcing goes on" : "nothing waited for a confirmation",
              waited ? 1 : 0);
}

admin::Reply AdminHandler::detach() {
  const auto detached = detach_everything(guard_.config_.paths.pin_directory);
  if (!detached) return failed(detached.error());
  log_line("operator: detached everywhere, all entries gone; stopping");
  guard_.stop(std::chrono::milliseconds{600});
  return done("detached", *detached);
}

AdminReplies AdminHandler::reload() {
  auto known = std::make_shared<std::optional<AdminReplies>>();
  guard_.reload_->start([known, self = *this](const ReloadOutcome& outcome) {
    *known = self.reload_replies(outcome);
    self.guard_.admin_->resume();
  });
  return [known]() -> std::optional<admin::Reply> {
    if (!*known) return std::nullopt;
    return (**known)();
  };
}

AdminReplies AdminHandler::reload_replies(const ReloadOutcome& outcome) const {
  using Part = std::pair<admin::ReloadPart, std::string>;
  std::vector<Part> parts;
  for (const auto& key : outcome.changed) parts.emplace_back(admin::ReloadPart::kChanged, key);
  for (const auto& key : outcome.restart) parts.emplace_back(admin::ReloadPart::kRestart, key);
  const auto words = describe(outcome);
  constexpr std::size_t kPiece = sizeof admin::Reply::message - 8;
  for (std::size_t at = 0; outcome.error && at < words.size(); at += kPiece)
    parts.emplace_back(admin::ReloadPart::kError, words.substr(at, kPiece));
  auto last = outcome.error ? failed({words, 0, outcome.error->status})
                            : done(words, static_cast<std::uint32_t>(outcome.rules));
  return list_replies(std::move(parts), last, [](admin::Reply& reply, const Part& part) {
    reply.exit_status = 0;
    reply.action = static_cast<std::uint8_t>(part.first);
    set_message(reply, part.second);
  });
}

admin::Reply AdminHandler::why(const IpPrefix& prefix) const {
  const auto boot_s = guard_.now().boot_s;
  const auto record = guard_.ledger_->match(prefix.address, boot_s);
  if (!record) return failed(record.error());
  const auto allowed = guard_.allow_->set().overlapping(prefix);
  std::string words;
  if (allowed) words = "never blocked: " + describe_allow_reason(allowed->entry.reason);
  const bool blocked = *record && (*record)->entry.action == PW_ACTION_DROP && !allowed;
  admin::Reply reply = done(words, *record ? 1 : 0);
  if (*record) fill_entry(reply, **record, boot_s);
  reply.exit_status =
      static_cast<std::uint32_t>(blocked ? ExitStatus::kOk : ExitStatus::kNotBlocked);
  return reply;
}

}  // namespace probewall
