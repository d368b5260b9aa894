// SPDX-License-Identifier: Apache-2.0
// probewall-bench: what scripts/bench measures with. Output is JSON, one object per line.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "bench/kernel_table.hpp"

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

int kernel(const Options& options) {
  KernelOptions wanted;
  wanted.rounds = options.number("rounds", wanted.rounds);
  wanted.repeat = options.number("repeat", wanted.repeat);
  wanted.addresses = options.number("addresses", wanted.addresses);
  wanted.prefixes = options.number("prefixes", wanted.prefixes);
  const auto table = measure_kernel(wanted);
  if (!table) return failed(table.error());
  for (const Series& s : *table)
    fmt::print("{{\"name\": \"{}\", \"unit\": \"{}\", \"runs\": [{:.4g}]}}\n", s.name, s.unit,
               fmt::join(s.runs, ", "));
  return 0;
}

}  // namespace
}  // namespace probewall::bench

int main(int argc, char** argv) {
  using namespace probewall::bench;
  const std::string_view command = argc > 1 ? argv[1] : "";
  const Options options{argc - 2, argv + 2};
  if (command == "kernel") return kernel(options);
  fmt::print(stderr, "usage: probewall-bench kernel [--rounds N] [--repeat N]\n");
  return 2;
}
