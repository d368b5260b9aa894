// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/lab.hpp"
#include "dataplane/record_reader.hpp"
#include "dataplane/record_span.hpp"
#include "dataplane/traffic.hpp"

namespace probewall {
namespace {

using lab::Lab;

struct Captured {
  pw_record head{};
  std::string bytes;
};

Captured parse(ByteSpan record) {
  Captured out;
  std::memcpy(&out.head, record.data(), sizeof out.head);
  out.bytes = as_text(record.subspan(sizeof out.head));
  return out;
}

/// Reads as the worker does, until `wanted` CAPTURE records came.
class Collector {
 public:
  explicit Collector(const WorkerDescriptors& descriptors) {
    const auto on_record = [this](ByteSpan record) {
      if (parse(record).head.type == PW_RECORD_CAPTURE) captures.push_back(parse(record));
    };
    auto opened =
        descriptors.perf_events >= 0
            ? RecordReader::from_perf(descriptors.perf_events, on_record,
                                      [this](std::uint64_t n) { lost += n; })
            : RecordReader::from_rings(descriptors.rings, descriptors.need_wake, on_record);
    if (!opened) throw std::runtime_error(opened.error().message);
    reader = std::move(*opened);
    reader->drain(1000);
  }
  void wait_for(std::size_t wanted, std::uint64_t limit = 1000) {
    while (captures.size() < wanted) {
      pollfd waiting{reader->poll_fd(), POLLIN, 0};
      ASSERT_EQ(poll(&waiting, 1, 30000), 1) << captures.size() << " of " << wanted;
      reader->drain(limit);
    }
  }
  std::vector<Captured> captures;
  std::uint64_t lost = 0;
  std::unique_ptr<RecordReader> reader;
};

struct Case {
  const char* name;
  Transport transport;
  XdpMode mode;
  const char* address;
};
/// Attached to g0, read from by a collector, with a server that listens.
class Delivery : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    Config config = lab_.config();
    config.capture.transport = GetParam().transport;
    config.xdp.mode = GetParam().mode;
    dataplane_ = lab_.start(config);
    const auto report = dataplane_->attach("g0");
    ASSERT_TRUE(report) << report.error().message;
    slot_ = report->slot;
    collector_.emplace(dataplane_->worker_descriptors());
    listener_ = lab::listen_in(lab_.gateway(), "::", 11434);
  }
  UniqueFd connect() const { return lab::connect_from(lab_.client(), GetParam().address, 11434); }

  const Lab lab_;
  std::unique_ptr<Dataplane> dataplane_;
  unsigned slot_ = 0;
  std::optional<Collector> collector_;
  UniqueFd listener_;
};

TEST_P(Delivery, BringsARealRequestProvenAndWhole) {
  const auto client = connect();
  const auto server = lab::accept_one(listener_);
  const std::string request = "GET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n";

  lab::send_text(client, request);
  collector_->wait_for(1);

  ASSERT_EQ(collector_->captures.size(), 1u);
  const Captured& got = collector_->captures[0];
  EXPECT_EQ(got.bytes, request);
  EXPECT_TRUE(got.head.flags & PW_RECORD_PROVEN);
  EXPECT_TRUE(got.head.flags & PW_RECORD_ANCHORED);
  EXPECT_EQ(got.head.isn1, got.head.seq);
  EXPECT_EQ(got.head.interface_slot, slot_);
  EXPECT_EQ(got.head.service, PW_SERVICE_OLLAMA);
  EXPECT_EQ(FlowKey::from_abi(got.head.flow).server.to_string(), GetParam().address);
  EXPECT_EQ(FlowKey::from_abi(got.head.flow).server_port, 11434);
  EXPECT_EQ(lab::receive(server, request.size()), request);
  const auto counters = CounterView::map(dataplane_->worker_descriptors().counters);
  ASSERT_TRUE(counters);
  EXPECT_GE(counters->sum(slot_).records[PW_RECORD_CAPTURE], 1u);
  EXPECT_EQ(collector_->lost, 0u);
}

TEST_P(Delivery, HandsOverEverythingInSmallPortionsToo) {
  constexpr std::size_t kConnections = 40;
  std::vector<UniqueFd> open;

  for (std::size_t i = 0; i < kConnections; ++i) {
    open.push_back(connect());
    open.push_back(lab::accept_one(listener_));
    lab::send_text(open[open.size() - 2], "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n");
    lab::receive(open.back(), 10);
  }
  collector_->wait_for(kConnections, 3);

  EXPECT_EQ(collector_->captures.size(), kConnections);
}

