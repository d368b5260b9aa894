// SPDX-License-Identifier: Apache-2.0
// Which sources used a key, known by its hash, lately.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

namespace probewall::rules {

/// Bounded: kMaxKeys keys (a ring: the one made longest ago goes) with kSources sources each.
class KeyTable {
 public:
  static constexpr std::size_t kMaxKeys = 16384;
  static constexpr std::size_t kSources = 32;
  static constexpr std::size_t kServers = 16;

  void note(std::uint32_t key, std::uint32_t source, std::uint32_t now_ds);
  /// A server that refuses strangers has let `key` in; at most kServers of them are remembered.
  void accept(std::uint32_t key, std::uint32_t server);
  bool accepted(std::uint32_t key, std::uint32_t server) const;
  /// Sources that used `key` at or after `now_ds - within_ds`, at most kSources.
  std::uint32_t sources(std::uint32_t key, std::uint32_t within_ds, std::uint32_t now_ds) const;

 private:
  struct Use {
    std::uint32_t source = 0;
    std::uint32_t seen_ds = 0;
  };
  struct Key {
    std::uint32_t key = 0;
    std::vector<std::uint32_t> servers;  ///< that let it in
    std::vector<Use> uses;               ///< most keys have one source
  };
  std::vector<Key> ring_;
  std::size_t next_ = 0;
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> index_;
};

}  // namespace probewall::rules
