// SPDX-License-Identifier: Apache-2.0
#include "bench/ring_drain.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace probewall::bench {
namespace {
std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
}  // namespace

Result<RingDrain> RingDrain::map(const std::vector<int>& rings) {
  RingDrain out;
  for (const int fd : rings) {
    // The consumer's page is writable, the producer's read-only (kernel/bpf/ringbuf.c).
    void* consumer = mmap(nullptr, page(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (consumer == MAP_FAILED) return fail(errno, "map a ring");
    void* producer = mmap(nullptr, page(), PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page()));
    if (producer == MAP_FAILED) {
      munmap(consumer, page());
      return fail(errno, "map a ring");
    }
    out.pages_.push_back(
        {static_cast<unsigned long*>(consumer), static_cast<const unsigned long*>(producer)});
  }
  return out;
}

RingDrain::~RingDrain() {
  for (const Positions& p : pages_) {
    munmap(p.consumer, page());
    munmap(const_cast<unsigned long*>(p.producer), page());
  }
}

void RingDrain::empty(unsigned ring) {
  const Positions& p = pages_[ring];
  const unsigned long written = __atomic_load_n(p.producer, __ATOMIC_ACQUIRE);
  __atomic_store_n(p.consumer, written, __ATOMIC_RELEASE);
}

}  // namespace probewall::bench
