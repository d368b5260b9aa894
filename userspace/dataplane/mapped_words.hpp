// SPDX-License-Identifier: Apache-2.0
// Words of mapped maps, which programs read while they are written: one writer, whole words, in
// order.
#pragma once

#include <atomic>
#include <cstdint>

#include "probewall/abi/common.h"

namespace probewall {

template <typename T>
T load_word(const T& word) {
  return std::atomic_ref(const_cast<T&>(word)).load(std::memory_order_acquire);
}
template <typename T>
void store_word(T& word, T value) {
  std::atomic_ref(word).store(value, std::memory_order_release);
}
/// Bit `bit` of an array of words.
inline void set_bit(__u64* words, std::uint64_t bit, bool on) {
  __u64& word = words[bit / 64];
  const __u64 mask = 1ull << (bit % 64);
  store_word<__u64>(word, on ? word | mask : word & ~mask);
}

}  // namespace probewall
