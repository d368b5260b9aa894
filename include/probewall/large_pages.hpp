// SPDX-License-Identifier: Apache-2.0
// Memory for tables that are looked into at random places: with pages of 4 KiB nearly every look
// would miss the processor's address translation as well as its cache.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace probewall {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

/// At least `bytes`, so that the kernel can put pages of 2 MiB under them; where it does not, a
/// block like any other. Free with std::free().
inline void* allocate_large(std::size_t bytes) {
  const std::size_t rounded = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  void* const block = std::aligned_alloc(kLargePage, rounded);
  if (block == nullptr) throw std::bad_alloc{};
  static_cast<void>(::madvise(block, rounded, MADV_HUGEPAGE));  // a wish: no harm when refused
  return block;
}

/// For containers: blocks from one large page on are large, smaller ones come from operator new.
template <typename T>
class LargePages {
 public:
  using value_type = T;

  LargePages() = default;
  template <typename U>
  LargePages(const LargePages<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert

  T* allocate(std::size_t n) {
    if (!is_large(n)) return std::allocator<T>{}.allocate(n);
    return static_cast<T*>(allocate_large(n * sizeof(T)));
  }
  void deallocate(T* block, std::size_t n) {
    if (!is_large(n)) return std::allocator<T>{}.deallocate(block, n);
    std::free(block);
  }
  bool operator==(const LargePages&) const = default;

 private:
  static bool is_large(std::size_t n) { return n * sizeof(T) >= kLargePage; }
};

/// Grows at the end, a large page at a time, without moving what is there; never shrinks.
template <typename T>
class PagedVector {
 public:
  PagedVector() = default;
  PagedVector(const PagedVector&) = delete;
  PagedVector& operator=(const PagedVector&) = delete;
  ~PagedVector() {
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(&(*this)[i]);
    for (T* chunk : chunks_) std::free(chunk);
  }

  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return chunks_[i / kChunk][i % kChunk]; }
  const T& operator[](std::size_t i) const { return chunks_[i / kChunk][i % kChunk]; }
  T& emplace_back() {
    if (size_ == chunks_.size() * kChunk) {
      chunks_.push_back(static_cast<T*>(allocate_large(kLargePage)));
    }
    T* const made = std::construct_at(&chunks_[size_ / kChunk][size_ % kChunk]);
    ++size_;
    return *made;
  }

 private:
  static constexpr std::size_t kChunk = kLargePage / sizeof(T);

  std::vector<T*> chunks_;
  std::size_t size_ = 0;
};

}  // namespace probewall
