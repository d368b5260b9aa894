// SPDX-License-Identifier: Apache-2.0
#include "dataplane/block_migration.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "dataplane/map_migration.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

/// One of the former tables: its key ends in an address, behind a length if it is a trie.
struct PlainTable {
  const char* name;
  bool v4;
  bool trie;

  std::uint32_t address_size() const { return v4 ? 4 : 16; }
  std::uint32_t key_size() const { return address_size() + (trie ? 4 : 0); }
  IpPrefix prefix_of(const char* key) const {
    std::uint32_t length = v4 ? 32 : 128;
    if (trie) std::memcpy(&length, key, sizeof length);
    pw_addr addr{};
    if (v4) addr.bytes[10] = addr.bytes[11] = 0xff;
    std::memcpy(addr.bytes + 16 - address_size(), key + (trie ? 4 : 0), address_size());
    return IpPrefix::of(IpAddress::from_abi(addr), length);
  }
};

constexpr PlainTable kTables[] = {{"pw_block_v4", true, false},
                                  {"pw_block_v6", false, false},
                                  {"pw_block_lpm4", true, true},
                                  {"pw_block_lpm6", false, true}};

Result<void> take(const PlainTable& from, int fd, BlockTable& table) {
  std::vector<char> key(from.key_size()), next(from.key_size());
  for (const void* previous = nullptr; bpf_map_get_next_key(fd, previous, next.data()) == 0;
       previous = key.data()) {
    key = next;
    pw_block_entry entry{};
    if (bpf_map_lookup_elem(fd, key.data(), &entry) != 0) continue;
    if (pw_action_rank(entry.action) == 0) continue;
    const auto prefix = from.prefix_of(key.data());
    const auto known = table.get(prefix);
    if (!known) return tl::unexpected(known.error());
    if (*known) continue;  // an earlier start got this far, and what is there may be newer
    if (auto put = table.put(prefix, entry); !put) return put;
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> adopt_plain_tables(const std::string& versioned_directory,
                                                    BlockTable& table) {
  std::vector<std::string> unknown;
  for (const auto& from : kTables) {
    const std::string path = versioned_directory + "/" + from.name;
    const UniqueFd fd{bpf_obj_get(path.c_str())};
    if (!fd && errno == ENOENT) continue;
    if (!fd) return fail(errno, "open " + path);
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0)
      return fail(errno, "look at " + path);
    const auto type = from.trie ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_HASH;
    if (info.type != static_cast<__u32>(type) || info.key_size != from.key_size() ||
        info.value_size != sizeof(pw_block_entry)) {
      // Not a table of any version that this one follows: its programs go on with it until they are
      // replaced.
      if (std::rename(path.c_str(), former_pin(versioned_directory, from.name).c_str()) != 0) {
        return fail(errno, "set " + path + " aside");
      }
      unknown.emplace_back(from.name);
      continue;
    }
    if (auto taken = take(from, fd.get(), table); !taken) return tl::unexpected(taken.error());
    if (unlink(path.c_str()) != 0) return fail(errno, "remove " + path);
  }
  return unknown;
}

}  // namespace probewall
