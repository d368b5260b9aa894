// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <vector>

#include "dataplane/kernel_clock.hpp"
#include "dataplane/more_signal.hpp"
#include "dataplane/record_reader.hpp"
#include "dataplane/record_span.hpp"

namespace probewall {
namespace {

constexpr std::size_t kPagesPerCpu = 256;  // 1 MiB each
constexpr std::size_t kStagedPerCpu = 64;

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
    stages_.resize(perf_buffer__buffer_cnt(buffer_.get()));
    auto more = MoreSignal::in(poll_fd());
    if (!more) return tl::unexpected(more.error());
    more_ = std::move(*more);
    return {};
  }

  int poll_fd() const override { return perf_buffer__epoll_fd(buffer_.get()); }

  std::uint64_t drain(std::uint64_t limit) override {
    more_.clear();
    std::uint64_t handed = 0;
    do {
      handed += hand_over(sweep(), limit - handed);
    } while (handed < limit && any_staged());
    // perf announces a record once; what the limit left behind would wait for the next one.
    if (handed >= limit) more_.raise();
    return handed;
  }

 private:
  struct Record {
    std::uint64_t time_ns;
    std::vector<std::byte> bytes;
  };
  /// What was read from one CPU's buffer and not handed over, oldest first.
  struct Stage {
    std::deque<Record> records;
    bool more = false;  // the buffer may hold more
  };

  /// Reads the buffers of CPUs that have nothing staged. Returns a time: whatever a record up to
  /// then follows upon was submitted before this sweep began, so it is staged, and time gives the
  /// order.
  std::uint64_t sweep() {
    std::uint64_t whole_until = monotonic_ns();
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      filling_ = &stages_[i];
      if (filling_->records.empty()) {
        filling_->more = false;
        perf_buffer__consume_buffer(buffer_.get(), i);
      } else {
        filling_->more = true;  // not looked at again
      }
      if (filling_->more) whole_until = std::min(whole_until, filling_->records.back().time_ns);
    }
    return whole_until;
  }

  std::uint64_t hand_over(std::uint64_t until_ns, std::uint64_t limit) {
    std::uint64_t handed = 0;
    while (handed < limit) {
      Stage* first = nullptr;
      for (auto& stage : stages_) {
        if (stage.records.empty() || stage.records.front().time_ns > until_ns) continue;
        if (!first || stage.records.front().time_ns < first->records.front().time_ns)
          first = &stage;
      }
      if (!first) break;
      on_record_(record_span(first->records.front().bytes));
      first->records.pop_front();
      ++handed;
    }
    return handed;
  }

  bool any_staged() const {
    return std::any_of(stages_.begin(), stages_.end(),
                       [](const Stage& stage) { return !stage.records.empty(); });
  }

  static bpf_perf_event_ret on_event(void* self, int /*cpu*/, perf_event_header* event) {
    auto& reader = *static_cast<PerfReader*>(self);
    Stage& stage = *reader.filling_;
    if (event->type == PERF_RECORD_SAMPLE) {
      const auto* sample = reinterpret_cast<const RawSample*>(event);
      const auto* bytes = reinterpret_cast<const std::byte*>(&sample->size) + sizeof sample->size;
      stage.records.push_back({record_time({bytes, sample->size}), {bytes, bytes + sample->size}});
    } else if (event->type == PERF_RECORD_LOST) {
      reader.on_lost_(reinterpret_cast<const LostRecord*>(event)->lost);
    }
    stage.more = stage.records.size() >= kStagedPerCpu;
    return stage.more ? LIBBPF_PERF_EVENT_DONE : LIBBPF_PERF_EVENT_CONT;
  }

  std::unique_ptr<perf_buffer, FreePerfBuffer> buffer_;
  MoreSignal more_;
  OnRecord on_record_;
  OnLost on_lost_;
  std::vector<Stage> stages_;  // one per CPU's buffer
  Stage* filling_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::from_perf(int perf_map_fd, OnRecord on_record,
                                                              OnLost on_lost) {
  auto reader = std::make_unique<PerfReader>(std::move(on_record), std::move(on_lost));
  if (auto opened = reader->open(perf_map_fd); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<RecordReader>{std::move(reader)};
}

}  // namespace probewall
