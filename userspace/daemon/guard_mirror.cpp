// SPDX-License-Identifier: Apache-2.0
#include "daemon/guard_mirror.hpp"

#include <algorithm>
#include <cstring>

namespace probewall {
namespace {

MirrorBan ban_of(const guard::Note& note, std::int64_t offset_us, std::uint32_t retelling) {
  MirrorBan ban;
  ban.told = retelling;
  ban.until_us = note.seconds == guard::kForGood ? INT64_MAX
                                                 : offset_us + std::int64_t{note.count} * 1'000'000;
  ban.handle = note.handle;
  ban.action = note.action;
  ban.origin = note.origin;
  ban.note.assign(note.text, strnlen(note.text, sizeof note.text));
  if (ban.note.empty() && ban.origin == PW_ORIGIN_FEED) ban.note = "seed";
  return ban;
}

/// Takes out, and returns, what was not told in the retelling that ends.
template <typename Entry>
std::vector<std::pair<IpPrefix, Entry>> take_untold(PrefixTable<Entry>& table,
                                                    std::uint32_t retelling) {
  std::vector<std::pair<IpPrefix, Entry>> gone;
  for (const auto& entry : table.entries()) {
    if (entry.second.told != retelling) gone.push_back(entry);
  }
  for (const auto& entry : gone) table.erase(entry.first);
  return gone;
}

}  // namespace

IpPrefix prefix_of(const guard::Note& note) {
  IpAddress address;
  std::copy(std::begin(note.address), std::end(note.address), address.bytes.begin());
  return IpPrefix::of(address, note.prefix_len);
}

std::vector<MirrorEntry> GuardMirror::apply(const guard::Note& note, std::int64_t now_us,
                                            std::int64_t boot_us) {
  const auto prefix = prefix_of(note);
  std::vector<MirrorEntry> gone;
  const std::lock_guard lock{mutex_};
  switch (static_cast<guard::NoteType>(note.type)) {
    case guard::NoteType::kGranted:
    case guard::NoteType::kBanned:
      bans_.put(prefix, ban_of(note, now_us - boot_us, retelling_));
      break;
    case guard::NoteType::kUnbanned:
      if (note.prefix_len == guard::kEveryPrefix) {
        gone.assign(bans_.entries().begin(), bans_.entries().end());
        bans_.clear();
      } else if (const auto* ban = bans_.find(prefix)) {
        gone.emplace_back(prefix, *ban);
        bans_.erase(prefix);
      }
      break;
    case guard::NoteType::kRetelling:
      whole_ = note.count == 0;
      if (!whole_) {
        ++retelling_;
        break;
      }
      gone = take_untold(bans_, retelling_);
      take_untold(allow_, retelling_);
      break;
    case guard::NoteType::kEnforcing:
      enforcing_ = note.count != 0;
      break;
    case guard::NoteType::kGauges:
      enforced_ = note.count;
      allow_count_ = note.handle;
      allow_capacity_ = note.seconds;
      break;
    case guard::NoteType::kTable:
      if (note.handle < tables_.size()) tables_[note.handle] = {note.count, note.seconds};
      break;
    case guard::NoteType::kAllowed:
      allow_.put(prefix, {{note.action, note.origin, {}}, retelling_});
      break;
    case guard::NoteType::kDisallowed:
      allow_.erase(prefix);
      break;
    case guard::NoteType::kInterface:
      interfaces_[note.handle] = {note.count != 0,
                                  note.action != 0,
                                  note.reason,
                                  {note.text, strnlen(note.text, sizeof note.text)}};
      break;
    default:
      break;
  }
  return gone;
}

std::size_t GuardMirror::size() const {
  const std::lock_guard lock{mutex_};
  return bans_.size();
}

bool GuardMirror::whole() const {
  const std::lock_guard lock{mutex_};
  return whole_;
}

BlockFills GuardMirror::tables() const {
  const std::lock_guard lock{mutex_};
  return tables_;
}

std::optional<MirrorEntry> GuardMirror::match(const IpAddress& address, std::int64_t now_us) const {
  const std::lock_guard lock{mutex_};
  const auto whole = IpPrefix::of(address, 128);
  const auto* entry =
      bans_.longest_around(whole, [now_us](const MirrorBan& b) { return b.until_us > now_us; });
  if (entry == nullptr) return std::nullopt;
  return MirrorEntry{entry->first, entry->second};
}

std::vector<MirrorEntry> GuardMirror::page(const std::optional<IpPrefix>& after,
                                           std::size_t limit) const {
  const std::lock_guard lock{mutex_};
  std::vector<MirrorEntry> out;
  auto it = after ? bans_.entries().upper_bound(*after) : bans_.entries().begin();
  for (; it != bans_.entries().end() && out.size() < limit; ++it)
    out.emplace_back(it->first, it->second);
  return out;
}

std::optional<std::pair<IpPrefix, pw_allow_entry>> GuardMirror::allowed(
    const IpPrefix& prefix) const {
  const std::lock_guard lock{mutex_};
  const auto* entry = allow_.overlapping(prefix);
  if (entry == nullptr) return std::nullopt;
  return std::pair{entry->first, entry->second.entry};
}

IpPrefix GuardMirror::ban_target(const IpPrefix& source, const IpAddress& client) const {
  const std::lock_guard lock{mutex_};
  if (allow_.overlapping(source) == nullptr) return source;
  const auto alone = source_of(client, 128);
  return allow_.overlapping(alone) == nullptr ? alone : source;
}

std::vector<std::pair<IpPrefix, pw_allow_entry>> GuardMirror::allow_list() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::pair<IpPrefix, pw_allow_entry>> out;
  for (const auto& [prefix, allow] : allow_.entries()) out.emplace_back(prefix, allow.entry);
  return out;
}

std::optional<MirrorInterface> GuardMirror::interface(std::size_t index) const {
  const std::lock_guard lock{mutex_};
  const auto found = interfaces_.find(index);
  if (found == interfaces_.end()) return std::nullopt;
  return found->second;
}

}  // namespace probewall
