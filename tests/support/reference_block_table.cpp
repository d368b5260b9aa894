// SPDX-License-Identifier: Apache-2.0
#include "support/reference_block_table.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace probewall {
namespace {

/// Owns one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

enum Table : std::size_t { kSingle4, kSingle6, kPrefix4, kPrefix6, kTables };
constexpr std::array<const char*, kTables> kNames{"pw_block_v4", "pw_block_v6", "pw_block_lpm4",
                                                  "pw_block_lpm6"};

/// A key of any of the four tables.
union Key {
  __be32 single4;
  pw_addr single6;
  pw_lpm_v4_key prefix4;
  pw_lpm_v6_key prefix6;
};

constexpr std::array<std::size_t, kTables> kKeySizes{sizeof(__be32), sizeof(pw_addr),
                                                     sizeof(pw_lpm_v4_key), sizeof(pw_lpm_v6_key)};

Table table_of(const IpPrefix& prefix) {
  if (prefix.is_single()) return prefix.is_v4() ? kSingle4 : kSingle6;
  return prefix.is_v4() ? kPrefix4 : kPrefix6;
}

Key prefix_key(const IpAddress& address, unsigned length) {
  Key key{};
  if (address.is_v4()) {
    key.prefix4.prefix_len = length;
    std::memcpy(&key.prefix4.addr, &address.bytes[12], 4);
  } else {
    key.prefix6.prefix_len = length;
    std::memcpy(key.prefix6.addr, address.bytes.data(), 16);
  }
  return key;
}

Key single_key(const IpAddress& address) {
  Key key{};
  if (address.is_v4()) {
    std::memcpy(&key.single4, &address.bytes[12], 4);
  } else {
    key.single6 = address.to_abi();
  }
  return key;
}

Key key_of(const IpPrefix& prefix) {
  return prefix.is_single() ? single_key(prefix.address)
                            : prefix_key(prefix.address, prefix.length);
}

IpAddress address_v4(__be32 network_order) {
  pw_addr addr{};
  addr.bytes[10] = addr.bytes[11] = 0xff;
  std::memcpy(&addr.bytes[12], &network_order, 4);
  return IpAddress::from_abi(addr);
}

IpPrefix prefix_of(Table table, const Key& key) {
  switch (table) {
    case kSingle4:
      return IpPrefix::of(address_v4(key.single4), 32);
    case kSingle6:
      return IpPrefix::of(IpAddress::from_abi(key.single6), 128);
    case kPrefix4:
      return IpPrefix::of(address_v4(key.prefix4.addr), key.prefix4.prefix_len);
    default: {
      pw_addr addr{};
      std::memcpy(addr.bytes, key.prefix6.addr, 16);
      return IpPrefix::of(IpAddress::from_abi(addr), key.prefix6.prefix_len);
    }
  }
}

bool live(const pw_block_entry& entry, std::uint32_t now_s) {
  return entry.expires_s == PW_NEVER_EXPIRES || now_s < entry.expires_s;
}

}  // namespace

struct ReferenceBlockTable::State {
  std::array<Fd, kTables> fds;

  /// 0, or the errno of the look-up.
  int look_up(Table table, const Key& key, pw_block_entry& entry) const {
    return bpf_map_lookup_elem(fds[table].get(), &key, &entry) == 0 ? 0 : errno;
  }
};

ReferenceBlockTable::ReferenceBlockTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReferenceBlockTable::ReferenceBlockTable(ReferenceBlockTable&&) noexcept = default;
ReferenceBlockTable& ReferenceBlockTable::operator=(ReferenceBlockTable&&) noexcept = default;
ReferenceBlockTable::~ReferenceBlockTable() = default;

Result<ReferenceBlockTable> ReferenceBlockTable::open(const std::string& pin_directory,
                                                      bool read_only) {
  auto state = std::make_unique<State>();
  LIBBPF_OPTS(bpf_obj_get_opts, options);
  options.file_flags = read_only ? BPF_F_RDONLY : 0;
  for (std::size_t i = 0; i < kTables; ++i) {
    const std::string path =
        pin_directory + "/v" + std::to_string(PW_ABI_VERSION) + "/" + kNames[i];
    const int fd = bpf_obj_get_opts(path.c_str(), &options);
    if (fd < 0) return fail(errno, "open block table " + path);
    state->fds[i] = Fd{fd};
  }
  return ReferenceBlockTable{std::move(state)};
}

Result<void> ReferenceBlockTable::put(const IpPrefix& prefix, const pw_block_entry& entry) {
  const Table table = table_of(prefix);
  const Key key = key_of(prefix);
  pw_block_entry stored = entry;
  stored.prefix_len = prefix.length;  // the kernel's walk to shorter prefixes relies on it
  if (bpf_map_update_elem(state_->fds[table].get(), &key, &stored, BPF_ANY) == 0) return {};
  // A full hash says E2BIG, a full trie ENOSPC.
  return fail(errno == E2BIG ? ENOSPC : errno,
              "write " + prefix.to_string() + " to " + kNames[table]);
}

