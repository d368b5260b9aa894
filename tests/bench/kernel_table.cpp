// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bench/bench_abi.h"
#include "bench/filter.hpp"
#include "bench/lists.hpp"
#include "bench/reference.hpp"
#include "bench/test_run.hpp"
#include "bench/world.hpp"
#include "drop.skel.h"
#include "parse_only.skel.h"
#include "source_walk.skel.h"
#include "support/packet.hpp"

namespace probewall::bench {
namespace {

constexpr std::uint32_t kListLength = BENCH_SOURCES;
constexpr unsigned kChecked = 200;
constexpr unsigned kHotSources = 16;

template <typename Skeleton>
using Owned = std::unique_ptr<Skeleton, void (*)(Skeleton*)>;

enum class Expect : std::uint8_t { kAny, kDrop, kPass };

/// One line of the table: a program on frames of one family whose source is one address or walks a
/// list.
struct Contestant {
  std::string name;
  int program = -1;
  bool v6 = false;
  bool walk = false;
  const std::vector<IpAddress>* sources = nullptr;
  Expect expect = Expect::kAny;
  std::uint16_t port = 443;
  std::vector<double> runs{};
};

struct Lists {
  std::vector<IpAddress> benign4, benign6, blocked4, blocked6;
  std::vector<IpAddress> inside4, inside6;  ///< of blocked prefixes
};

Frame frame_from(const IpAddress& source, std::uint16_t port) {
  using namespace probewall::test;
  const Tcp tcp{.dport = port, .seq = 1, .ack = 1};
  return source.is_v4() ? (Ethernet() / Ipv4{.src = source.to_string()} / tcp).build_padded(64)
                        : (Ethernet() / Ipv6{.src = source.to_string()} / tcp).build();
}

class Table {
 public:
  explicit Table(const KernelOptions& options) : options_(options) {}
  Result<std::vector<Series>> measure();

 private:
  Result<void> load();
  void enter_all();
  void enter(const std::string& who, int program, bool v6);
  void select(const Contestant& c);
  double run(Contestant& c, std::uint32_t repeat);
  double run_hot(const Contestant& c, std::uint32_t repeat);
  Result<void> check(Contestant& c);

