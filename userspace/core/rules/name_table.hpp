// SPDX-License-Identifier: Apache-2.0
// A few dozen names, each with a number, found without case and without allocation.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/text.hpp"
#include "core/rules/words.hpp"

namespace probewall::rules {

class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::uint32_t add(std::string_view name) {
    const std::uint32_t known = find(name);
    if (known != kNone) return known;
    const auto index = static_cast<std::uint32_t>(names_.size());
    names_.push_back(lower_case(name));
    if (names_.size() * 2 > slots_.size()) {
      slots_.assign(slots_.size() * 2, Slot{});
      for (std::uint32_t i = 0; i < index; ++i) put(i);
    }
    put(index);
    return index;
  }
  std::uint32_t find(std::string_view name) const {
    const std::uint32_t tag = tag_of(name);
    for (std::size_t at = place(tag); slots_[at].index != kNone; at = place(at + 1)) {
      const Slot& slot = slots_[at];
      if (slot.tag == tag && equals_lower(name, names_[slot.index])) return slot.index;
    }
    return kNone;
  }
  std::size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Slot {
    std::uint32_t tag = 0;  ///< most names that are not here differ from all in it
    std::uint32_t index = kNone;
  };

  /// Of the length and three characters, without case.
  static std::uint32_t tag_of(std::string_view name) {
    if (name.empty()) return 0;
    const auto low = [&](std::size_t i) {
      return std::uint32_t{static_cast<unsigned char>(name[i])} | 0x20u;
    };
    const std::uint32_t ends = low(0) << 16 | low(name.size() - 1) << 8 | low(name.size() / 2);
    const std::uint32_t mixed =
        (ends ^ static_cast<std::uint32_t>(name.size()) << 24) * 0x9E3779B1u;
    return mixed ^ mixed >> 15;
  }
  std::size_t place(std::size_t at) const { return at & (slots_.size() - 1); }
  void put(std::uint32_t index) {
    const std::uint32_t tag = tag_of(names_[index]);
    std::size_t at = place(tag);
    while (slots_[at].index != kNone) at = place(at + 1);
    slots_[at] = {tag, index};
  }

  std::vector<std::string> names_;
  std::vector<Slot> slots_ = std::vector<Slot>(64);  ///< a power of two, at most half full
};

}  // namespace probewall::rules
