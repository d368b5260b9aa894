// SPDX-License-Identifier: Apache-2.0
// What answers tell about the servers behind us: product, models, and whether strangers are served.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "core/server_address.hpp"
#include "core/servers/exposure.hpp"
#include "core/servers/prefix_ranges.hpp"

namespace probewall {

/// One server as the operator sees it.
struct ServerReport {
  ServerAddress server;
  Impl impl = Impl::kUnknown;
  std::vector<std::string> models;  ///< names as the server or its clients spell them
  bool models_cut = false;          ///< there are more than `models`
  Timestamp first_seen{}, last_seen{};
  std::uint64_t answers = 0;
  std::uint64_t refusals = 0;      ///< of requests without a key: see asks_for_key()
  std::uint64_t open_answers = 0;  ///< to outsiders without a key, information included
  Timestamp exposed_since{};
  std::optional<Exposure> exposed;  ///< newest evidence of the worst access; unset: not exposed
};

/// Bounded: see kMaxServers and kMaxModels. Not thread-safe.
class ServerRegistry {
 public:
  static constexpr std::size_t kMaxServers = 4096;
  static constexpr std::size_t kMaxModels = 64;

  /// Whose unauthenticated use is no exposure.
  void set_inside(const std::vector<IpPrefix>& inside) { inside_ = PrefixRanges{inside}; }

  /// Takes the answer to `request`. An exposure that began, got worse, or was last told of a day
  /// ago is returned, to be told.
  std::optional<Exposure> on_response(const Request& request, const Response& response);

  std::vector<ServerReport> list(Timestamp now) const;
  /// Those whose exposure is in force.
  std::vector<ServerAddress> exposed(Timestamp now) const;
  std::size_t size() const { return servers_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  /// Different keys that one source had let in, newest source only.
  struct KeyTrial {
    IpPrefix source;
    Timestamp since{};
    std::vector<std::string> keys;  ///< hashes, at most kKeysOfNobody
  };
  struct Server {
    ServerReport known;
    bool product_shown = false;  ///< by an answer, not only by a path that worked
    bool listed = false;         ///< a whole model list was seen
    bool refuses_generation = false;
    std::array<std::optional<Exposure>, static_cast<std::size_t>(Access::kCount)> evidence;
    Access told = Access::kNone;
    Timestamp told_at{};
    KeyTrial trial;
    std::optional<Timestamp> key_refused;  ///< when a key was refused last
    std::list<ServerAddress>::iterator place;
  };

  Server& at(const ServerAddress& server, Timestamp now);
  /// The product that this answer or earlier ones of the server named.
  Impl shown_by(const ServerAddress& address, const Response& response) const;
  void learn_product(Server& server, Impl asked, const Response& response, bool given);
  void learn_models(Server& server, const Request& request, const Response& response, bool data);
  void refused(Server& server, const Request& request, Access asked, Timestamp now);
  /// What the key of an answered request shows; unset: it may be the right one.
  static std::optional<KeyShown> shown(Server& server, const Request& request, Timestamp now);
  static const Exposure* worst(const Server& server, Timestamp now);
  std::optional<Exposure> note(Server& server, Exposure found);

  boost::unordered_flat_map<ServerAddress, std::unique_ptr<Server>, std::hash<ServerAddress>>
      servers_;
  std::list<ServerAddress> order_;  ///< heard of longest ago first
  PrefixRanges inside_;
  std::uint64_t evicted_ = 0;
};

}  // namespace probewall
