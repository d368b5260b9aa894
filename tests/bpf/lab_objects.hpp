// SPDX-License-Identifier: Apache-2.0
// What a KernelLab owns; for its own source files only.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "kernel_lab.hpp"
#include "tc_egress.skel.h"
#include "tc_ingress.skel.h"
#include "xdp_filter.skel.h"

namespace probewall::test {

inline void must(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what + ": " + std::strerror(errno));
}

template <typename Skeleton>
struct Destroy {
  void operator()(Skeleton* s) const { Skeleton::destroy(s); }
};
template <typename Skeleton>
using Owned = std::unique_ptr<Skeleton, Destroy<Skeleton>>;

template <typename Value, typename Key>
std::optional<Value> look_up(int fd, const Key& key) {
  Value value{};
  if (bpf_map_lookup_elem(fd, &key, &value) != 0) return std::nullopt;
  return value;
}

/// Sizes as a loader would set them, small.
inline void set_sizes(bpf_object* object, const LabOptions& options) {
  const auto size = [&](const char* name, std::uint32_t entries) {
    if (auto* map = bpf_object__find_map_by_name(object, name))
      bpf_map__set_max_entries(map, entries);
  };
  size("pw_block_prefix", prefix_hash_entries(options.block_entries));
  for (const char* name : {"pw_block_v4", "pw_block_v6", "pw_block_lpm4", "pw_block_lpm6"})
    size(name, options.block_entries);  // the reference's
  size("pw_flows", options.flows);
  size("pw_sources", 1024);
  size("pw_rings", options.rings);
  size("pw_need_wake", options.rings);
}

struct KernelLab::Objects {
  static inline int loaded = 0;
  int number = loaded++;
  LabOptions options;
  Owned<xdp_filter_bpf> xdp;
  Owned<tc_ingress_bpf> in;
  Owned<tc_egress_bpf> out;
  struct RingReader {
    Objects* owner;
    std::uint32_t index;
  };
  std::vector<std::unique_ptr<RingReader>> readers;
  std::vector<int> ring_fds;
  ring_buffer* rings = nullptr;
  perf_buffer* perf = nullptr;
  std::uint64_t perf_lost = 0;
  std::vector<Record> received;

  ~Objects() {
    ring_buffer__free(rings);
    perf_buffer__free(perf);
    for (int fd : ring_fds) close(fd);
  }

  void receive(const void* data, std::size_t size, std::uint32_t ring) {
    Record record;
    record.room = size;
    record.ring = ring;
    must(size >= sizeof record.head, "record shorter than its header");
    std::memcpy(&record.head, data, sizeof record.head);
    must(sizeof record.head + record.head.cap_len <= size, "record shorter than cap_len");
    record.bytes.assign(static_cast<const char*>(data) + sizeof record.head, record.head.cap_len);
    received.push_back(std::move(record));
  }

  void open_rings() {
    const int outer = bpf_map__fd(xdp->maps.pw_rings);
    for (std::uint32_t i = 0; i < options.rings; ++i) {
      const int fd =
          bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pw_ring", 0, 0, options.ring_bytes, nullptr);
      must(fd >= 0, "create ring");
      ring_fds.push_back(fd);
      must(bpf_map_update_elem(outer, &i, &fd, BPF_ANY) == 0, "put ring");
      readers.push_back(std::make_unique<RingReader>(RingReader{this, i}));
      const auto handle = [](void* context, void* data, std::size_t size) {
        auto* reader = static_cast<RingReader*>(context);
        reader->owner->receive(data, size, reader->index);
        return 0;
      };
      if (rings == nullptr) {
        rings = ring_buffer__new(fd, handle, readers.back().get(), nullptr);
        must(rings != nullptr, "ring_buffer__new");
      } else {
        must(ring_buffer__add(rings, fd, handle, readers.back().get()) == 0, "ring_buffer__add");
      }
    }
  }

  void open_perf() {
    perf = perf_buffer__new(
        bpf_map__fd(xdp->maps.pw_perf), 16,
        [](void* context, int, void* data, __u32 size) {
          static_cast<Objects*>(context)->receive(data, size, 0);
        },
        [](void* context, int, __u64 lost) { static_cast<Objects*>(context)->perf_lost += lost; },
        this, nullptr);
    must(perf != nullptr, "perf_buffer__new");
  }
};

}  // namespace probewall::test
