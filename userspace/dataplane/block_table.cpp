// SPDX-License-Identifier: Apache-2.0
#include "dataplane/block_table.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "dataplane/block_gate.hpp"
#include "dataplane/block_hints.hpp"
#include "dataplane/block_singles.hpp"
#include "dataplane/gate_pin.hpp"
#include "dataplane/prefix_hash.hpp"

namespace probewall {
namespace {

Result<UniqueFd> open_pinned(const std::string& directory, const char* name) {
  const std::string path = directory + "/v" + std::to_string(PW_ABI_VERSION) + "/" + name;
  UniqueFd fd{bpf_obj_get(path.c_str())};
  if (!fd) return fail(errno, "open block table " + path);
  return fd;
}

template <typename T>
Result<MappedMap<T>> map_pinned(const std::string& directory, const char* name, bool read_only) {
  const auto fd = open_pinned(directory, name);
  if (!fd) return tl::unexpected(fd.error());
  return MappedMap<T>::of(fd->get(), read_only, std::string{"block table "} + name);
}

bool live(const pw_block_entry& entry, std::uint32_t now_s) {
  return entry.expires_s == PW_NEVER_EXPIRES || now_s < entry.expires_s;
}

tl::unexpected<Error> full(const IpPrefix& prefix, std::uint32_t limit, const char* setting) {
  return fail(ENOSPC, "block " + prefix.to_string() + ": the table holds the " +
                          std::to_string(limit) + " entries that " + setting + " allows");
}

}  // namespace

struct BlockTable::State {
  MappedMap<pw_front4> front4;
  MappedMap<pw_front6> front6;
  MappedMap<pw_gate> gate;  ///< writers only, as are its counts
  std::optional<GateBits> gate6;
  __u64 ports = PW_GATE_ANY_PORT;  ///< as set_port_range has it
  UniqueFd outer4, outer6;
  std::optional<PrefixHash> prefixes;
  std::optional<SingleTable<V4Slots>> v4;
  std::optional<SingleTable<V6Slots>> v6;
  std::optional<BlockHints> hints;
  std::array<std::uint64_t, PW_FAMILY_COUNT> prefix_count{};
  BlockLimits limits;
  bool read_only = false;

  Result<void> open_maps(const std::string& directory);
  Result<void> open_singles();
  Result<void> index();
  void tell_ports();
  Result<void> check_limits() const;
  template <typename Visit>
  Result<void> walk(Visit visit) const;

