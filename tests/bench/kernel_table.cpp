// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>

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
/// Programs of which a percent matters are loaded several times: where the kernel puts the code
/// decides over as much as 5 % either way, and another load puts it elsewhere.
constexpr unsigned kLoads = 8;

template <typename Skeleton>
using Owned = std::unique_ptr<Skeleton, void (*)(Skeleton*)>;

enum class Expect : std::uint8_t { kAny, kDrop, kPass };

/// One line of the table: a program on frames of one family whose source is one address or walks a
/// list.
struct Contestant {
  std::string name;
  std::vector<int> programs{};  ///< the same program, loaded once or more
  std::string kind{};           ///< of packet: contestants of one kind are compared
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
  Result<void> load_repeatedly();
  void enter_all();
  void enter(const char* what, bool v6, bool walk, const std::vector<IpAddress>* list,
             Expect expect, std::uint16_t port = 443);
  void select(const Contestant& c);
  double run_walk(const Contestant& c, std::uint32_t repeat);
  bool round_of_hot(std::span<Contestant> group);
  bool round_of(std::span<Contestant> group);
  Result<void> check(const Contestant& c);

  KernelOptions options_;
  Owned<drop_bpf> drop_{nullptr, drop_bpf__destroy};
  std::vector<Owned<parse_only_bpf>> parsers_;
  Owned<source_walk_bpf> walk_{nullptr, source_walk_bpf__destroy};
  std::optional<Filter> ours_;
  std::optional<Reference> reference_;
  std::vector<int> parser_programs_, our_programs_;
  Lists lists_;
  std::vector<Contestant> contestants_;
  const std::vector<IpAddress>* walked_ = nullptr;
};

/// By turns: the later a program is loaded, the longer is the kernel's way to it (its XDP
/// dispatcher searches by address).
Result<void> Table::load_repeatedly() {
  for (unsigned i = 0; i < kLoads; ++i) {
    const std::string number = std::to_string(i);
    for (const std::string& pair : {"parse" + number, "ours" + number}) {
      if (auto ok = make_veth(pair); !ok) return ok;
    }
    parsers_.emplace_back(parse_only_bpf__open_and_load(), parse_only_bpf__destroy);
    if (!parsers_.back()) return fail(errno, "load the benchmark's programs");
    parser_programs_.push_back(bpf_program__fd(parsers_.back()->progs.pw_parse_only));
    if (auto ok = attach_idle(parser_programs_.back(), "parse" + number); !ok) return ok;
    auto attached = ours_->attach("ours" + number);
    if (!attached) return tl::unexpected(attached.error());
    our_programs_.push_back(program_on("ours" + number));
  }
  return {};
}