/// The calling thread runs on this CPU until the object goes; its packets are handled there too.
class OnCpu {
 public:
  explicit OnCpu(int cpu) {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) throw std::runtime_error("no such CPU");
  }
  ~OnCpu() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

TEST_P(Delivery, MergesTheRecordsOfAllProcessorsByTime) {
  const auto client = connect();
  const auto server = lab::accept_one(listener_);
  constexpr std::size_t kRequests = 120;  // more than are taken from one buffer in a row
  const auto request = [](std::size_t i) {
    return "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  };

  for (std::size_t i = 0; i < kRequests; ++i) {
    const OnCpu cpu{static_cast<int>(i % 2)};
    lab::send_text(client, request(i));
    ASSERT_EQ(lab::receive(server, request(i).size()), request(i));
    // The kernel gives a connection new room to capture when its request was answered.
    lab::send_text(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    lab::receive(client, 38);
  }
  collector_->wait_for(kRequests, 7);

  for (std::size_t i = 0; i < kRequests; ++i) EXPECT_EQ(collector_->captures[i].bytes, request(i));
}

INSTANTIATE_TEST_SUITE_P(
    Transports, Delivery,
    testing::Values(Case{"RingGenericV4", Transport::kRing, XdpMode::kGeneric, "10.77.0.1"},
                    Case{"RingNativeV6", Transport::kRing, XdpMode::kNative, "fd77::1"},
                    Case{"PerfGenericV6", Transport::kPerf, XdpMode::kGeneric, "fd77::1"},
                    Case{"PerfNativeV4", Transport::kPerf, XdpMode::kNative, "10.77.0.1"}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(Rings, ProgramsAttachedEarlierWriteToTheRingsOfTheNextStart) {
  const Lab lab;
  ASSERT_TRUE(lab.start(lab.config())->attach("g0"));
  const auto second = lab.start(lab.config());  // opened, nothing attached yet
  Collector collector{second->worker_descriptors()};
  const auto listener = lab::listen_in(lab.gateway(), "::", 11434);
  const auto client = lab::connect_from(lab.client(), "10.77.0.1", 11434);

  lab::send_text(client, "GET / HTTP/1.1\r\n\r\n");
  collector.wait_for(1);

  EXPECT_EQ(collector.captures.size(), 1u);
}

TEST(Rings, DescriptorsMayBeClosedAfterTheReaderIsThere) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  const auto& descriptors = dataplane->worker_descriptors();
  std::vector<int> copies;
  for (const int fd : descriptors.rings) copies.push_back(dup(fd));
  const int need_wake = dup(descriptors.need_wake);
  std::size_t records = 0;
  auto reader = RecordReader::from_rings(copies, need_wake, [&](ByteSpan) { ++records; });
  ASSERT_TRUE(reader);
  for (const int fd : copies) close(fd);
  close(need_wake);
  (*reader)->drain(1000);
  const auto listener = lab::listen_in(lab.gateway(), "::", 11434);
  const auto client = lab::connect_from(lab.client(), "10.77.0.1", 11434);

  lab::send_text(client, "GET / HTTP/1.1\r\n\r\n");
  while (records == 0) {
    pollfd waiting{(*reader)->poll_fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 30000), 1);
    (*reader)->drain(1000);
  }
  SUCCEED();
}

TEST(Skip, WordStoredByTheWorkerIsSeenInTheMap) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  auto first = SkipWriter::map(dataplane->worker_descriptors().skip);
  auto second = SkipWriter::map(dataplane->worker_descriptors().skip);
  ASSERT_TRUE(first && second);

  first->store(7, 0x11223344, 0x55667788);
  first->store(PW_SKIP_SLOTS, 1, 1);  // from a malformed record: no harm

  EXPECT_EQ(second->load(7), PW_SKIP_WORD(0x11223344u, 0x55667788u));
}

TEST(RecordSpan, CutsSlackAndLeavesTooShortRecordsAlone) {
  std::vector<std::byte> raw(sizeof(pw_record) + 16);
  pw_record head{};
  head.cap_len = 10;
  std::memcpy(raw.data(), &head, sizeof head);

  EXPECT_EQ(record_span(raw).size(), sizeof(pw_record) + 10);
  EXPECT_EQ(record_span(ByteSpan{raw}.first(sizeof(pw_record) + 9)).size(), sizeof(pw_record) + 9);
  EXPECT_EQ(record_span(ByteSpan{raw}.first(5)).size(), 5u);
}

}  // namespace
}  // namespace probewall
