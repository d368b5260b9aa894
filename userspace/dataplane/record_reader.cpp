// SPDX-License-Identifier: Apache-2.0
#include "dataplane/record_reader.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

#include "dataplane/more_signal.hpp"
#include "dataplane/record_span.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

constexpr auto kSpin = std::chrono::microseconds{20};
// Looks at a record that the kernel has reserved but not submitted (a hypervisor may have taken its
// CPU away) before the caller's loop gets its turn, with poll_fd() readable.
constexpr int kBusyRounds = 1000;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// A shared mapping, released in the destructor.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int fd, std::size_t size, int protection, off_t offset)
      : address_(mmap(nullptr, size, protection, MAP_SHARED, fd, offset)), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, MAP_FAILED)), size_(other.size_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping() {
    if (address_ != MAP_FAILED) munmap(address_, size_);
  }
  explicit operator bool() const { return address_ != MAP_FAILED; }
  template <typename T>
  T* at(std::size_t offset = 0) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(address_) + offset);
  }

 private:
  void* address_ = MAP_FAILED;
  std::size_t size_ = 0;
};

template <typename T>
T load_acquire(const T* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/// The consumer's side of one BPF_MAP_TYPE_RINGBUF (layout: kernel/bpf/ringbuf.c): one writable
/// page with the consumer position, one read-only page with the producer position, the data twice
/// in a row.
class Ring {
 public:
  static Result<Ring> map(int fd) {
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
      return fail(errno, "look at a ring buffer");
    if (info.type != BPF_MAP_TYPE_RINGBUF) return fail(EINVAL, "descriptor is not a ring buffer");
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    Ring ring;
    ring.size_ = info.max_entries;
    ring.consumer_ = Mapping{fd, page, PROT_READ | PROT_WRITE, 0};
    if (!ring.consumer_) return fail(errno, "map a ring buffer's consumer page");
    ring.producer_ = Mapping{fd, page + 2ul * ring.size_, PROT_READ, static_cast<off_t>(page)};
    if (!ring.producer_) return fail(errno, "map a ring buffer's records");
    ring.records_ = ring.producer_.at<const std::byte>(page);
    return ring;
  }

  bool has_records() const { return end() != *consumer_.at<unsigned long>(); }

  /// Producer position: all that is reserved up to now.
  unsigned long end() const { return load_acquire(producer_.at<const unsigned long>()); }

  /// Time of the next record; nothing while there is none or it is still being written.
  std::optional<std::uint64_t> next_time() {
    std::optional<std::uint64_t> time;
    walk(end(), [&time](ByteSpan record) {
      time = record_time(record);
      return false;
    });
    return time;
  }

  /// Hands over at most `limit` submitted records that lie before `end` and are no younger than
  /// `until_ns`; stops at one that is still being written.
  std::uint64_t consume(std::uint64_t limit, unsigned long end, std::uint64_t until_ns,
                        const RecordReader::OnRecord& on_record) {
    std::uint64_t handed = 0;
    walk(end, [&](ByteSpan record) {
      if (handed >= limit || record_time(record) > until_ns) return false;
      on_record(record_span(record));
      ++handed;
      return true;
    });
    return handed;
  }

 private:
  /// Gives submitted records to `take` and their room back to the kernel, until it says false.
  template <typename Take>
  void walk(unsigned long end, Take take) {
    auto* const consumer_word = consumer_.at<unsigned long>();
    unsigned long position = *consumer_word;
    while (position < end) {
      const std::byte* const header = records_ + (position & (size_ - 1));
      const auto word = load_acquire(reinterpret_cast<const std::uint32_t*>(header));
      if (word & BPF_RINGBUF_BUSY_BIT) return;
      const std::uint32_t length = word & ~BPF_RINGBUF_DISCARD_BIT;
      const bool discarded = word & BPF_RINGBUF_DISCARD_BIT;
      if (!discarded && !take(ByteSpan{header + BPF_RINGBUF_HDR_SZ, length})) return;
      position += (length + BPF_RINGBUF_HDR_SZ + 7u) & ~7u;
      __atomic_store_n(consumer_word, position, __ATOMIC_RELEASE);
    }
  }

  Mapping consumer_, producer_;
  const std::byte* records_ = nullptr;
  std::size_t size_ = 0;
};

/// pw_need_wake: one word per ring. The kernel program exchanges it for 0 after its reservation and
/// forces a wake-up when it was 1, so the reader arms it and then looks at the ring once more.
class WakeWords {
 public:
  static Result<WakeWords> map(int fd, unsigned first, std::size_t count) {
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return fail(errno, "look at pw_need_wake");
    if (info.value_size != sizeof(std::uint64_t) || first + count > info.max_entries) {
      return fail(EINVAL, "pw_need_wake has another shape");
    }
    WakeWords words;
    words.first_ = first;
    words.count_ = count;
    words.mapping_ =
        Mapping{fd, sizeof(std::uint64_t) * info.max_entries, PROT_READ | PROT_WRITE, 0};
    if (!words.mapping_) return fail(errno, "map pw_need_wake");
    return words;
  }
  void set(std::uint64_t value) {
    for (std::size_t i = 0; i < count_; ++i) {
      __atomic_exchange_n(mapping_.at<std::uint64_t>(sizeof value * (first_ + i)), value,
                          __ATOMIC_SEQ_CST);
    }
  }

 private:
  Mapping mapping_;
  std::size_t first_ = 0, count_ = 0;
};

class RingReader final : public RecordReader {
 public:
  RingReader(std::vector<Ring> rings, std::vector<UniqueFd> ring_fds, WakeWords words,
             UniqueFd epoll_fd, MoreSignal more, OnRecord on_record)
      : rings_(std::move(rings)),
        ring_fds_(std::move(ring_fds)),
        words_(std::move(words)),
        epoll_fd_(std::move(epoll_fd)),
        more_(std::move(more)),
        on_record_(std::move(on_record)) {
    more_.raise();  // the words are not armed yet: the first drain does it
  }

  int poll_fd() const override { return epoll_fd_.get(); }

  std::uint64_t drain(std::uint64_t limit) override {
    words_.set(0);
    more_.clear();
    std::uint64_t handed = 0;
    for (int busy_rounds = 0;; ++busy_rounds) {
      handed += pass_and_spin(limit - handed);
      const bool give_way = handed >= limit || busy_rounds >= kBusyRounds;
      if (!(give_way && any_records())) {
        words_.set(1);
        if (!any_records()) return handed;
        // Reserved before the word was set: its program may have seen 0 and will not wake us.
        words_.set(0);
      }
      if (give_way) {
        more_.raise();
        return handed;
      }
    }
  }

 private:
  /// Reads until nothing new came for kSpin. An idle wake-up does not spin.
  std::uint64_t pass_and_spin(std::uint64_t limit) {
    std::uint64_t handed = pass(limit);
    if (handed == 0) return 0;
    auto idle_since = std::chrono::steady_clock::now();
    while (handed < limit) {
      const std::uint64_t more = pass(limit - handed);
      handed += more;
      const auto now = std::chrono::steady_clock::now();
      if (more > 0) {
        idle_since = now;
      } else if (now - idle_since >= kSpin) {
        break;
      }
      pause_cpu();
    }
    return handed;
  }
  /// Hands over what is there, the rings' records merged by time.
  std::uint64_t pass(std::uint64_t limit) {
    std::uint64_t handed = 0;
    while (handed < limit) {
      auto [first, time] = earliest(nullptr);
      if (first == nullptr) break;
      // The other rings are looked at after `end` was read: an answer that a record before `end`
      // follows upon was submitted earlier, so it is seen now and goes first.
      for (;;) {
        const unsigned long end = first->end();
        const auto [other, other_time] = earliest(first);
        if (other != nullptr && other_time < time) {
          std::tie(first, time) = std::pair{other, other_time};
          continue;
        }
        handed += first->consume(limit - handed, end, other ? other_time : UINT64_MAX, on_record_);
        break;
      }
    }
    return handed;
  }
  /// The ring with the oldest next record, but for `except`; null where no other has any.
  std::pair<Ring*, std::uint64_t> earliest(const Ring* except) {
    std::pair<Ring*, std::uint64_t> best{nullptr, UINT64_MAX};
    for (auto& ring : rings_) {
      if (&ring == except) continue;
      const auto time = ring.next_time();
      if (time && (best.first == nullptr || *time < best.second)) best = {&ring, *time};
    }
    return best;
  }
  bool any_records() const {
    return std::any_of(rings_.begin(), rings_.end(), [](const Ring& r) { return r.has_records(); });
  }

  std::vector<Ring> rings_;
  std::vector<UniqueFd> ring_fds_;  // epoll forgets a descriptor that is closed
  WakeWords words_;
  UniqueFd epoll_fd_;
  MoreSignal more_;
  OnRecord on_record_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::from_rings(std::span<const int> ring_fds,
                                                               int need_wake_fd, OnRecord on_record,
                                                               unsigned first_ring) {
  if (ring_fds.empty()) return fail(EINVAL, "no ring buffer to read");
  UniqueFd epoll_fd{epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll_fd) return fail(errno, "epoll_create1");
  auto more = MoreSignal::in(epoll_fd.get());
  if (!more) return tl::unexpected(more.error());
  std::vector<Ring> rings;
  std::vector<UniqueFd> own_fds;
  for (const int fd : ring_fds) {
    auto ring = Ring::map(fd);
    if (!ring) return tl::unexpected(ring.error());
    rings.push_back(std::move(*ring));
    UniqueFd own{fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (!own) return fail(errno, "duplicate a ring buffer's descriptor");
    if (auto added = watch_readable(epoll_fd.get(), own.get()); !added) {
      return tl::unexpected(added.error());
    }
    own_fds.push_back(std::move(own));
  }
  auto words = WakeWords::map(need_wake_fd, first_ring, ring_fds.size());
  if (!words) return tl::unexpected(words.error());
  auto reader =
      std::make_unique<RingReader>(std::move(rings), std::move(own_fds), std::move(*words),
                                   std::move(epoll_fd), std::move(*more), std::move(on_record));
  return std::unique_ptr<RecordReader>{std::move(reader)};
}

}  // namespace probewall
