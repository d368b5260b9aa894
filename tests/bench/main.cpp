// SPDX-License-Identifier: Apache-2.0
// probewall-bench: what scripts/bench measures with. Output is JSON, one object per line.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "bench/capture_table.hpp"
#include "bench/feed_swap.hpp"
#include "bench/filter.hpp"
#include "bench/generator.hpp"
#include "bench/hold.hpp"
#include "bench/kernel_table.hpp"
#include "bench/lists.hpp"
#include "bench/test_run.hpp"

namespace probewall::bench {
namespace {

/// "--key value" pairs.
class Options {
 public:
  Options(int argc, char** argv) {
    for (int i = 0; i + 1 < argc; i += 2)
      values_[std::string_view{argv[i]}.substr(2)] = argv[i + 1];
  }
  std::string text(std::string_view key, const char* fallback) const {
    const auto found = values_.find(key);
    return found == values_.end() ? fallback : found->second;
  }
  std::uint32_t number(std::string_view key, std::uint32_t fallback) const {
    const auto found = values_.find(key);
    return found == values_.end()
               ? fallback
               : static_cast<std::uint32_t>(std::strtoul(found->second, nullptr, 10));
  }

 private:
  std::map<std::string_view, const char*> values_;
};

int failed(const Error& error) {
  fmt::print(stderr, "probewall-bench: {}\n", error.message);
  return 1;
}

int show(const Result<std::vector<Series>>& table) {
  if (!table) return failed(table.error());
  for (const Series& s : *table)
    fmt::print("{{\"name\": \"{}\", \"unit\": \"{}\", \"runs\": [{:.4g}]}}\n", s.name, s.unit,
               fmt::join(s.runs, ", "));
  return 0;
}

int kernel(const Options& options) {
  KernelOptions wanted;
  wanted.rounds = options.number("rounds", wanted.rounds);
  wanted.repeat = options.number("repeat", wanted.repeat);
  wanted.addresses = options.number("addresses", wanted.addresses);
  wanted.prefixes = options.number("prefixes", wanted.prefixes);
  wanted.only = options.text("only", "");
  return show(measure_kernel(wanted));
}

int capture(const Options& options) {
  CaptureOptions wanted;
  wanted.rounds = options.number("rounds", wanted.rounds);
  wanted.packets = options.number("packets", wanted.packets);
  return show(measure_capture(wanted));
}

int held(const Options& options) {
  HoldOptions wanted;
  wanted.interface = options.text("interface", "");
  wanted.program = options.text("program", "ours");
  wanted.mode = options.text("mode", "native") == "native" ? XdpMode::kNative : XdpMode::kGeneric;
  wanted.content = {options.number("v4", 0), options.number("v6", 0),
                    options.number("prefixes", 0)};
  const auto ended = hold(wanted);
  return ended ? 0 : failed(ended.error());
}

/// Fills the tables pinned under --pins, as no daemon holds them.
int filled(const Options& options) {
  auto filter = Filter::open(options.text("pins", ""), Config{});
  if (!filter) return failed(filter.error());
  const auto times = filter->fill(
      {options.number("v4", 0), options.number("v6", 0), options.number("prefixes", 0)});
  if (!times) return failed(times.error());
  const auto swapped = swap_feeds(filter->plane().blocks(), options.number("feed", 0));
  if (!swapped) return failed(swapped.error());
  return show(std::vector<Series>{{"update_fill_v4", "s", {times->v4_s}},
                                  {"update_fill_v6", "s", {times->v6_s}},
                                  {"update_fill_prefixes", "s", {times->prefixes_s}},
                                  {"update_add_one", "us", {times->one_add_us}},
                                  {"update_swap_feed", "s", *swapped}});
}

/// The first `count` blocked addresses, one a line, for the other programs' tables.
int addresses(const Options& options) {
  for (const IpAddress& a : blocked_v4(options.number("count", 10000)))
    fmt::print("{}\n", a.to_string());
  return 0;
}

/// "blocked:10000" or "benign:4096" or "forged-payload:100000".
Traffic traffic_of(const std::string& text) {
  const auto colon = text.find(':');
  const std::string what = text.substr(0, colon);
  const auto count =
      static_cast<std::uint32_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
  Traffic out;
  out.kind = what == "forged-payload" ? PacketKind::kPayload : PacketKind::kSyn;
  out.sources =
      spread(what == "blocked" ? blocked_v4(count) : benign_v4(count, prefixes_v4(100000)));
  return out;
}

int generated(const Options& options) {
  GeneratorOptions wanted;
  wanted.interface = options.text("interface", "");
  wanted.destination = options.text("to", "192.0.2.2");
  wanted.port = static_cast<std::uint16_t>(options.number("port", 443));
  wanted.seconds = options.number("milliseconds", 1000) / 1000.0;
  wanted.packets_per_s = options.number("pace", 0);
  wanted.fit = options.number("fit", 0) != 0;
  const std::string mac = options.text("mac", "");
  unsigned byte[6]{};
  if (std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3],
                  &byte[4], &byte[5]) != 6)
    return failed({"--mac wants six hexadecimal bytes", 0, ExitStatus::kUsage});
  for (int i = 0; i < 6; ++i) wanted.to_mac[i] = static_cast<std::uint8_t>(byte[i]);
  std::string mix = options.text("mix", "blocked:10000");
  for (std::size_t at = 0; at < mix.size();) {
    const std::size_t end = std::min(mix.find(',', at), mix.size());
    wanted.mix.push_back(traffic_of(mix.substr(at, end - at)));
    at = end + 1;
  }
  if (!pin_to_cpu(options.number("cpu", 0)))
    return failed({"no such processor", 0, ExitStatus::kUsage});
  fmt::print("{{\"sending\": true}}\n");
  std::fflush(stdout);
  const auto sent = generate(wanted);
  if (!sent) return failed(sent.error());
  fmt::print("{{\"sent\": {}}}\n", *sent);
  return 0;
}

}  // namespace
}  // namespace probewall::bench

int main(int argc, char** argv) {
  using namespace probewall::bench;
  const std::string_view command = argc > 1 ? argv[1] : "";
  const Options options{argc - 2, argv + 2};
  if (command == "kernel") return kernel(options);
  if (command == "capture") return capture(options);
  if (command == "fill") return filled(options);
  if (command == "hold") return held(options);
  if (command == "addresses") return addresses(options);
  if (command == "generate") return generated(options);
  fmt::print(
      stderr,
      "usage: probewall-bench kernel|capture|fill|hold|addresses|generate [--option value]...\n");
  return 2;
}
