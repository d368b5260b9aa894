// SPDX-License-Identifier: Apache-2.0
#include "dataplane/prefix_hash.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <vector>

namespace probewall {
namespace {

pw_prefix_key key_of(const IpPrefix& p) {
  pw_prefix_key k{};
  k.addr = p.address.to_abi();
  k.length = p.length;
  k.family = p.is_v4() ? PW_FAMILY_IPV4 : PW_FAMILY_IPV6;
  return k;
}

IpPrefix single(const IpAddress& a) { return IpPrefix::of(a, a.is_v4() ? 32 : 128); }

}  // namespace

Result<std::optional<pw_block_entry>> PrefixHash::get(const IpPrefix& prefix) const {
  const auto key = key_of(prefix);
  pw_block_entry entry{};
  if (bpf_map_lookup_elem(fd_.get(), &key, &entry) == 0) return entry;
  if (errno == ENOENT) return std::nullopt;
  return fail(errno, "look up " + prefix.to_string());
}

Result<bool> PrefixHash::put(const IpPrefix& prefix, const pw_block_entry& entry, bool may_add) {
  const auto key = key_of(prefix);
  pw_block_entry value = entry;
  value.prefix_len = prefix.length;
  if (may_add) {
    if (bpf_map_update_elem(fd_.get(), &key, &value, BPF_NOEXIST) == 0) return true;
    if (errno != EEXIST) {
      return fail(errno == E2BIG ? ENOSPC : errno, "block " + prefix.to_string());
    }
  }
  if (bpf_map_update_elem(fd_.get(), &key, &value, BPF_EXIST) == 0) return false;
  return fail(errno == ENOENT ? ENOSPC : errno, "block " + prefix.to_string());
}

Result<bool> PrefixHash::remove(const IpPrefix& prefix) {
  const auto key = key_of(prefix);
  if (bpf_map_delete_elem(fd_.get(), &key) == 0) return true;
  if (errno == ENOENT) return false;
  return fail(errno, "unblock " + prefix.to_string());
}

Result<void> PrefixHash::walk(
    const std::function<bool(const IpPrefix&, const pw_block_entry&)>& visit) const {
  // In batches: a full table takes a fraction of a second, not seconds. One has to hold the largest
  // bucket of the hash.
  constexpr __u32 kBatch = 4096;
  std::vector<pw_prefix_key> keys(kBatch);
  std::vector<pw_block_entry> entries(kBatch);
  __u32 position = 0;
  for (bool first = true, more = true; more; first = false) {
    __u32 count = kBatch;
    const int failed = bpf_map_lookup_batch(fd_.get(), first ? nullptr : &position, &position,
                                            keys.data(), entries.data(), &count, nullptr);
    if (failed != 0 && errno != ENOENT) return fail(errno, "list the blocked prefixes");
    more = failed == 0;
    for (__u32 i = 0; i < count; ++i) {
      const IpPrefix prefix{IpAddress::from_abi(keys[i].addr),
                            static_cast<std::uint8_t>(keys[i].length)};
      if (!visit(prefix, entries[i])) return {};
    }
  }
  return {};
}

Result<void> PrefixHash::put(const IpAddress& address, const pw_block_entry& entry) {
  const auto added = put(single(address), entry, true);
  if (!added) return tl::unexpected(added.error());
  return {};
}

void PrefixHash::remove(const IpAddress& address) { (void)remove(single(address)); }

}  // namespace probewall
