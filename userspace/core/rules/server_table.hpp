// SPDX-License-Identifier: Apache-2.0
// What the servers behind us taught: which models they host, and whether they refuse outsiders.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/rules/compiled.hpp"
#include "probewall/ip.hpp"

namespace probewall::rules {

struct ServerKey {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const ServerKey&) const = default;
};
struct ServerKeyHash {
  std::size_t operator()(const ServerKey& k) const noexcept {
    return hash_bytes(k.address.bytes.data(), k.address.bytes.size(), k.port);
  }
};

/// Bounded: kMaxServers servers (first known, first out) with kMaxModels models each.
class ServerTable {
 public:
  /// kYes: listed by the server itself, or an authenticated request for it succeeded. kNo: the
  /// server said so, or has shown its whole list without it. `model` normalised.
  Hosted hosted(const ServerKey& server, std::string_view model, std::uint32_t hash) const;
  bool refuses_outsiders(const ServerKey& server) const;

  void learn_list(const ServerKey& server, std::string_view answer);
  void learn_model(const ServerKey& server, std::uint32_t model_hash);
  void learn_missing(const ServerKey& server, std::uint32_t model_hash);
  void learn_refusal(const ServerKey& server);
  static std::uint32_t model_hash(std::string_view normalised_model);

  static constexpr std::size_t kMaxServers = 4096;
  static constexpr std::size_t kMaxModels = 256;

 private:
  struct Server {
    std::vector<std::uint32_t> models;
    std::vector<std::uint32_t> missing;
    bool listed = false;   ///< a complete list was seen
    bool refuses = false;  ///< answered 401 or 403
  };
  Server& at(const ServerKey& server);

  boost::unordered_flat_map<ServerKey, Server, ServerKeyHash> servers_;
  std::deque<ServerKey> order_;
};

}  // namespace probewall::rules
