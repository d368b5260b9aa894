// SPDX-License-Identifier: Apache-2.0
// What was made of texts that come again, byte for byte. Scanners send one request to every address
// and port, health checks the same one for ever, and servers refuse in the same words: such a text
// is read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probewall/ip.hpp"

namespace probewall {

/// Bounded: kPlaces texts of 1 to kMaxBytes. A text gets a place when it comes a second time, so
/// that a stream of different ones costs a hash each and pushes little out.
template <typename Value>
class TextMemo {
 public:
  static constexpr std::size_t kMaxBytes = 1024;

  /// What is kept of this text; nullptr: nothing. Valid until place().
  const Value* find(std::string_view text) {
    hash_ = 0;
    if (text.empty() || text.size() > kMaxBytes) return nullptr;
    hash_ = hash_bytes(text.data(), text.size()) | 1;
    if (places_.empty()) return nullptr;
    const Place& place = places_[place_of(hash_)];
    return place.used && place.text == text ? &place.value : nullptr;
  }

  /// After find() of the same text gave nullptr: where to keep what is made of it, nullptr when it
  /// is not to be kept. The place may hold another text's value.
  Value* place(std::string_view text) {
    if (hash_ == 0) return nullptr;
    if (seen_.empty()) seen_.resize(kSeen);
    std::uint32_t& seen = seen_[(hash_ >> 32) % kSeen];
    const auto tag = static_cast<std::uint32_t>(hash_);
    if (seen != tag) {
      seen = tag;
      return nullptr;
    }
    if (places_.empty()) places_.resize(kPlaces);
    Place& place = places_[place_of(hash_)];
    place.text = text;
    place.used = true;
    return &place.value;
  }

 private:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::size_t kSeen = 2048;
  struct Place {
    std::string text;
    Value value{};
    bool used = false;
  };
  static std::size_t place_of(std::uint64_t hash) { return (hash >> 32) % kPlaces; }

  std::vector<Place> places_;
  std::vector<std::uint32_t> seen_;  ///< by hash: other bits of the hash of the text seen last
  std::uint64_t hash_ = 0;           ///< of the last find(); 0: nothing that is kept
};

}  // namespace probewall