Result<bool> ReferenceBlockTable::remove(const IpPrefix& prefix) {
  const Table table = table_of(prefix);
  const Key key = key_of(prefix);
  if (bpf_map_delete_elem(state_->fds[table].get(), &key) == 0) return true;
  if (errno == ENOENT) return false;
  return fail(errno, "remove " + prefix.to_string() + " from " + kNames[table]);
}

Result<std::optional<pw_block_entry>> ReferenceBlockTable::get(const IpPrefix& prefix) const {
  const Table table = table_of(prefix);
  pw_block_entry entry{};
  const int error = state_->look_up(table, key_of(prefix), entry);
  if (error == ENOENT) return std::nullopt;
  if (error != 0) return fail(error, "read " + prefix.to_string() + " from " + kNames[table]);
  // A trie answers with the longest match, which may be a shorter prefix than asked for.
  if (entry.prefix_len != prefix.length) return std::nullopt;
  return entry;
}

Result<std::optional<BlockRecord>> ReferenceBlockTable::match(const IpAddress& address,
                                                              std::uint32_t now_s) const {
  const unsigned width = address.is_v4() ? 32 : 128;
  std::optional<BlockRecord> best;
  const auto consider = [&](const pw_block_entry& entry, unsigned length) {
    if (pw_action_rank(entry.action) > (best ? pw_action_rank(best->entry.action) : 0) &&
        live(entry, now_s)) {
      best = BlockRecord{IpPrefix::of(address, length), entry};
    }
  };

  pw_block_entry entry{};
  int error = state_->look_up(address.is_v4() ? kSingle4 : kSingle6, single_key(address), entry);
  if (error == 0) {
    consider(entry, width);
  } else if (error != ENOENT) {
    return fail(error, "look up " + address.to_string());
  }
  const Table trie = address.is_v4() ? kPrefix4 : kPrefix6;
  unsigned length = width;
  while (!best || best->entry.action != PW_ACTION_DROP) {
    error = state_->look_up(trie, prefix_key(address, length), entry);
    if (error == ENOENT) break;
    if (error != 0) return fail(error, "look up " + address.to_string());
    consider(entry, entry.prefix_len);
    if (entry.prefix_len == 0 || entry.prefix_len > length) break;
    length = entry.prefix_len - 1u;
  }
  return best;
}

Result<void> ReferenceBlockTable::for_each(
    const std::function<bool(const BlockRecord&)>& visit) const {
  // In batches: a full table of a million entries takes a fraction of a second, not seconds.
  constexpr std::uint32_t kBatch = 4096;  // has to hold the largest hash bucket
  std::vector<char> keys(kBatch * sizeof(Key));
  std::vector<pw_block_entry> entries(kBatch);
  for (std::size_t i = 0; i < kTables; ++i) {
    const auto table = static_cast<Table>(i);
    Key at{};
    bool first = true;
    for (bool more = true; more; first = false) {
      std::uint32_t count = kBatch;
      const int failed = bpf_map_lookup_batch(state_->fds[i].get(), first ? nullptr : &at, &at,
                                              keys.data(), entries.data(), &count, nullptr);
      if (failed != 0 && errno != ENOENT) return fail(errno, std::string{"list "} + kNames[i]);
      more = failed == 0;
      for (std::uint32_t n = 0; n < count; ++n) {
        Key key{};
        std::memcpy(&key, keys.data() + n * kKeySizes[i], kKeySizes[i]);
        if (!visit({prefix_of(table, key), entries[n]})) return {};
      }
    }
  }
  return {};
}

Result<std::uint64_t> ReferenceBlockTable::sweep(
    std::uint32_t now_s, const std::function<void(const BlockRecord&)>& removed) {
  // Two passes: deleting the key an iteration stands on would start it over.
  std::vector<BlockRecord> expired;
  const auto listed = for_each([&](const BlockRecord& record) {
    if (!live(record.entry, now_s)) expired.push_back(record);
    return true;
  });
  if (!listed) return tl::unexpected(listed.error());
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

Result<std::uint64_t> ReferenceBlockTable::flush() {
  std::vector<IpPrefix> all;
  const auto listed = for_each([&](const BlockRecord& record) {
    all.push_back(record.prefix);
    return true;
  });
  if (!listed) return tl::unexpected(listed.error());
  std::uint64_t count = 0;
  for (const auto& prefix : all) {
    const auto gone = remove(prefix);
    if (!gone) return tl::unexpected(gone.error());
    count += *gone ? 1 : 0;
  }
  return count;
}

}  // namespace probewall
