// SPDX-License-Identifier: Apache-2.0
#include "config/schema.hpp"

#include <algorithm>

#include "config/codecs.hpp"

namespace probewall::config {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::seconds kDay{86400};

template <typename Codec, typename Access>
Field field(const char* key, const char* comment, Codec codec, Access access) {
  return {key, comment,
          [codec, access](Config& c, const Value& v) { return codec.read(v, access(c)); },
          [codec, access](const Config& c) { return codec.write(access(c)); },
          [access](Config& to, const Config& from) { access(to) = access(from); }};
}

/// A setting that a reload applies.
template <typename Codec, typename Access>
Field live(const char* key, const char* comment, Codec codec, Access access) {
  Field made = field(key, comment, codec, access);
  made.live = true;
  return made;
}

bool is_interface_name(std::string_view s) {  // as dev_valid_name() in the kernel has it
  return !s.empty() && s.size() < 16 && s != "." && s != ".." &&
         s.find_first_of("/: \t\n\v\f\r") == std::string_view::npos;
}
bool is_absolute(std::string_view s) { return s.starts_with('/') && s.size() < 200; }
bool is_absolute_or_empty(std::string_view s) { return s.empty() || is_absolute(s); }
bool is_event_file(std::string_view s) { return s.empty() || s == "-" || is_absolute(s); }
bool is_user(std::string_view s) { return !s.empty() && s.size() < 33 && s != "root"; }
bool is_rule_id(std::string_view s) { return !s.empty() && s.size() <= 128; }

bool is_listen(std::string_view s) {
  if (s.empty()) return true;
  const auto colon = s.rfind(':');
  if (colon == std::string_view::npos) return false;
  auto host = s.substr(0, colon);
  const auto port_text = s.substr(colon + 1);
  unsigned port = 65536;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc{} || end != port_text.data() + port_text.size() || port > 65535)
    return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  return address && address->is_v4() != bracketed;
}

const IntCodec kPort{1, 65535};
const ListCodec<IntCodec> kPorts{kPort, 1024};
const ListCodec<PrefixCodec> kPrefixes{{}, 65536};
const TextCodec kPath{"a path from the root, such as /run/probewall", is_absolute};
const ListCodec<TextCodec> kRuleIds{{"a rule's id", is_rule_id}, 4096};

// A member's name cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PW_AT(member) \
  [](auto& c) -> auto& { return c.member; }
// NOLINTEND(bugprone-macro-parentheses)

std::vector<Field> top_fields() {
  return {
      live("mode",
           "\"enforce\": drop what is blocked; \"observe\": only count and tell what would be "
           "dropped",
           EnumCodec<Mode>{{{"enforce", Mode::kEnforce}, {"observe", Mode::kObserve}}},
           PW_AT(mode)),
      field("interfaces", "where to attach; empty: the interface of the default route",
            ListCodec<TextCodec>{{"an interface name such as eth0", is_interface_name}, 16},
            PW_AT(interfaces)),
      live("ports", "TCP ports of LLM servers", kPorts, PW_AT(ports)),
      field("decoy_ports", "ports the daemon itself answers (404); a request there is suspicious",
            ListCodec<IntCodec>{kPort, 64}, PW_AT(decoy_ports)),
      live("ssh_ports", "peers with a logged-in SSH session always reach these",
           ListCodec<IntCodec>{kPort, 16}, PW_AT(ssh_ports)),
      live("allow", "addresses and prefixes that are never blocked", kPrefixes, PW_AT(allow)),
      live("trusted_proxies", "reverse proxies in front of us; never blocked", kPrefixes,
           PW_AT(trusted_proxies)),
      live("inside",
           "clients from here may use servers without a key; others show that a server is exposed",
           kPrefixes, PW_AT(inside)),
      field("require_proof", "ban only sources whose address is proven by the handshake",
            BoolCodec{}, PW_AT(require_proof)),
      field("user", "the user the worker runs as; \"nobody\" is taken when it does not exist",
            TextCodec{"a user's name other than root", is_user}, PW_AT(user)),
  };
}

std::vector<Field> capture_fields() {
  return {
      live("tag.mark", "bits of skb->mark that tags may set", HexCodec{}, PW_AT(tag.mark)),
      live("tag.mask", "bits of skb->mark that Probewall owns; 0: no tags", HexCodec{},
           PW_AT(tag.mask)),
      field("xdp.mode", "\"auto\": the driver's mode on physical interfaces, generic on veth",
            EnumCodec<XdpMode>{{{"auto", XdpMode::kAuto},
                                {"native", XdpMode::kNative},
                                {"generic", XdpMode::kGeneric}}},
            PW_AT(xdp.mode)),
      field("capture.transport", "\"ring\" or \"perf\" buffer",
            EnumCodec<Transport>{{{"ring", Transport::kRing}, {"perf", Transport::kPerf}}},
            PW_AT(capture.transport)),
      field("capture.bytes_per_request", "head and start of the body kept of each request",
            IntCodec{512, 8192}, PW_AT(capture.bytes_per_request)),
      field("capture.memory", "all rings together", SizeCodec{1ull << 20, 8ull << 30},
            PW_AT(capture.memory)),
      field("capture.workers", "threads that judge requests", IntCodec{1, 16},
            PW_AT(capture.workers)),
      live("capture.source_bytes_per_second",
           "what one proven source may send to the judges; over it: rate-limited",
           SizeCodec{64ull << 10, 64ull << 30}, PW_AT(capture.source_bytes_per_second)),
      live("capture.unproven_per_second", "segments without proof looked at, per CPU",
           IntCodec{0, 10'000'000}, PW_AT(capture.unproven_per_second)),
  };
}

