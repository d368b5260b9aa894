// SPDX-License-Identifier: Apache-2.0
// What the servers behind us taught: which models they host, and whether they refuse outsiders.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rules/compiled.hpp"
#include "core/server_address.hpp"

namespace probewall::rules {

/// What a server that looks at keys keeps for those who have one.
enum class Asked : std::uint8_t { kOther, kGeneration, kModelList };

/// Bounded: kMaxServers servers (first known, first out) with kMaxModels models each.
class ServerTable {
 public:
  /// kYes: listed by the server itself, or an authenticated request for it succeeded. kNo: the
  /// server said so, or has shown its whole list without it. `model` normalised.
  Hosted hosted(const ServerAddress& server, std::string_view model, std::uint32_t hash) const;
  /// Whether those without a key were refused such an answer later than one of them got it. Each
  /// kind by itself: several servers show their model lists to everybody, or nothing but models.
  bool refuses(const ServerAddress& server, Asked what) const;

  void learn_list(const ServerAddress& server, std::string_view answer);
  void learn_model(const ServerAddress& server, std::uint32_t model_hash);
  void learn_missing(const ServerAddress& server, std::uint32_t model_hash);
  /// What became of a request without a key; one out of a manual is refused like none.
  void learn_refusal(const ServerAddress& server, Asked what) { at(server).refuses |= bit(what); }
  void learn_open(const ServerAddress& server, Asked what) {
    if (refuses(server, what)) at(server).refuses &= static_cast<std::uint8_t>(~bit(what));
  }
  static std::uint32_t model_hash(std::string_view normalised_model);

  static constexpr std::size_t kMaxServers = 4096;
  static constexpr std::size_t kMaxModels = 256;

 private:
  struct Server {
    std::vector<std::uint32_t> models;
    std::vector<std::uint32_t> missing;
    bool listed = false;       ///< a complete list was seen
    std::uint8_t refuses = 0;  ///< bits of Asked
  };
  static constexpr std::uint8_t bit(Asked what) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(what));
  }
  Server& at(const ServerAddress& server);

  boost::unordered_flat_map<ServerAddress, Server, std::hash<ServerAddress>> servers_;
  std::deque<ServerAddress> order_;
};

}  // namespace probewall::rules
