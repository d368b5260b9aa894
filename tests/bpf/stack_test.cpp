// SPDX-License-Identifier: Apache-2.0
// The stack that a chain of calls takes in the programs, as a 6.1 kernel counts it: every frame
// rounded up to 32 bytes (check_max_stack_depth). Later kernels round to 16 bytes when they compile
// the program, so a program can load here and be refused there.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "lab_objects.hpp"

namespace probewall::test {
namespace {

constexpr std::uint32_t kFrameUnit = 32;
constexpr std::uint32_t kStackMax = 512;

/// The deepest byte below the frame pointer that `code` touches or passes on.
std::uint32_t frame_of(std::span<const bpf_insn> code) {
  std::int64_t deepest = 0;
  std::set<std::uint8_t> copies;  // registers that hold the frame pointer itself
  for (const auto& insn : code) {
    const auto kind = BPF_CLASS(insn.code);
    const bool copied = insn.code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn.src_reg == BPF_REG_10;
    if (insn.code == (BPF_ALU64 | BPF_ADD | BPF_K) && copies.contains(insn.dst_reg))
      deepest = std::min<std::int64_t>(deepest, insn.imm);
    if ((kind == BPF_ST || kind == BPF_STX) && insn.dst_reg == BPF_REG_10)
      deepest = std::min<std::int64_t>(deepest, insn.off);
    if (kind == BPF_LDX && insn.src_reg == BPF_REG_10)
      deepest = std::min<std::int64_t>(deepest, insn.off);
    copies.erase(insn.dst_reg);
    if (copied) copies.insert(insn.dst_reg);
  }
  return static_cast<std::uint32_t>(-deepest);
}

struct Frames {
  std::map<std::uint32_t, std::uint32_t> bytes;             ///< by first instruction
  std::map<std::uint32_t, std::set<std::uint32_t>> called;  ///< by first instruction
};

Frames frames_of(std::span<const bpf_insn> code) {
  std::set<std::uint32_t> starts{0};
  const auto target = [&](std::uint32_t at) -> std::optional<std::uint32_t> {
    const bool call = code[at].code == (BPF_JMP | BPF_CALL);
    if (!call || code[at].src_reg != BPF_PSEUDO_CALL) return std::nullopt;
    return at + 1 + code[at].imm;
  };
  for (std::uint32_t at = 0; at < code.size(); ++at)
    if (const auto begin = target(at)) starts.insert(*begin);
  Frames frames;
  for (auto start = starts.begin(); start != starts.end(); ++start) {
    const auto next = std::next(start);
    const std::uint32_t end = next == starts.end() ? code.size() : *next;
    frames.bytes[*start] = frame_of(code.subspan(*start, end - *start));
    for (std::uint32_t at = *start; at < end; ++at)
      if (const auto begin = target(at)) frames.called[*start].insert(*begin);
  }
  return frames;
}

/// Bytes of stack of the deepest chain of calls from the function at `start`; the verifier lets no
/// function call itself.
std::uint32_t deepest(const Frames& frames, std::uint32_t start) {
  const auto bytes = std::max(frames.bytes.at(start), 1u);
  const auto own = (bytes + kFrameUnit - 1) / kFrameUnit * kFrameUnit;
  std::uint32_t below = 0;
  if (const auto calls = frames.called.find(start); calls != frames.called.end())
    for (const auto callee : calls->second) below = std::max(below, deepest(frames, callee));
  return own + below;
}

/// The program's instructions with those of its subprograms, as the kernel got them.
template <typename Skeleton>
std::uint32_t stack_of(bpf_program* (*program)(Skeleton&)) {
  Owned<Skeleton> skeleton{Skeleton::open()};
  must(skeleton != nullptr, "open skeleton");
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) bpf_map__set_pin_path(map, nullptr);
  set_sizes(skeleton->obj, {});
  must(Skeleton::load(skeleton.get()) == 0, "load " + std::string{skeleton->skeleton->name});
  const auto* loaded = program(*skeleton);
  const std::span code{bpf_program__insns(loaded), bpf_program__insn_cnt(loaded)};
  const auto frames = frames_of(code);
  EXPECT_GT(frames.bytes.size(), 3u) << "no subprograms found";
  return deepest(frames, 0);
}

TEST(Stack, FitsAsOlderKernelsCountIt) {
  const auto xdp = stack_of<xdp_filter_bpf>([](auto& s) { return s.progs.pw_xdp; });
  const auto in = stack_of<tc_ingress_bpf>([](auto& s) { return s.progs.pw_tc_in; });
  const auto out = stack_of<tc_egress_bpf>([](auto& s) { return s.progs.pw_tc_out; });
  EXPECT_LE(xdp, kStackMax);
  EXPECT_LE(in, kStackMax);
  EXPECT_LE(out, kStackMax);
  std::printf("stack: pw_xdp %u, pw_tc_in %u, pw_tc_out %u of %u bytes\n", xdp, in, out, kStackMax);
}

}  // namespace
}  // namespace probewall::test
