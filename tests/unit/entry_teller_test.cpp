// SPDX-License-Identifier: Apache-2.0
// What the worker knows of the block entries, when notes to it are dropped.
#include "daemon/entry_teller.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "daemon/guard_mirror.hpp"

namespace probewall {
namespace {

using guard::Note;
using guard::NoteType;

constexpr std::int64_t kNowUs = 1'767'052'800'000'000;
constexpr std::int64_t kBootUs = 5'000'000;

IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }

Note note(NoteType type, const IpPrefix& p) {
  Note n;
  n.type = static_cast<std::uint32_t>(type);
  std::memcpy(n.address, p.address.bytes.data(), sizeof n.address);
  n.prefix_len = p.length;
  n.seconds = guard::kForGood;
  return n;
}

/// A guard's table, a worker's mirror of it, and a wire between them that can be cut.
class Retelling : public testing::Test {
 protected:
  Retelling()
      : teller_({[this] { return room_; }, [this] { return dropped_; },
                 [this](const Note& n) { send(n); }, [this] { tell_standing(); },
                 [this]() -> Result<std::vector<IpPrefix>> {
                   return std::vector<IpPrefix>{table_.begin(), table_.end()};
                 },
                 [this](const IpPrefix& p) -> std::optional<Note> {
                   if (!table_.contains(p)) return std::nullopt;
                   return note(NoteType::kBanned, p);
                 }}) {
    for (const char* p : {"198.51.100.1", "198.51.100.2", "198.51.100.3"}) ban(p);
    teller_.begin();
    teller_.feed(100);
  }

  void send(const Note& n) {
    if (cut_) {
      ++dropped_;
      return;
    }
    for (const auto& [p, ban] : mirror_.apply(n, kNowUs, kBootUs)) gone_.insert(p);
  }
  void tell_standing() {
    Note enforcing;
    enforcing.type = static_cast<std::uint32_t>(NoteType::kEnforcing);
    enforcing.count = enforcing_ ? 1 : 0;
    send(enforcing);
    for (const IpPrefix& p : allowed_) send(note(NoteType::kAllowed, p));
  }
  void enter(std::set<IpPrefix>& set, NoteType type, const char* text) {
    set.insert(prefix(text));
    send(note(type, prefix(text)));
  }
  void leave(std::set<IpPrefix>& set, NoteType type, const char* text) {
    set.erase(prefix(text));
    send(note(type, prefix(text)));
  }
  void allow(const char* text) { enter(allowed_, NoteType::kAllowed, text); }
  void disallow(const char* text) { leave(allowed_, NoteType::kDisallowed, text); }
  std::set<IpPrefix> known_allowed() const {
    std::set<IpPrefix> out;
    for (const auto& [p, entry] : mirror_.allow_list()) out.insert(p);
    return out;
  }
  void ban(const char* text) { enter(table_, NoteType::kBanned, text); }
  void unban(const char* text) { leave(table_, NoteType::kUnbanned, text); }
  std::set<IpPrefix> known() const {
    std::set<IpPrefix> out;
    for (const auto& [p, ban] : mirror_.page(std::nullopt, 100)) out.insert(p);
    return out;
  }

  std::set<IpPrefix> table_, gone_, allowed_;
  bool enforcing_ = true;
  GuardMirror mirror_{true};
  bool room_ = true, cut_ = false;
  std::uint64_t dropped_ = 0;
  EntryTeller teller_;
};

TEST_F(Retelling, AllowSetAndEnforcingAreRightAgainAfterNotesWereDropped) {
  allow("203.0.113.1");
  allow("203.0.113.2");
  cut_ = true;
  disallow("203.0.113.1");
  allow("203.0.113.3");
  enforcing_ = false;
  tell_standing();
  cut_ = false;
  EXPECT_NE(known_allowed(), allowed_);
  EXPECT_GT(teller_.check(), 0u);
  teller_.feed(100);
  EXPECT_EQ(known_allowed(), allowed_);
  EXPECT_FALSE(mirror_.enforcing());
  EXPECT_EQ(known(), table_);
}

TEST_F(Retelling, NewWorkerHearsOfEveryEntryAndMissesNone) {
  EXPECT_EQ(known(), table_);
  EXPECT_TRUE(gone_.empty());
  EXPECT_EQ(teller_.check(), 0u);
}

TEST_F(Retelling, EntryWhoseRemovalWasDroppedGoesWithTheRetelling) {
  cut_ = true;
  unban("198.51.100.2");
  ban("198.51.100.9");
  cut_ = false;
  EXPECT_TRUE(known().contains(prefix("198.51.100.2")));

  EXPECT_EQ(teller_.check(), 2u);
  teller_.feed(2);
  EXPECT_TRUE(gone_.empty()) << "only at the end is it known who is missing";
  teller_.feed(100);

  EXPECT_EQ(known(), table_);
  EXPECT_EQ(gone_, std::set{prefix("198.51.100.2")});
  EXPECT_EQ(teller_.check(), 0u);
}

TEST_F(Retelling, BanMadeMeanwhileStays) {
  cut_ = true;
  unban("198.51.100.2");
  cut_ = false;
  teller_.check();
  teller_.feed(1);
  ban("198.51.100.9");
  unban("198.51.100.3");
  teller_.feed(100);

  EXPECT_EQ(known(), table_);
}

TEST_F(Retelling, LossDuringTheRetellingMakesNobodyGoAndBeginsAnother) {
  cut_ = true;
  unban("198.51.100.2");
  cut_ = false;
  teller_.check();
  teller_.feed(1);
  cut_ = true;
  teller_.feed(100);
  cut_ = false;
  EXPECT_TRUE(gone_.empty());

  EXPECT_GT(teller_.check(), 0u);
  teller_.feed(100);

  EXPECT_EQ(known(), table_);
  EXPECT_EQ(gone_, std::set{prefix("198.51.100.2")});
}

TEST_F(Retelling, WaitsForRoom) {
  cut_ = true;
  unban("198.51.100.2");
  cut_ = false;
  teller_.check();
  room_ = false;
  teller_.feed(100);
  unban("198.51.100.1");
  EXPECT_EQ(known().size(), 2u);

  room_ = true;
  teller_.feed(100);

  EXPECT_EQ(known(), table_);
}

}  // namespace
}  // namespace probewall
