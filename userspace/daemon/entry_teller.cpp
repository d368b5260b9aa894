// SPDX-License-Identifier: Apache-2.0
#include "daemon/entry_teller.hpp"

namespace probewall {
namespace {

guard::Note retelling(bool begins) {
  guard::Note note;
  note.type = static_cast<std::uint32_t>(guard::NoteType::kRetelling);
  note.count = begins ? 1 : 0;
  return note;
}

}  // namespace

void EntryTeller::begin() {
  step_ = Step::kBegin;
  left_.clear();
  dropped_ = hooks_.dropped();
}

std::uint64_t EntryTeller::check() {
  const auto now = hooks_.dropped();
  const auto fresh = now > dropped_ ? now - dropped_ : 0;
  if (fresh > 0) begin();
  dropped_ = now;
  return fresh;
}

void EntryTeller::feed(std::size_t limit) {
  if (step_ == Step::kIdle || !hooks_.has_room()) return;
  if (step_ == Step::kBegin) {
    // In one go: what comes into force from now on is told by a note of its own, behind this one.
    hooks_.send(retelling(true));
    hooks_.standing();
    auto prefixes = hooks_.prefixes();
    if (!prefixes) return;
    left_ = std::move(*prefixes);
    step_ = Step::kEntries;
  }
  for (; limit > 0 && !left_.empty() && hooks_.has_room(); --limit) {
    // As it is now: it may have been removed or renewed since.
    const auto note = hooks_.note(left_.back());
    left_.pop_back();
    if (note) hooks_.send(*note);
  }
  if (!left_.empty() || !hooks_.has_room()) return;
  step_ = Step::kIdle;
  // After a loss the worker would take entries for gone: check() begins again.
  if (hooks_.dropped() == dropped_) hooks_.send(retelling(false));
}

}  // namespace probewall
