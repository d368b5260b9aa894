// SPDX-License-Identifier: Apache-2.0
#include "dataplane/former_blocks.hpp"

#include <bpf/bpf.h>

#include <bit>
#include <cerrno>

#include "dataplane/block_singles.hpp"
#include "dataplane/map_migration.hpp"
#include "dataplane/pinned_shape.hpp"
#include "dataplane/prefix_hash.hpp"

namespace probewall {
namespace {

class FormerBlocks {
 public:
  FormerBlocks(BlockTable& table, std::uint32_t now_s) : table_(table), now_s_(now_s) {}

  template <typename S>
  Result<void> take_singles(const std::string& directory, const char* name) {
    const auto outer = open_pinned_map(former_pin(directory, name));
    if (!outer) return tl::unexpected(outer.error());
    if (!*outer) return {};
    if ((*outer)->shape.type != BPF_MAP_TYPE_ARRAY_OF_MAPS) return unread(name);
    std::uint32_t id = 0;
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem((*outer)->fd.get(), &zero, &id) != 0) {
      return errno == ENOENT ? Result<void>{} : unread(name);
    }
    const UniqueFd inner{bpf_map_get_fd_by_id(id)};
    if (!inner || !is_bucket_table(inner.get(), S::kHandleStride)) return unread(name);
    PrefixHash no_spill{UniqueFd{}};
    const auto singles = SingleTable<S>::open((*outer)->fd.get(), name, {}, true, no_spill);
    if (!singles) return unread(name);
    Result<void> taken{};
    singles->for_each([&](const auto& key, const SlotEntry& entry) {
      taken = take({S::address_of(key), S::kLength}, entry.entry(S::kLength));
      return taken.has_value();
    });
    return taken;
  }

  Result<void> take_prefixes(const std::string& directory) {
    constexpr const char* kName = "pw_block_prefix";
    auto former = open_pinned_map(former_pin(directory, kName));
    if (!former) return tl::unexpected(former.error());
    if (!*former) return {};
    const auto& shape = (*former)->shape;
    if (shape.type != BPF_MAP_TYPE_HASH || shape.key_size != sizeof(pw_prefix_key) ||
        shape.value_size != sizeof(pw_block_entry)) {
      return unread(kName);
    }
    Result<void> taken{};
    const auto walked = PrefixHash{std::move((*former)->fd)}.walk(
        [&](const IpPrefix& prefix, const pw_block_entry& entry) {
          taken = take(prefix, entry);
          return taken.has_value();
        });
    return walked ? taken : walked;
  }

  CarriedBlocks result() && { return std::move(out_); }

 private:
  /// Lines of the right size, as many as the header says.
  static bool is_bucket_table(int fd, unsigned handle_stride) {
    const auto lines = MappedMap<pw_block_line>::of(fd, true, "a former block table");
    if (!lines || lines->entries() <= PW_BLOCK_FIRST_BUCKET) return false;
    const std::uint64_t buckets = reinterpret_cast<const pw_block_header*>(lines->get())->mask + 1;
    return std::has_single_bit(buckets) && buckets <= lines->entries() &&
           lines->entries() == PW_BLOCK_FIRST_BUCKET + buckets +
                                   buckets * handle_stride * 4 / sizeof(pw_block_line);
  }

  Result<void> unread(const char* name) {
    out_.unread.emplace_back(name);
    return {};
  }

  Result<void> take(const IpPrefix& prefix, const pw_block_entry& entry) {
    const bool in_force = entry.expires_s == PW_NEVER_EXPIRES || now_s_ < entry.expires_s;
    if (!in_force || pw_action_rank(entry.action) == 0) return {};
    const auto there = table_.get(prefix);
    if (!there) return tl::unexpected(there.error());
    if (*there) return {};
    const auto put = table_.put(prefix, entry);
    if (put) {
      ++out_.carried;
    } else if (put.error().errno_value == ENOSPC) {
      ++out_.no_room;
    } else {
      return put;
    }
    return {};
  }

  BlockTable& table_;
  std::uint32_t now_s_;
  CarriedBlocks out_;
};

}  // namespace

Result<CarriedBlocks> carry_former_blocks(const std::string& versioned_directory, BlockTable& table,
                                          std::uint32_t now_s) {
  FormerBlocks former{table, now_s};
  for (auto& taken : {former.take_singles<V4Slots>(versioned_directory, "pw_block_ip4"),
                      former.take_singles<V6Slots>(versioned_directory, "pw_block_ip6"),
                      former.take_prefixes(versioned_directory)}) {
    if (!taken) return tl::unexpected(taken.error());
  }
  return std::move(former).result();
}

}  // namespace probewall
