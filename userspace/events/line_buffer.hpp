// SPDX-License-Identifier: Apache-2.0
// One line of text under construction. Unlike std::string's, its appends are a copy and an
// addition: the caller says beforehand how much room a group of them needs.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace probewall {

class LineBuffer {
 public:
  LineBuffer() : bytes_(std::make_unique_for_overwrite<char[]>(kFirst)), capacity_(kFirst) {}

  void clear() { size_ = 0; }
  std::string_view view() const { return {bytes_.get(), size_}; }

  /// Where to write; at most `most` bytes. Follow with written().
  char* room(std::size_t most) {
    if (capacity_ - size_ < most) grow(most);
    return bytes_.get() + size_;
  }
  /// `end`: behind the last byte written at room().
  void written(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

  void append(std::string_view text) {
    char* const at = room(text.size());
    std::memcpy(at, text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    *room(1) = c;
    ++size_;
  }

 private:
  static constexpr std::size_t kFirst = 8192;

  void grow(std::size_t most) {
    const std::size_t wanted = 2 * (size_ + most);
    auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
    std::memcpy(bigger.get(), bytes_.get(), size_);
    bytes_ = std::move(bigger);
    capacity_ = wanted;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_;
};

}  // namespace probewall