  std::uint64_t& count_of(const IpPrefix& p) {
    return prefix_count[p.is_v4() ? PW_FAMILY_IPV4 : PW_FAMILY_IPV6];
  }
  Result<std::optional<pw_block_entry>> exact(const IpPrefix& p) const {
    if (!p.is_single()) return prefixes->get(p);
    const auto slot =
        p.is_v4() ? v4->get(V4Slots::key_of(p.address)) : v6->get(V6Slots::key_of(p.address));
    if (!slot) return std::nullopt;
    return slot->entry(p.length);
  }
  Result<bool> put_single(const IpPrefix& p, const pw_block_entry& entry) {
    const auto slot = SlotEntry::from(entry);
    return p.is_v4() ? v4->put(V4Slots::key_of(p.address), slot)
                     : v6->put(V6Slots::key_of(p.address), slot);
  }
  Result<bool> remove_entry(const IpPrefix& p) {
    if (!p.is_single()) {
      auto removed = prefixes->remove(p);
      if (removed && *removed) --count_of(p);
      return removed;
    }
    return p.is_v4() ? v4->remove(V4Slots::key_of(p.address))
                     : v6->remove(V6Slots::key_of(p.address));
  }
};

Result<void> BlockTable::State::open_maps(const std::string& directory) {
  const auto take = [&](auto& into, auto opened) -> Result<void> {
    if (!opened) return tl::unexpected(opened.error());
    into = std::move(*opened);
    return {};
  };
  UniqueFd prefix_map;
  for (const auto& result :
       {take(front4, map_pinned<pw_front4>(directory, "pw_block_front4", read_only)),
        take(front6, map_pinned<pw_front6>(directory, "pw_block_front6", read_only)),
        take(outer4, open_pinned(directory, "pw_block_ip4")),
        take(outer6, open_pinned(directory, "pw_block_ip6")),
        take(prefix_map, open_pinned(directory, "pw_block_prefix"))}) {
    if (!result) return result;
  }
  prefixes.emplace(std::move(prefix_map));
  if (read_only) return {};
  if (auto mapped = take(gate, map_pinned<pw_gate>(directory, kGatePin, false)); !mapped) {
    return mapped;
  }
  gate6.emplace(gate.get()->v6, front6.get()->net);
  return {};
}

Result<void> BlockTable::State::open_singles() {
  SingleFront own4{&front4.get()->head}, own6{&front6.get()->head};
  if (!read_only) {
    own4 = {own4.head, gate.get()->seen4, std::size(gate.get()->seen4), &gate.get()->table4};
    own6 = {own6.head, front6.get()->seen, std::size(front6.get()->seen), &gate.get()->table6,
            &*gate6};
  }
  auto ip4 = SingleTable<V4Slots>::open(outer4.get(), "pw_block_ip4", own4, read_only, *prefixes);
  if (!ip4) return tl::unexpected(ip4.error());
  v4.emplace(std::move(*ip4));
  auto ip6 = SingleTable<V6Slots>::open(outer6.get(), "pw_block_ip6", own6, read_only, *prefixes);
  if (!ip6) return tl::unexpected(ip6.error());
  v6.emplace(std::move(*ip6));
  std::vector<BlockRecord> spilled;
  auto walked = prefixes->walk([&](const IpPrefix& p, const pw_block_entry& e) {
    if (p.is_single()) {
      spilled.push_back({p, e});
    } else {
      ++count_of(p);
    }
    return true;
  });
  if (!walked) return walked;
  for (const auto& [p, e] : spilled) {
    if (p.is_v4()) {
      v4->adopt_spilled(V4Slots::key_of(p.address), e, read_only);
    } else {
      v6->adopt_spilled(V6Slots::key_of(p.address), e, read_only);
    }
  }
  return {};
}

/// Counts what the tables hold, so that the prefilter's bits can be taken back one day. Built aside
/// and then stored word by word: that sets the bits a writer that died between entry and bit did
/// not get to, and clears those it left behind, without a moment in which a valid one is missing.
Result<void> BlockTable::State::index() {
  v4->set_front();
  v6->set_front();
  const auto own4 = std::make_unique<pw_front4>();
  const auto own6 = std::make_unique<pw_front6>();
  std::vector<__u64> net4(std::size(gate.get()->net4));
  hints.emplace(HintMemory{own4.get(), own6.get(), net4.data()});
  auto walked = prefixes->walk([&](const IpPrefix& p, const pw_block_entry&) {
    if (!p.is_single()) hints->add(p);
    return true;
  });
  if (!walked) return walked;
  const auto publish = [](const auto& from, auto& to) {
    for (std::size_t i = 0; i < std::size(from); ++i) {
      if (to[i] != from[i]) store_word(to[i], from[i]);
    }
  };
  publish(own4->head.lengths, front4.get()->head.lengths);
  publish(own6->head.lengths, front6.get()->head.lengths);
  publish(own4->deep, front4.get()->deep);
  publish(own6->deep, front6.get()->deep);
  publish(net4, gate.get()->net4);
  publish(own6->net, front6.get()->net);
  publish(own6->top, front6.get()->top);
  hints->move_to({front4.get(), front6.get(), gate.get()->net4, gate.get(), &*gate6});
  v6->for_each([&](const auto& key, const SlotEntry&) {
    gate6->count(V6Slots::gate_bit(key));
    return true;
  });
  gate6->publish();
  tell_ports();
  if (auto fits = v4->fit(); !fits) return fits;
  return v6->fit();
}

/// Call after the gate's `short6` changed too.
void BlockTable::State::tell_ports() {
  pw_gate& readers = *gate.get();
  store_word<__u64>(readers.ports4, ports);
  store_word<__u64>(readers.ports6, readers.short6 != 0 ? PW_GATE_ANY_PORT : ports);
}

Result<void> BlockTable::State::check_limits() const {
  const auto most = *std::max_element(prefix_count.begin(), prefix_count.end());
  const bool addresses = std::max(v4->size(), v6->size()) > limits.addresses;
  if (!addresses && most <= limits.prefixes) return {};
  return fail(ExitStatus::kConfigInvalid,
              "the block tables hold more entries than now configured: raise block.max_addresses "
              "or block.max_prefixes, or run `probewall bans flush`");
}

template <typename Visit>
Result<void> BlockTable::State::walk(Visit visit) const {
  const bool going = v4->for_each([&](auto key, const SlotEntry& e) {
    return visit(IpPrefix{V4Slots::address_of(key), 32}, e.entry(32));
  }) && v6->for_each([&](const auto& key, const SlotEntry& e) {
    return visit(IpPrefix{V6Slots::address_of(key), 128}, e.entry(128));
  });
  if (!going) return {};
  return prefixes->walk([&](const IpPrefix& p, const pw_block_entry& e) {
    return p.is_single() || visit(p, e);  // spilled addresses: visited above
  });
}

BlockTable::BlockTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlockTable::BlockTable(BlockTable&&) noexcept = default;
BlockTable& BlockTable::operator=(BlockTable&&) noexcept = default;
BlockTable::~BlockTable() = default;

Result<BlockTable> BlockTable::open(const std::string& pin_directory, bool read_only,
                                    const BlockLimits& limits) {
  auto state = std::make_unique<State>();
  state->read_only = read_only;
  state->limits = limits;
  if (auto opened = state->open_maps(pin_directory); !opened) {
    return tl::unexpected(opened.error());
  }
  for (auto* head : {&state->front4.get()->head, &state->front6.get()->head}) {
    if (!read_only && head->seed == 0 && getrandom(&head->seed, sizeof head->seed, 0) < 0) {
      return fail(errno, "draw the block tables' hash seed");
    }
  }
  if (auto opened = state->open_singles(); !opened) return tl::unexpected(opened.error());
  if (read_only) return BlockTable{std::move(state)};
  if (auto fits = state->check_limits(); !fits) return tl::unexpected(fits.error());
  if (auto indexed = state->index(); !indexed) return tl::unexpected(indexed.error());
  return BlockTable{std::move(state)};
}

Result<void> BlockTable::put(const IpPrefix& prefix, const pw_block_entry& entry) {
  if (state_->read_only) return fail(EPERM, "write a block table opened for reading");
  if (pw_action_rank(entry.action) == 0) return fail(EINVAL, "block " + prefix.to_string());
  const auto& limits = state_->limits;
  if (prefix.is_single()) {
    const auto held = prefix.is_v4() ? state_->v4->size() : state_->v6->size();
    if (held >= limits.addresses && !state_->exact(prefix).value()) {
      return full(prefix, limits.addresses, "block.max_addresses");
    }
    const auto added = state_->put_single(prefix, entry);
    if (!added) return tl::unexpected(added.error());
    return {};
  }
  const bool room = state_->count_of(prefix) < limits.prefixes;
  const auto added = state_->prefixes->put(prefix, entry, room);
  if (!added && added.error().errno_value == ENOSPC) {
    return full(prefix, limits.prefixes, "block.max_prefixes");
  }
  if (!added) return tl::unexpected(added.error());
  if (!*added) return {};
  ++state_->count_of(prefix);
  state_->hints->add(prefix);
  state_->tell_ports();
  return {};
}

Result<bool> BlockTable::remove(const IpPrefix& prefix) {
  if (state_->read_only) return fail(EPERM, "write a block table opened for reading");
  auto removed = state_->remove_entry(prefix);
  if (!removed || !*removed || prefix.is_single()) return removed;
  state_->hints->drop(prefix);
  state_->tell_ports();
  return removed;
}

Result<std::optional<pw_block_entry>> BlockTable::get(const IpPrefix& prefix) const {
  return state_->exact(prefix);
}

Result<std::optional<BlockRecord>> BlockTable::match(const IpAddress& address,
                                                     std::uint32_t now_s) const {
  const auto& head = address.is_v4() ? state_->front4.get()->head : state_->front6.get()->head;
  const unsigned width = address.is_v4() ? 32 : 128;
  const auto in_use = [&](unsigned length) {
    return length == width || ((head.lengths[length / 64] >> (length % 64)) & 1) != 0;
  };
  std::optional<BlockRecord> best;
  for (int length = static_cast<int>(width); length >= 0; --length) {
    if (!in_use(static_cast<unsigned>(length))) continue;
    const auto prefix = IpPrefix::of(address, static_cast<unsigned>(length));
    const auto entry = state_->exact(prefix);
    if (!entry) return tl::unexpected(entry.error());
    if (!*entry || !live(**entry, now_s)) continue;
    if (!best || pw_action_rank((*entry)->action) > pw_action_rank(best->entry.action)) {
      best = BlockRecord{prefix, **entry};
    }
  }
  return best;
}

Result<void> BlockTable::for_each(const std::function<bool(const BlockRecord&)>& visit) const {
  return state_->walk([&](const IpPrefix& p, const pw_block_entry& e) { return visit({p, e}); });
}

Result<std::uint64_t> BlockTable::sweep(std::uint32_t now_s,
                                        const std::function<void(const BlockRecord&)>& removed) {
  std::vector<BlockRecord> expired;
  const auto walked = state_->walk([&](const IpPrefix& p, const pw_block_entry& e) {
    if (!live(e, now_s)) expired.push_back({p, e});
    return true;
  });
  if (!walked) return tl::unexpected(walked.error());
  std::uint64_t count = 0;
  for (const auto& record : expired) {
    const auto gone = remove(record.prefix);
    if (!gone) return tl::unexpected(gone.error());
    if (!*gone) continue;
    ++count;
    if (removed) removed(record);
  }
  return count;
}

Result<std::uint64_t> BlockTable::flush() {
  std::vector<IpPrefix> all;
  const auto walked = state_->walk([&](const IpPrefix& p, const pw_block_entry&) {
    all.push_back(p);
    return true;
  });
  if (!walked) return tl::unexpected(walked.error());
  std::uint64_t count = 0;
  for (const auto& prefix : all) {
    const auto gone = remove(prefix);
    if (!gone) return tl::unexpected(gone.error());
    count += *gone ? 1 : 0;
  }
  if (count == 0) return count;
  if (auto fits = state_->v4->fit(); !fits) return tl::unexpected(fits.error());
  if (auto fits = state_->v6->fit(); !fits) return tl::unexpected(fits.error());
  return count;
}

void BlockTable::set_port_range(std::uint32_t first, std::uint32_t last) {
  const bool any = first <= last;
  state_->ports = any ? PW_GATE_PORTS(first, last - first + 1) : PW_GATE_PORTS(65536, 0);
  state_->tell_ports();
}

std::uint64_t BlockTable::size() const {
  return state_->v4->size() + state_->v6->size() + state_->prefix_count[PW_FAMILY_IPV4] +
         state_->prefix_count[PW_FAMILY_IPV6];
}

BlockFills BlockTable::fills() const {
  const auto& limits = state_->limits;
  const auto& prefixes = state_->prefix_count;
  return {{{state_->v4->size(), limits.addresses},
           {state_->v6->size(), limits.addresses},
           {prefixes[PW_FAMILY_IPV4], limits.prefixes},
           {prefixes[PW_FAMILY_IPV6], limits.prefixes}}};
}

std::uint64_t BlockTable::spilled() const { return state_->v4->spilled() + state_->v6->spilled(); }

std::uint32_t prefix_hash_entries(std::uint32_t max_prefixes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(2ull * max_prefixes + PW_BLOCK_SPILL_MAX, UINT32_MAX));
}

}  // namespace probewall
