// SPDX-License-Identifier: Apache-2.0
// The answers of api.md as values. The daemon fills them, api_json writes them, and the CLI fills
// the same ones from the pinned state when the daemon is dead.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "probewall/ip.hpp"

namespace probewall {

/// Unix microseconds; kNoEnd: for good.
inline constexpr std::int64_t kNoEnd = INT64_MAX;

struct ApiInterface {
  std::string name;
  std::string xdp_mode;  ///< "native", "generic", "off"
  std::string kind;      ///< "libxdp dispatcher", "bpf_link", "netlink"
  std::string why;
  std::map<std::string, std::uint64_t> packets;  ///< by verdict
};

/// The last reload of configuration and rules.
struct ApiReload {
  bool successful = true;
  std::int64_t at_us = 0;
  std::string message;  ///< one line: what changed, or why nothing did
};

struct ApiStatus {
  bool running = true;  ///< false: told from the pinned state, the daemon is dead
  std::string version;
  int pid = 0;
  std::string mode;  ///< "enforce" or "observe", as configured
  bool enforcing = false;
  std::uint64_t uptime_s = 0;
  std::vector<ApiInterface> interfaces;
  std::string transport;
  std::uint64_t bans_active = 0, bans_enforced = 0;
  std::uint64_t requests = 0, detections = 0, records_lost = 0;
  std::optional<ApiReload> reload;  ///< unset: none since the worker's start
  std::vector<std::string> warnings;
};

/// A stored or running decision, as the `decision` event has it.
struct ApiDecision {
  std::string id;
  std::string action;
  std::int64_t made_us = 0;
  std::int64_t until_us = 0;
  double score = 0;
  std::vector<Reason> rules;
  std::vector<Aim> aims;
  std::uint64_t requests_seen = 0;
  std::uint32_t level = 1;
  bool proven = true;
  std::optional<double> reaction_us;
  std::optional<std::uint32_t> connections_ended;
};

/// A ban that was due and not made.
struct ApiRefusal {
  std::int64_t at_us = 0;
  double score = 0;
  std::string reason;  ///< as in bans_suppressed_total and guard_refused_total
  std::string why;     ///< in words
};

struct ApiWhy {
  IpAddress ip;
  bool blocked = false;  ///< packets are dropped now
  IpPrefix source;  ///< the entry's prefix when blocked, else the source the address belongs to
  std::int64_t until_us = 0;
  std::uint64_t seconds_left = 0;
  std::string action;  ///< of the entry: "block", "tag", "rate-limit"; empty: no entry
  std::string origin;  ///< "detector", "feed", "fleet", "operator"
  std::string note;    ///< feed name or the operator's reason
  std::uint32_t handle = 0;
  std::optional<ApiDecision> decision;
  double score = 0;
  double threshold = 100;      ///< for this source: block.threshold and its bonus
  double threshold_bonus = 0;  ///< earned by trusted use
  std::vector<Reason> reasons;
  std::vector<std::string> requests;  ///< last request lines, newest last
  std::optional<std::string> allow;   ///< why it is never blocked
  std::optional<ApiRefusal> refused;
  bool enforcing = true;
};

struct ApiBan {
  IpPrefix source;
  std::string action, origin, note, id;
  std::int64_t until_us = 0;
  std::uint64_t seconds_left = 0;  ///< UINT64_MAX: for good
  std::uint32_t handle = 0;
  std::vector<Reason> rules;
  double score = 0;
};

/// One page of bans in prefix order.
struct ApiBans {
  std::vector<ApiBan> bans;
  std::uint64_t total = 0;
  std::optional<IpPrefix> next;  ///< ask again with after=next; nullopt: that was all
  bool complete = true;          ///< false: the daemon does not know all of them yet
};

struct ApiAllow {
  IpPrefix prefix;
  std::string scope;  ///< "all" or "ssh"
  std::vector<std::string> reasons;
};

/// A server whose answers were seen.
struct ApiServerRow {
  IpAddress server;
  std::uint16_t port = 0;
  std::string impl;
  std::vector<std::string> models;
  bool models_cut = false;
  std::int64_t first_seen_us = 0, last_seen_us = 0;
  std::uint64_t answers = 0, refusals = 0, open_answers = 0;
  bool exposed = false;
  // Of the exposure:
  std::string access, evidence, fix;
  std::int64_t since_us = 0, at_us = 0;
  IpPrefix source;
  int status = 0;
};

struct ApiSourceRow {
  IpPrefix source;
  double score = 0;
  std::uint64_t requests = 0;
  std::int64_t first_seen_us = 0, last_seen_us = 0;
  std::vector<Reason> reasons;
  std::uint32_t bans = 0;
};

}  // namespace probewall