  KernelOptions options_;
  Owned<drop_bpf> drop_{nullptr, drop_bpf__destroy};
  Owned<parse_only_bpf> parse_{nullptr, parse_only_bpf__destroy};
  Owned<source_walk_bpf> walk_{nullptr, source_walk_bpf__destroy};
  std::optional<Filter> ours_;
  std::optional<Reference> reference_;
  int ours_program_ = -1;
  Lists lists_;
  std::vector<Contestant> contestants_;
  const std::vector<IpAddress>* walked_ = nullptr;
};

Result<void> Table::load() {
  if (auto ok = enter_own_world(false); !ok) return ok;
  for (const char* pair : {"idle0", "idle1", "ours"}) {
    if (auto ok = make_veth(pair); !ok) return ok;
  }
  drop_.reset(drop_bpf__open_and_load());
  parse_.reset(parse_only_bpf__open_and_load());
  walk_.reset(source_walk_bpf__open_and_load());
  if (!drop_ || !parse_ || !walk_) return fail(errno, "load the benchmark's programs");
  const auto pins = new_pin_directory();
  if (!pins) return tl::unexpected(pins.error());
  Config config;
  config.xdp.mode = XdpMode::kGeneric;
  auto ours = Filter::open(*pins, config);
  if (!ours) return tl::unexpected(ours.error());
  ours_.emplace(std::move(*ours));
  const Content content{options_.addresses, options_.addresses, options_.prefixes};
  if (auto filled = ours_->fill(content); !filled) return tl::unexpected(filled.error());
  if (auto attached = ours_->attach("ours"); !attached) return tl::unexpected(attached.error());
  ours_program_ = program_on("ours");
  const auto reference_pins = new_pin_directory();
  if (!reference_pins) return tl::unexpected(reference_pins.error());
  auto reference = Reference::open(*reference_pins, *ours_, content);
  if (!reference) return tl::unexpected(reference.error());
  reference_.emplace(std::move(*reference));
  const std::pair<int, const char*> idle[] = {
      {bpf_program__fd(drop_->progs.pw_drop), "idle0"},
      {bpf_program__fd(parse_->progs.pw_parse_only), "idle0p"},
      {bpf_program__fd(walk_->progs.bench_walk_v4), "idle1"},
      {bpf_program__fd(walk_->progs.bench_walk_v6), "idle1p"},
      {reference_->program(), "oursp"}};
  for (const auto& [program, interface] : idle) {
    if (auto ok = attach_idle(program, interface); !ok) return ok;
  }
  const auto p4 = prefixes_v4(options_.prefixes), p6 = prefixes_v6(options_.prefixes);
  lists_ = {spread(benign_v4(kListLength, p4)),
            spread(benign_v6(kListLength, p6)),
            spread(blocked_v4(options_.addresses)),
            spread(blocked_v6(options_.addresses)),
            spread(inside(p4)),
            spread(inside(p6))};
  return {};
}

void Table::enter(const std::string& who, int program, bool v6) {
  const std::string family = v6 ? "_v6" : "_v4";
  const auto* benign = v6 ? &lists_.benign6 : &lists_.benign4;
  const auto* blocked = v6 ? &lists_.blocked6 : &lists_.blocked4;
  const auto* inside = v6 ? &lists_.inside6 : &lists_.inside4;
  const auto add = [&](const char* what, bool walk, const auto* list, Expect expect,
                       std::uint16_t port) {
    contestants_.push_back(
        {"kernel_" + who + what + family, program, v6, walk, list, expect, port});
  };
  add("_benign_hot", false, benign, Expect::kPass, 443);
  add("_benign_random", true, benign, Expect::kPass, 443);
  if (who == "parse") return;
  add("_benign_llm_port", false, benign, Expect::kPass, 11434);
  add("_blocked_hot", false, blocked, Expect::kDrop, 443);
  add("_blocked_random", true, blocked, Expect::kDrop, 443);
  add("_blocked_prefix_random", true, inside, Expect::kDrop, 443);
}

void Table::enter_all() {
  contestants_.push_back({"kernel_empty_drop", bpf_program__fd(drop_->progs.pw_drop), false, false,
                          &lists_.benign4, Expect::kDrop});
  for (const bool v6 : {false, true}) {
    enter("parse", bpf_program__fd(parse_->progs.pw_parse_only), v6);
    enter("ours", ours_program_, v6);
    enter("reference", reference_->program(), v6);
  }
  std::erase_if(contestants_, [&](const Contestant& c) {
    return c.name.find(options_.only) == std::string::npos;
  });
}

/// Puts the contestant's list and program behind the walker.
void Table::select(const Contestant& c) {
  std::uint32_t slot = 0;
  bpf_map_update_elem(bpf_map__fd(walk_->maps.bench_target), &slot, &c.program, BPF_ANY);
  if (walked_ == c.sources) return;
  walked_ = c.sources;
  for (std::size_t i = 0; i < c.sources->size(); ++i) {
    const auto& bytes = (*c.sources)[i].bytes;
    std::memcpy(&walk_->bss->bench_v4[i], &bytes[12], 4);
    std::memcpy(&walk_->bss->bench_v6[i], bytes.data(), 16);
  }
}

double Table::run(Contestant& c, std::uint32_t repeat) {
  if (!c.walk) return run_hot(c, repeat);
  Frame frame = frame_from(c.sources->front(), c.port);
  select(c);
  return ns_per_packet(
      bpf_program__fd(c.v6 ? walk_->progs.bench_walk_v6 : walk_->progs.bench_walk_v4), frame,
      repeat);
}

/// The program itself on unchanged packets, one source after the other; the median of them, as one
/// in twenty has blocked neighbours and costs a look into the tables.
double Table::run_hot(const Contestant& c, std::uint32_t repeat) {
  std::array<double, kHotSources> ns{};
  for (unsigned i = 0; i < kHotSources; ++i) {
    Frame frame = frame_from((*c.sources)[i], c.port);
    ns[i] = ns_per_packet(c.program, frame, repeat / kHotSources);
    if (ns[i] < 0) return -1;
  }
  std::sort(ns.begin(), ns.end());
  return (ns[kHotSources / 2 - 1] + ns[kHotSources / 2]) / 2;
}

Result<void> Table::check(Contestant& c) {
  Frame frame = frame_from(c.sources->front(), c.port);
  int program = c.program;
  if (c.walk) {
    select(c);
    program = bpf_program__fd(c.v6 ? walk_->progs.bench_walk_v6 : walk_->progs.bench_walk_v4);
  }
  const Verdicts got = verdicts(program, frame, kChecked);
  const unsigned right = c.expect == Expect::kDrop ? got.dropped : got.passed;
  if (right != kChecked)
    return fail(0, c.name + ": " + std::to_string(right) + " of " + std::to_string(kChecked) +
                       " packets got the verdict their list calls for");
  return {};
}

Result<std::vector<Series>> Table::measure() {
  if (auto ok = load(); !ok) return tl::unexpected(ok.error());
  enter_all();
  if (!pin_to_cpu(0)) return fail(errno, "pin to processor 0");
  for (Contestant& c : contestants_) {
    if (auto ok = check(c); !ok) return tl::unexpected(ok.error());
  }
  const std::size_t n = contestants_.size();
  for (unsigned round = 0; round < options_.rounds; ++round) {
    for (std::size_t i = 0; i < n; ++i) {
      Contestant& c = contestants_[i];
      run(c, options_.repeat / 10);
      const double ns = run(c, options_.repeat);
      if (ns < 0) return fail(errno, "run " + c.name);
      c.runs.push_back(ns);
    }
  }
  std::vector<Series> out;
  for (Contestant& c : contestants_) out.push_back({c.name, "ns/packet", std::move(c.runs)});
  return out;
}

}  // namespace

Result<std::vector<Series>> measure_kernel(const KernelOptions& options) {
  return Table{options}.measure();
}

}  // namespace probewall::bench
