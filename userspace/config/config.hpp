// SPDX-License-Identifier: Apache-2.0
// The configuration of both programs: /etc/probewall/probewall.toml and conf.d/*.toml.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

enum class Mode : std::uint8_t { kEnforce, kObserve };
enum class XdpMode : std::uint8_t { kAuto, kNative, kGeneric };
enum class Transport : std::uint8_t { kRing, kPerf };
enum class BlockScope : std::uint8_t { kAll, kLlm };
enum class FeedAction : std::uint8_t { kBlock, kTag };
enum class PromptPrivacy : std::uint8_t { kText, kHash, kOff };

/// Loopback, link-local, private (RFC 1918, RFC 4193) and shared (RFC 6598) addresses.
std::vector<IpPrefix> private_prefixes();

/// Every field has the default the documentation names. Keys are the member names, tables the
/// nested structs: `block.first = "10m"` is block.first.
struct Config {
  Mode mode = Mode::kEnforce;
  std::vector<std::string> interfaces;  ///< empty: the interface of the default route
  std::vector<std::uint16_t> ports{1234, 1337, 2242, 3000,  3001,  4000,  4891,
                                   5000, 5001, 6277, 7860,  8000,  8001,  8080,
                                   8188, 8265, 9997, 11434, 18789, 21001, 30000};
  std::vector<std::uint16_t> decoy_ports;
  std::vector<std::uint16_t> ssh_ports{22};
  std::vector<IpPrefix> allow;
  std::vector<IpPrefix> trusted_proxies;
  /// Whose use of a server without a key is no exposure; besides `allow` and `trusted_proxies`.
  std::vector<IpPrefix> inside = private_prefixes();
  bool require_proof = true;
  std::string user = "probewall";  ///< the worker's user; "nobody" when it does not exist

  struct {
    std::uint32_t mark = 0x000f0000;
    std::uint32_t mask = 0x000f0000;
  } tag;
  struct {
    XdpMode mode = XdpMode::kAuto;
  } xdp;
  struct {
    Transport transport = Transport::kRing;
    std::uint32_t bytes_per_request = 4096;  ///< 512..8192
    std::uint64_t memory = 32ull << 20;      ///< all rings together
    std::uint32_t workers = 1;
    std::uint64_t source_bytes_per_second = 8ull
                                            << 20;  ///< per proven source; over it: rate-limited
    std::uint32_t unproven_per_second = 2000;       ///< per CPU
  } capture;
  struct {
    std::chrono::seconds first{600};
    double factor = 4;
    std::chrono::seconds max{30 * 86400};
    double threshold = 100;
    unsigned ipv6_prefix = 64;
    BlockScope scope = BlockScope::kAll;
    bool end_connections = true;
    std::uint32_t max_per_second = 1000;  ///< new automatic bans the guard grants per second
    unsigned min_prefix_v4 = 8;           ///< nothing wider is ever blocked ...
    unsigned min_prefix_v6 = 32;
    std::uint32_t max_addresses = 1u << 20;  ///< entries per single-address table
    std::uint32_t max_prefixes = 1u << 17;   ///< entries per prefix table
  } block;
  struct {
    std::uint32_t requests = 1000;
    std::uint32_t burst = 2000;
  } rate;  ///< per source and second; 0: off
  struct {
    std::uint64_t body_bytes = 64ull << 20;
    std::chrono::seconds request_time{60};
    bool drop_fragments = false;
  } limits;
  struct {
    std::uint32_t max_flows = 65536;
    std::uint32_t max_sources = 1u << 18;
  } memory;
  struct {
    bool seed = true;
    FeedAction seed_action = FeedAction::kBlock;
  } feeds;
  struct {
    std::string directory;
    std::vector<std::string> disabled;
    std::vector<std::string> shadow;
    std::string disabled_at,
        shadow_at;  ///< "file:line:column" of the lists, for errors; no settings
  } rules;          ///< directory empty: the built-in rules
  struct {
    std::string listen = "127.0.0.1:9753";
  } metrics;  ///< empty: off
  struct {
    std::string file = "/var/log/probewall/events.jsonl";  ///< "": off, "-": stdout
    PromptPrivacy prompt = PromptPrivacy::kText;
  } events;
  struct {
    std::string directory = "/var/lib/probewall";
    std::uint32_t max_decisions = 100000;  ///< kept for `why`; the oldest go first
  } storage;
  struct {
    std::string pin_directory = "/sys/fs/bpf/probewall";
    std::string runtime_directory = "/run/probewall";  ///< control.sock, admin.sock, lock
  } paths;
};

/// Overrides given as flags; empty or unset: not given.
struct ConfigOverrides {
  std::vector<std::string> interfaces;
  std::string pin_directory, runtime_directory, storage_directory, events_file, metrics_listen;
  std::string mode, xdp_mode, transport;
};

/// Reads `file` and then conf.d/*.toml beside it, in name order; later files win. A missing `file`
/// is an error only when `must_exist`. Errors say file, line, column, the key and the nearest known
/// key, and have ExitStatus::kConfigInvalid.
Result<Config> load_config(const std::filesystem::path& file, bool must_exist,
                           const ConfigOverrides& overrides = {});
/// Reads one TOML text; `name` stands for the file in errors.
Result<Config> parse_config(std::string_view text, std::string_view name);
/// The whole configuration in force, as commented TOML that load_config reads back to the same.
std::string to_toml(const Config& config);

/// The interface of the IPv4 default route with the lowest metric, else of the IPv6 one, read from
/// /proc/net/route and /proc/net/ipv6_route of this network namespace. For an empty `interfaces`.
Result<std::string> default_route_interface();

inline constexpr const char* kDefaultConfigPath = "/etc/probewall/probewall.toml";

}  // namespace probewall
