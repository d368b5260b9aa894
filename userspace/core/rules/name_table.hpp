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
    buckets_[bucket(names_.back())].push_back(index);
    return index;
  }
  std::uint32_t find(std::string_view name) const {
    for (const std::uint32_t index : buckets_[bucket(name)]) {
      if (equals_lower(name, names_[index])) return index;
    }
    return kNone;
  }
  std::size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  static std::size_t bucket(std::string_view name) {
    if (name.empty()) return 0;
    const auto first = static_cast<unsigned char>(ascii_lower(name.front()));
    const auto last = static_cast<unsigned char>(ascii_lower(name.back()));
    const auto middle = static_cast<unsigned char>(ascii_lower(name[name.size() / 2]));
    return (name.size() * 31 + first * 7 + last * 13 + middle * 17) % kBuckets;
  }

  static constexpr std::size_t kBuckets = 128;
  std::vector<std::string> names_;
  std::array<std::vector<std::uint32_t>, kBuckets> buckets_;
};

}  // namespace probewall::rules
