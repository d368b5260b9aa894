// SPDX-License-Identifier: Apache-2.0
// A vector for a million owners that mostly hold a handful of 8-byte entries: 12 bytes while empty,
// and no more room than the allocator would round up to anyway.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

namespace probewall::rules {

template <typename T>
class SmallArray {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) == 8);

 public:
  SmallArray() = default;
  SmallArray(SmallArray&& other) noexcept { swap(other); }
  SmallArray& operator=(SmallArray&& other) noexcept {
    swap(other);
    return *this;
  }
  ~SmallArray() { std::free(data_); }

  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// False: full (kMax entries), and nothing was added.
  bool push_back(const T& value) {
    if (size_ == room_ && !grow()) return false;
    data_[size_++] = value;
    return true;
  }
  void shrink(T* new_end) { size_ = static_cast<std::uint16_t>(new_end - data_); }
  void clear() {
    std::free(data_);
    data_ = nullptr;
    size_ = room_ = 0;
  }
  /// Heap memory in use, with the allocator's own word.
  std::size_t heap_bytes() const { return room_ == 0 ? 0 : room_ * sizeof(T) + 8; }

 private:
  static constexpr std::uint16_t kMax = 4095;

  bool grow() {
    // Sizes one below a multiple of 16 bytes, as glibc keeps 8 bytes for itself.
    const unsigned wanted = room_ == 0 ? 7 : room_ + room_ / 2u + 1;
    const unsigned room = wanted | 1;
    if (size_ == kMax) return false;
    room_ = static_cast<std::uint16_t>(room < kMax ? room : kMax);
    data_ = static_cast<T*>(std::realloc(data_, room_ * sizeof(T)));
    if (data_ == nullptr) throw std::bad_alloc{};
    return true;
  }
  void swap(SmallArray& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }

  T* data_ = nullptr;
  std::uint16_t size_ = 0;
  std::uint16_t room_ = 0;
};

}  // namespace probewall::rules
