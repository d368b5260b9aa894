// SPDX-License-Identifier: Apache-2.0
#include "dataplane/allow_table.hpp"

#include <cstring>
#include <vector>

#include "dataplane/mapped_words.hpp"

namespace probewall {
namespace {

struct AllowKey {
  pw_lpm_v4_key v4{};
  pw_lpm_v6_key v6{};
  const void* of(bool is_v4) const { return is_v4 ? static_cast<const void*>(&v4) : &v6; }
};
AllowKey key_of(const IpPrefix& prefix) {
  AllowKey key;
  key.v4.prefix_len = key.v6.prefix_len = prefix.length;
  std::memcpy(&key.v4.addr, prefix.address.bytes.data() + 12, 4);
  std::memcpy(key.v6.addr, prefix.address.bytes.data(), 16);
  return key;
}
IpPrefix prefix_of(const AllowKey& key, bool v4) {
  if (!v4) {
    IpAddress address;
    std::memcpy(address.bytes.data(), key.v6.addr, 16);
    return IpPrefix::of(address, key.v6.prefix_len);
  }
  return IpPrefix::of(IpAddress::from_v4(__builtin_bswap32(key.v4.addr)), key.v4.prefix_len);
}

/// The bits of a prefix: `count` in a row.
struct Bits {
  std::uint32_t first, count;
};
Bits bits_of(const IpPrefix& prefix) {
  const std::uint32_t wide = prefix.length < 16 ? 1u << (16 - prefix.length) : 1;
  if (prefix.is_v4()) return {PW_ALLOW_V4_BIT(prefix.address.v4_host_order()), wide};
  std::uint32_t first = 0;
  std::memcpy(&first, prefix.address.bytes.data(), 4);
  first = __builtin_bswap32(first);
  if (prefix.length < 32) return {PW_ALLOW_V6_SHORT_BIT(first), wide};
  return {PW_ALLOW_V6_BIT(first), 1};
}

}  // namespace

Result<AllowTable> AllowTable::open(UniqueFd v4, UniqueFd v6, int hints) {
  auto mapped = MappedMap<__u64>::of(hints, false, "pw_allow_hints");
  if (!mapped) return tl::unexpected(mapped.error());
  AllowTable out{std::move(v4), std::move(v6), std::move(*mapped)};
  for (const bool family : {true, false}) {
    if (auto taken = out.take_entries(family); !taken) return tl::unexpected(taken.error());
  }
  out.set_bits_right();
  return out;
}

Result<void> AllowTable::take_entries(bool v4) {
  const int fd = (v4 ? v4_ : v6_).get();
  AllowKey key, next;
  const void* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, v4 ? static_cast<void*>(&next.v4) : &next.v6) == 0) {
    key = next;
    previous = key.of(v4);
    const auto prefix = prefix_of(key, v4);
    if (known_.insert(prefix).second) count(prefix, true, false);
  }
  if (errno != ENOENT) return fail(errno, "list the never-block table");
  return {};
}

/// Worked out aside: a bit that is needed is never unset in between.
void AllowTable::set_bits_right() {
  std::vector<__u64> own(hints_.entries());
  for (const auto& [bit, entries] : bits_) own[bit / 64] |= 1ull << (bit % 64);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (hints_.get()[i] != own[i]) store_word(hints_.get()[i], own[i]);
  }
}

void AllowTable::count(const IpPrefix& prefix, bool add, bool write) {
  const auto [first, count] = bits_of(prefix);
  for (std::uint32_t bit = first; bit < first + count; ++bit) {
    if (add) {
      if (++bits_[bit] == 1 && write) set_bit(hints_.get(), bit, true);
    } else if (const auto it = bits_.find(bit); --it->second == 0) {
      bits_.erase(it);
      if (write) set_bit(hints_.get(), bit, false);
    }
  }
}

Result<void> AllowTable::put(const IpPrefix& prefix, const pw_allow_entry& entry) {
  const bool added = known_.insert(prefix).second;
  if (added) count(prefix, true, true);
  const auto key = key_of(prefix);
  if (bpf_map_update_elem(map_of(prefix), key.of(prefix.is_v4()), &entry, BPF_ANY) == 0) return {};
  const int error = errno;
  if (added) {
    known_.erase(prefix);
    count(prefix, false, true);
  }
  return fail(error, "allow " + prefix.to_string());
}

Result<void> AllowTable::remove(const IpPrefix& prefix) {
  const auto key = key_of(prefix);
  if (bpf_map_delete_elem(map_of(prefix), key.of(prefix.is_v4())) != 0 && errno != ENOENT) {
    return fail(errno, "stop allowing " + prefix.to_string());
  }
  if (known_.erase(prefix) != 0) count(prefix, false, true);
  return {};
}

std::uint32_t AllowTable::capacity() const {
  std::uint32_t room = 0;
  for (const int fd : {v4_.get(), v6_.get()}) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) room += info.max_entries;
  }
  return room;
}

}  // namespace probewall
