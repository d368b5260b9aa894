// SPDX-License-Identifier: Apache-2.0
// The last request lines of the sources seen last, for `why` and as a decision's evidence. Bounded.
#pragma once

#include <deque>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "probewall/ip.hpp"

namespace probewall {

class RequestMemory {
 public:
  static constexpr std::size_t kLines = 8;
  static constexpr std::size_t kLineBytes = 512;

  explicit RequestMemory(std::size_t max_sources) : max_sources_(max_sources) {}

  void remember(const IpPrefix& source, std::string line) {
    auto found = index_.find(source);
    if (found == index_.end()) {
      if (index_.size() >= max_sources_) {
        index_.erase(sources_.back().first);
        sources_.pop_back();
      }
      sources_.emplace_front(source, std::deque<std::string>{});
      found = index_.emplace(source, sources_.begin()).first;
    } else {
      sources_.splice(sources_.begin(), sources_, found->second);
    }
    auto& lines = found->second->second;
    if (line.size() > kLineBytes) line.resize(kLineBytes);
    lines.push_back(std::move(line));
    if (lines.size() > kLines) lines.pop_front();
  }

  /// Oldest first.
  std::vector<std::string> lines(const IpPrefix& source) const {
    const auto found = index_.find(source);
    if (found == index_.end()) return {};
    return {found->second->second.begin(), found->second->second.end()};
  }

 private:
  using Item = std::pair<IpPrefix, std::deque<std::string>>;

  std::size_t max_sources_;
  std::list<Item> sources_;  // most recent first
  std::unordered_map<IpPrefix, std::list<Item>::iterator> index_;
};

}  // namespace probewall
