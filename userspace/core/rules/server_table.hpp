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

/// Bounded: kMaxServers servers (first known, first out) with kMaxModels models each.
class ServerTable {
 public:
  /// kYes: listed by the server itself, or an authenticated request for it succeeded. kNo: the
  /// server said so, or has shown its whole list without it. `model` normalised.
  Hosted hosted(const ServerAddress& server, std::string_view model, std::uint32_t hash) const;
  /// By the last that was seen of it: refused generation or a model list, or generation for
  /// nothing.
  bool refuses_outsiders(const ServerAddress& server) const;
  /// The same of its model list alone: several servers show that to everybody.
  bool refuses_list(const ServerAddress& server) const;

  void learn_list(const ServerAddress& server, std::string_view answer);
  void learn_model(const ServerAddress& server, std::uint32_t model_hash);
  void learn_missing(const ServerAddress& server, std::uint32_t model_hash);
  void learn_refusal(const ServerAddress& server, bool list);
  void learn_open(const ServerAddress& server);
  void learn_open_list(const ServerAddress& server);
  static std::uint32_t model_hash(std::string_view normalised_model);

  static constexpr std::size_t kMaxServers = 4096;
  static constexpr std::size_t kMaxModels = 256;

 private:
  struct Server {
    std::vector<std::uint32_t> models;
    std::vector<std::uint32_t> missing;
    bool listed = false;  ///< a complete list was seen
    bool refuses = false;
    bool refuses_list = false;
  };
  Server& at(const ServerAddress& server);

  boost::unordered_flat_map<ServerAddress, Server, std::hash<ServerAddress>> servers_;
  std::deque<ServerAddress> order_;
};

}  // namespace probewall::rules
