// SPDX-License-Identifier: Apache-2.0
#include "dataplane/block_hints.hpp"

#include <cstring>
#include <vector>

#include "dataplane/mapped_words.hpp"

namespace probewall {
namespace {

constexpr std::uint32_t kPlaces = 64;  // /24s in a word

std::uint32_t net6_bit(const IpAddress& a) {
  std::uint64_t hi = 0;
  std::memcpy(&hi, a.bytes.data(), 4);  // as the kernel loads them, the rest cleared
  return static_cast<std::uint32_t>(PW_NET6_BIT(hi));
}

template <typename Map>
bool count_up(Map& counts, std::uint32_t key) {
  return ++counts[key] == 1;
}
template <typename Map>
bool count_down(Map& counts, std::uint32_t key) {
  const auto it = counts.find(key);
  if (it == counts.end() || --it->second > 0) return false;
  counts.erase(it);
  return true;
}

/// Number of /24s in a prefix of `length` (0..24).
std::uint32_t width_of(unsigned length) { return 1u << (24 - length); }

/// The places of word `word` that lie in [first, first + count), numbers of /24s.
__u64 places_in(std::uint32_t word, std::uint32_t first, std::uint32_t count) {
  const std::uint64_t start = std::uint64_t{word} * kPlaces;
  __u64 places = ~0ull;
  if (first > start) places &= ~0ull << (first - start);
  const std::uint64_t end = std::uint64_t{first} + count;
  if (end < start + kPlaces) places &= (1ull << (end - start)) - 1;
  return places;
}

}  // namespace

void BlockHints::count_length(const IpPrefix& prefix, bool add) {
  auto& count = prefix.is_v4() ? v4_lengths_[prefix.length] : v6_lengths_[prefix.length];
  count += add ? 1 : -1;
  auto& word = (prefix.is_v4() ? memory_.v4->head : memory_.v6->head).lengths[prefix.length / 64];
  const __u64 bit = 1ull << (prefix.length % 64);
  store_word<__u64>(word, count > 0 ? word | bit : word & ~bit);
}

void BlockHints::count_deep(const IpPrefix& prefix, bool add) {
  std::array<std::uint64_t, 2> half{};  // as the kernel loads them
  std::memcpy(half.data(), prefix.address.bytes.data(), sizeof half);
  const auto bit = PW_DEEP_BIT(half[0], half[1], std::uint64_t{prefix.length});
  auto& count = deep_[prefix.is_v4() ? 0 : 1][bit];
  if (count == UINT8_MAX) return;
  count = static_cast<std::uint8_t>(count + (add ? 1 : -1));
  auto* const words = prefix.is_v4() ? memory_.v4->deep : memory_.v6->deep;
  if (count == (add ? 1 : 0)) set_bit(words, bit, add);
}

void BlockHints::count_v6(const IpPrefix& prefix, bool add) {
  if (prefix.length < 32) return count_v6_top(prefix, add);
  const std::uint32_t bit = net6_bit(prefix.address);
  if (add ? count_up(v6_net_, bit) : count_down(v6_net_, bit)) set_v6(bit, add);
}

/// One bit per /16: prefixes shorter than that take several.
void BlockHints::count_v6_top(const IpPrefix& prefix, bool add) {
  const std::uint32_t first = prefix.address.bytes[0] * 256u + prefix.address.bytes[1];
  const std::uint32_t count = prefix.length >= 16 ? 1 : 1u << (16 - prefix.length);
  for (std::uint32_t bit = first; bit < first + count; ++bit) {
    if (add ? count_up(v6_top_, bit) : count_down(v6_top_, bit)) set_bit(memory_.v6->top, bit, add);
  }
}

/// Whether there are IPv6 prefixes shorter than /32, which have no bits in it.
void BlockHints::tell_gate() {
  if (memory_.gate == nullptr) return;
  store_word<__u64>(memory_.gate->short6, memory_.v6->head.lengths[0] << 32);
}

void BlockHints::move_to(const HintMemory& memory) {
  memory_ = memory;
  tell_gate();
}

void BlockHints::add(const IpPrefix& prefix) {
  count_length(prefix, true);
  count_deep(prefix, true);
  if (prefix.is_v4()) {
    add_v4(prefix);
  } else {
    count_v6(prefix, true);
  }
  tell_gate();
}

void BlockHints::drop(const IpPrefix& prefix) {
  if (prefix.is_v4()) {
    drop_v4(prefix);
  } else {
    count_v6(prefix, false);
  }
  count_deep(prefix, false);
  count_length(prefix, false);
  tell_gate();
}

bool BlockHints::covered_v4(std::uint32_t net24, unsigned length) const {
  for (unsigned l = 0; l <= length; ++l) {
    if (!v4_wide_[l].empty() && v4_wide_[l].contains(net24 & ~(width_of(l) - 1))) return true;
  }
  return false;
}

void BlockHints::set_v4(std::uint32_t net24, bool on) { set_bit(memory_.net4, net24, on); }

void BlockHints::set_v6(std::uint32_t bit, bool on) {
  set_bit(memory_.v6->net, bit, on);
  if (memory_.gate6 != nullptr) memory_.gate6->net_changed(bit);
}

void BlockHints::add_v4(const IpPrefix& prefix) {
  const std::uint32_t net24 = prefix.address.v4_host_order() >> 8;
  if (prefix.length > 24) {
    if (count_up(v4_long_, net24)) set_v4(net24, true);
    return;
  }
  v4_wide_[prefix.length].insert(net24);
  const std::uint32_t count = width_of(prefix.length);
  for (std::uint32_t w = net24 / kPlaces; w <= (net24 + count - 1) / kPlaces; ++w) {
    auto& word = memory_.net4[w];
    store_word<__u64>(word, word | places_in(w, net24, count));
  }
}

void BlockHints::drop_v4(const IpPrefix& prefix) {
  const std::uint32_t net24 = prefix.address.v4_host_order() >> 8;
  if (prefix.length > 24) {
    if (count_down(v4_long_, net24) && !covered_v4(net24, 24)) set_v4(net24, false);
  } else {
    v4_wide_[prefix.length].erase(net24);
    drop_v4_wide(net24, prefix.length);
  }
}

/// Works the words out aside: a bit that another prefix needs is never unset in between.
void BlockHints::drop_v4_wide(std::uint32_t net24, unsigned length) {
  if (covered_v4(net24, length)) return;
  const std::uint32_t count = width_of(length);
  const std::uint32_t first = net24 / kPlaces, last = (net24 + count - 1) / kPlaces;
  auto* const net = memory_.net4;
  std::vector<__u64> words(net + first, net + last + 1);
  for (std::uint32_t w = first; w <= last; ++w) words[w - first] &= ~places_in(w, net24, count);
  for (unsigned l = length + 1; l <= 24; ++l) {
    for (auto it = v4_wide_[l].lower_bound(net24); it != v4_wide_[l].end() && *it < net24 + count;
         ++it) {
      for (std::uint32_t w = *it / kPlaces; w <= (*it + width_of(l) - 1) / kPlaces; ++w) {
        words[w - first] |= places_in(w, *it, width_of(l));
      }
    }
  }
  for (auto it = v4_long_.lower_bound(net24); it != v4_long_.end() && it->first < net24 + count;
       ++it) {
    words[it->first / kPlaces - first] |= 1ull << (it->first % kPlaces);
  }
  for (std::uint32_t w = first; w <= last; ++w) {
    if (net[w] != words[w - first]) store_word<__u64>(net[w], words[w - first]);
  }
}

}  // namespace probewall
