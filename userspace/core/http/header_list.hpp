// SPDX-License-Identifier: Apache-2.0
// The headers of one request, in one text: filling it again allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace probewall {

/// A header that owns its text.
struct Header {
  std::string name;   ///< as sent
  std::string value;  ///< outer white space removed, folded lines joined by one space
};

/// The same as views into a HeaderList, good until that changes.
struct HeaderView {
  std::string_view name, value;
};

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(std::initializer_list<Header> headers) {
    for (const Header& h : headers) add(h.name, h.value);
  }

  void add(std::string_view name, std::string_view value) {
    places_.push_back({static_cast<std::uint32_t>(text_.size()),
                       static_cast<std::uint32_t>(name.size()),
                       static_cast<std::uint32_t>(value.size())});
    text_.append(name).append(value);
  }
  /// Keeps the memory.
  void clear() {
    text_.clear();
    places_.clear();
  }

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  HeaderView operator[](std::size_t i) const {
    const Place& place = places_[i];
    const char* const name = text_.data() + place.at;
    return {{name, place.name}, {name + place.name, place.value}};
  }

  class Iterator {
   public:
    Iterator(const HeaderList& list, std::size_t i) : list_(&list), i_(i) {}
    HeaderView operator*() const { return (*list_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const HeaderList* list_;
    std::size_t i_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  struct Place {
    std::uint32_t at, name, value;  ///< offset of the name in the text, sizes of both
  };
  std::string text_;
  std::vector<Place> places_;
};

}  // namespace probewall
