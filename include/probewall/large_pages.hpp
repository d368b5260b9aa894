// SPDX-License-Identifier: Apache-2.0
// Memory for tables that are looked into at random places: with pages of 4 KiB nearly every look
// would miss the processor's address translation as well as its cache.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace probewall {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

constexpr std::size_t in_large_pages(std::size_t bytes) {
  return (bytes + kLargePage - 1) / kLargePage * kLargePage;
}

/// At least `bytes`, zeroed, so that the kernel can put pages of 2 MiB under them; where it does
/// not, ordinary ones. Only what is touched takes memory.
inline void* allocate_large(std::size_t bytes) {
  const std::size_t wanted = in_large_pages(bytes);
  // One page more than wanted holds a boundary; what lies before and behind goes back.
  void* const got = ::mmap(nullptr, wanted + kLargePage, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED) throw std::bad_alloc{};
  auto* const start = static_cast<char*>(got);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(start) % kLargePage;
  if (before > 0) ::munmap(start, before);
  ::munmap(start + before + wanted, kLargePage - before);
  static_cast<void>(::madvise(start + before, wanted, MADV_HUGEPAGE));  // a wish
  return start + before;
}

inline void free_large(void* block, std::size_t bytes) { ::munmap(block, in_large_pages(bytes)); }

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
    free_large(block, n * sizeof(T));
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
    for (T* chunk : chunks_) free_large(chunk, kLargePage);
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return chunks_.size() * kLargePage; }
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