Result<void> Table::load() {
  if (auto ok = enter_own_world(false); !ok) return ok;
  for (const char* pair : {"idle0", "idle1"}) {
    if (auto ok = make_veth(pair); !ok) return ok;
  }
  drop_.reset(drop_bpf__open_and_load());
  walk_.reset(source_walk_bpf__open_and_load());
  if (!drop_ || !walk_) return fail(errno, "load the benchmark's programs");
  const auto pins = new_pin_directory();
  if (!pins) return tl::unexpected(pins.error());
  Config config;
  config.xdp.mode = XdpMode::kGeneric;
  auto ours = Filter::open(*pins, config);
  if (!ours) return tl::unexpected(ours.error());
  ours_.emplace(std::move(*ours));
  const Content content{options_.addresses, options_.addresses, options_.prefixes};
  if (auto filled = ours_->fill(content); !filled) return tl::unexpected(filled.error());
  if (auto ok = load_repeatedly(); !ok) return ok;
  const auto reference_pins = new_pin_directory();
  if (!reference_pins) return tl::unexpected(reference_pins.error());
  auto reference = Reference::open(*reference_pins, *ours_, content);
  if (!reference) return tl::unexpected(reference.error());
  reference_.emplace(std::move(*reference));
  const std::pair<int, const char*> idle[] = {
      {bpf_program__fd(drop_->progs.pw_drop), "idle0"},
      {bpf_program__fd(walk_->progs.bench_walk_v4), "idle1"},
      {bpf_program__fd(walk_->progs.bench_walk_v6), "idle1p"},
      {reference_->program(), "idle0p"}};
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

/// One kind of packet; who is compared on it stands side by side.
void Table::enter(const char* what, bool v6, bool walk, const std::vector<IpAddress>* list,
                  Expect expect, std::uint16_t port) {
  const std::string kind = std::string{what} + (v6 ? "_v6" : "_v4");
  const auto add = [&](const char* who, const std::vector<int>& programs) {
    Contestant c{
        "kernel_" + std::string{who} + "_" + kind, programs, kind, v6, walk, list, expect, port};
    if (c.name.find(options_.only) != std::string::npos) contestants_.push_back(std::move(c));
  };
  if (expect == Expect::kPass && port == 443) add("parse", parser_programs_);
  add("ours", our_programs_);
  add("reference", {reference_->program()});
}

void Table::enter_all() {
  Contestant empty{"kernel_empty_drop",
                   {bpf_program__fd(drop_->progs.pw_drop)},
                   "empty",
                   false,
                   false,
                   &lists_.benign4,
                   Expect::kDrop};
  if (empty.name.find(options_.only) != std::string::npos) contestants_.push_back(std::move(empty));
  for (const bool v6 : {false, true}) {
    const auto* benign = v6 ? &lists_.benign6 : &lists_.benign4;
    const auto* blocked = v6 ? &lists_.blocked6 : &lists_.blocked4;
    const auto* inside = v6 ? &lists_.inside6 : &lists_.inside4;
    enter("benign_hot", v6, false, benign, Expect::kPass);
    enter("benign_random", v6, true, benign, Expect::kPass);
    enter("benign_llm_port", v6, false, benign, Expect::kPass, 11434);
    enter("blocked_hot", v6, false, blocked, Expect::kDrop);
    enter("blocked_random", v6, true, blocked, Expect::kDrop);
    enter("blocked_prefix_random", v6, true, inside, Expect::kDrop);
  }
}

/// Puts the contestant's list and program behind the walker.
void Table::select(const Contestant& c) {
  std::uint32_t slot = 0;
  bpf_map_update_elem(bpf_map__fd(walk_->maps.bench_target), &slot, &c.programs[0], BPF_ANY);
  if (walked_ == c.sources) return;
  walked_ = c.sources;
  for (std::size_t i = 0; i < c.sources->size(); ++i) {
    const auto& bytes = (*c.sources)[i].bytes;
    std::memcpy(&walk_->bss->bench_v4[i], &bytes[12], 4);
    std::memcpy(&walk_->bss->bench_v6[i], bytes.data(), 16);
  }
}

double Table::run_walk(const Contestant& c, std::uint32_t repeat) {
  Frame frame = frame_from(c.sources->front(), c.port);
  select(c);
  return ns_per_packet(
      bpf_program__fd(c.v6 ? walk_->progs.bench_walk_v6 : walk_->progs.bench_walk_v4), frame,
      repeat);
}

/// Of all but the smallest and the largest quarter.
double mean_of_middle(std::vector<double> runs) {
  std::sort(runs.begin(), runs.end());
  const auto quarter = static_cast<std::ptrdiff_t>(runs.size() / 4);
  const auto first = runs.begin() + quarter, end = runs.end() - quarter;
  return std::accumulate(first, end, 0.0) / static_cast<double>(end - first);
}

/// The programs themselves on unchanged packets, one source after the other, in turns: a slow
/// moment of the machine lasts longer than a turn. Each source is a run of its own, the mean of the
/// middle half of the loads; the median of runs leaves out the one source in five that shares a bit
/// with something blocked and costs a look into the tables.
bool Table::round_of_hot(std::span<Contestant> group) {
  const std::uint32_t repeat = options_.repeat / kHotSources;
  for (unsigned i = 0; i < kHotSources; ++i) {
    std::vector<std::vector<double>> of_loads(group.size());
    for (unsigned load = 0; load < kLoads; ++load) {
      for (std::size_t who = 0; who < group.size(); ++who) {
        const Contestant& c = group[who];
        if (load >= c.programs.size()) continue;
        Frame frame = frame_from((*c.sources)[i], c.port);
        ns_per_packet(c.programs[load], frame, repeat / 10);
        of_loads[who].push_back(ns_per_packet(c.programs[load], frame, repeat));
        if (of_loads[who].back() < 0) return false;
      }
    }
    for (std::size_t who = 0; who < group.size(); ++who)
      group[who].runs.push_back(mean_of_middle(of_loads[who]));
  }
  return true;
}

/// One run of every contestant on the same kind of packet.
bool Table::round_of(std::span<Contestant> group) {
  if (!group.front().walk) return round_of_hot(group);
  for (Contestant& c : group) {
    run_walk(c, options_.repeat / 10);
    const double ns = run_walk(c, options_.repeat);
    if (ns < 0) return false;
    c.runs.push_back(ns);
  }
  return true;
}

Result<void> Table::check(const Contestant& c) {
  Frame frame = frame_from(c.sources->front(), c.port);
  int program = c.programs[0];
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
  for (const Contestant& c : contestants_) {
    if (auto ok = check(c); !ok) return tl::unexpected(ok.error());
  }
  for (unsigned round = 0; round < options_.rounds; ++round) {
    for (auto first = contestants_.begin(); first != contestants_.end();) {
      const auto end = std::find_if(first, contestants_.end(),
                                    [&](const Contestant& c) { return c.kind != first->kind; });
      if (!round_of({first, end})) return fail(errno, "run " + first->name);
      first = end;
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
