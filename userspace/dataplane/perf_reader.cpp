// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include <cerrno>
#include <memory>

#include "dataplane/more_signal.hpp"
#include "dataplane/record_reader.hpp"
#include "dataplane/record_span.hpp"

namespace probewall {
namespace {

constexpr std::size_t kPagesPerCpu = 256;  // 1 MiB each

struct FreePerfBuffer {
  void operator()(perf_buffer* buffer) const { perf_buffer__free(buffer); }
};

/// What stands before the bytes of a PERF_RECORD_SAMPLE with sample_type RAW.
struct RawSample {
  perf_event_header header;
  std::uint32_t size;
};
struct LostRecord {
  perf_event_header header;
  std::uint64_t id;
  std::uint64_t lost;
};

class PerfReader final : public RecordReader {
 public:
  PerfReader(OnRecord on_record, OnLost on_lost)
      : on_record_(std::move(on_record)), on_lost_(std::move(on_lost)) {}

  Result<void> open(int map_fd) {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_BPF_OUTPUT;
    attr.sample_type = PERF_SAMPLE_RAW;
    attr.sample_period = 1;
    attr.wakeup_events = 1;
    perf_buffer_raw_opts opts{};
    opts.sz = sizeof opts;
    buffer_.reset(
        perf_buffer__new_raw(map_fd, kPagesPerCpu, &attr, &PerfReader::on_event, this, &opts));
    if (!buffer_) return fail(errno, "open the perf buffer (needs CAP_PERFMON)");
    auto more = MoreSignal::in(poll_fd());
    if (!more) return tl::unexpected(more.error());
    more_ = std::move(*more);
    return {};
  }

  int poll_fd() const override { return perf_buffer__epoll_fd(buffer_.get()); }

  std::uint64_t drain(std::uint64_t limit) override {
    more_.clear();
    limit_ = limit;
    handed_ = 0;
    const std::size_t buffers = perf_buffer__buffer_cnt(buffer_.get());
    for (std::size_t i = 0; i < buffers && handed_ < limit_; ++i) {
      next_ = (next_ + 1) % buffers;  // a busy CPU must not starve the others
      perf_buffer__consume_buffer(buffer_.get(), next_);
    }
    // perf announces a record once; what the limit left behind would wait for the next one.
    if (handed_ >= limit_) more_.raise();
    return handed_;
  }

 private:
  static bpf_perf_event_ret on_event(void* self, int /*cpu*/, perf_event_header* event) {
    auto& reader = *static_cast<PerfReader*>(self);
    if (event->type == PERF_RECORD_SAMPLE) {
      const auto* sample = reinterpret_cast<const RawSample*>(event);
      const auto* bytes = reinterpret_cast<const std::byte*>(&sample->size) + sizeof sample->size;
      reader.on_record_(record_span({bytes, sample->size}));
      ++reader.handed_;
    } else if (event->type == PERF_RECORD_LOST) {
      reader.on_lost_(reinterpret_cast<const LostRecord*>(event)->lost);
    }
    return reader.handed_ < reader.limit_ ? LIBBPF_PERF_EVENT_CONT : LIBBPF_PERF_EVENT_DONE;
  }

  std::unique_ptr<perf_buffer, FreePerfBuffer> buffer_;
  MoreSignal more_;
  OnRecord on_record_;
  OnLost on_lost_;
  std::uint64_t limit_ = 0, handed_ = 0;
  std::size_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::from_perf(int perf_map_fd, OnRecord on_record,
                                                              OnLost on_lost) {
  auto reader = std::make_unique<PerfReader>(std::move(on_record), std::move(on_lost));
  if (auto opened = reader->open(perf_map_fd); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<RecordReader>{std::move(reader)};
}

}  // namespace probewall