std::vector<Field> block_fields() {
  return {
      live("block.first", "length of a source's first ban", SecondsCodec{1s, 3650 * kDay},
           PW_AT(block.first)),
      live("block.factor", "each further ban is this many times longer", NumberCodec{1, 1000},
           PW_AT(block.factor)),
      live("block.max", "no ban is longer", SecondsCodec{1s, 3650 * kDay}, PW_AT(block.max)),
      live("block.threshold", "score from which a source is banned", NumberCodec{1, 1e6},
           PW_AT(block.threshold)),
      field("block.ipv6_prefix", "IPv6 sources are told apart and banned by this prefix",
            IntCodec{32, 128}, PW_AT(block.ipv6_prefix)),
      live("block.scope", "\"all\": a banned source reaches nothing here; \"llm\": no LLM port",
           EnumCodec<BlockScope>{{{"all", BlockScope::kAll}, {"llm", BlockScope::kLlm}}},
           PW_AT(block.scope)),
      live("block.end_connections", "a ban also ends the source's running connections", BoolCodec{},
           PW_AT(block.end_connections)),
      live("block.max_per_second", "automatic bans granted per second", IntCodec{1, 1'000'000},
           PW_AT(block.max_per_second)),
      live("block.min_prefix_v4", "no wider IPv4 prefix is ever blocked", IntCodec{1, 32},
           PW_AT(block.min_prefix_v4)),
      live("block.min_prefix_v6", "no wider IPv6 prefix is ever blocked", IntCodec{1, 128},
           PW_AT(block.min_prefix_v6)),
      field("block.max_addresses", "entries of each table of single addresses",
            IntCodec{1024, 1 << 26}, PW_AT(block.max_addresses)),
      field("block.max_prefixes", "entries of each table of prefixes", IntCodec{1024, 1 << 24},
            PW_AT(block.max_prefixes)),
      live("rate.requests", "new requests per second and source; 0: no limit",
           IntCodec{0, 10'000'000}, PW_AT(rate.requests)),
      live("rate.burst", "requests a source may send at once", IntCodec{0, 10'000'000},
           PW_AT(rate.burst)),
  };
}

std::vector<Field> other_fields() {
  return {
      field("limits.body_bytes", "larger request bodies count against their source",
            SizeCodec{1024, 2ull << 30}, PW_AT(limits.body_bytes)),
      field("limits.request_time", "a request must be complete after this long; \"0s\": no limit",
            SecondsCodec{0s, kDay}, PW_AT(limits.request_time)),
      live("limits.drop_fragments", "drop fragmented TCP", BoolCodec{},
           PW_AT(limits.drop_fragments)),
      field("memory.max_flows", "connections followed at once", IntCodec{64, 1 << 24},
            PW_AT(memory.max_flows)),
      field("memory.max_sources", "sources whose history is kept", IntCodec{64, 1 << 26},
            PW_AT(memory.max_sources)),
      live("feeds.seed", "use the built-in list of known campaign addresses", BoolCodec{},
           PW_AT(feeds.seed)),
      live("feeds.seed_action", "\"block\" or only \"tag\" its addresses",
           EnumCodec<FeedAction>{{{"block", FeedAction::kBlock}, {"tag", FeedAction::kTag}}},
           PW_AT(feeds.seed_action)),
      live("rules.directory", "rule files (*.yaml); empty: the built-in rules",
           TextCodec{"a path from the root, or empty", is_absolute_or_empty},
           PW_AT(rules.directory)),
      live("rules.disabled", "ids of rules that are not used", kRuleIds, PW_AT(rules.disabled)),
      live("rules.shadow", "ids of rules that are shown but add no points", kRuleIds,
           PW_AT(rules.shadow)),
      field("metrics.listen", "address of /metrics, API and page; empty: off",
            TextCodec{"an address with port such as 127.0.0.1:9753 or [::1]:9753, or empty",
                      is_listen},
            PW_AT(metrics.listen)),
      field("events.file", "event log (JSON Lines); \"-\": standard output, empty: off",
            TextCodec{"a path from the root, \"-\" or empty", is_event_file}, PW_AT(events.file)),
      live("events.prompt",
           "prompts in events: \"text\" (first 120 characters), \"hash\" or \"off\"",
           EnumCodec<PromptPrivacy>{{{"text", PromptPrivacy::kText},
                                     {"hash", PromptPrivacy::kHash},
                                     {"off", PromptPrivacy::kOff}}},
           PW_AT(events.prompt)),
      field("storage.directory", "decisions and ban history", kPath, PW_AT(storage.directory)),
      field("storage.max_decisions", "decisions kept for `probewall why`; the oldest go first",
            IntCodec{100, 100'000'000}, PW_AT(storage.max_decisions)),
      field("paths.pin_directory", "kernel tables and programs (a directory of a bpf file system)",
            kPath, PW_AT(paths.pin_directory)),
      field("paths.runtime_directory", "control.sock, admin.sock and lock",
            TextCodec{"a path from the root of at most 90 letters",
                      [](std::string_view s) {
                        return is_absolute(s) && s.size() <= 90;  // sun_path holds 108
                      }},
            PW_AT(paths.runtime_directory)),
  };
}

#undef PW_AT

}  // namespace

const std::vector<Field>& schema() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> all;
    for (auto part : {top_fields(), capture_fields(), block_fields(), other_fields()}) {
      std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    return all;
  }();
  return fields;
}

}  // namespace probewall::config
