// SPDX-License-Identifier: Apache-2.0
#include "capture_file/capture_reader.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

#include "capture_file/capture_input.hpp"
#include "capture_file/classic_pcap.hpp"

namespace probewall {
namespace {

constexpr std::uint64_t kRecordHeader = 16;          // classic pcap
constexpr std::int64_t kLastSecond = 8'000'000'000;  // in 2223: leaves room for ban lengths
constexpr unsigned char kPcapngMagic[4] = {0x0a, 0x0d, 0x0d, 0x0a};

std::optional<LinkType> link_type_of(int datalink) {
  switch (datalink) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return LinkType::kRawIp;
    case DLT_LINUX_SLL:
      return LinkType::kLinuxSll;
    case DLT_LINUX_SLL2:
      return LinkType::kLinuxSll2;
    case DLT_NULL:
    case DLT_LOOP:
      return LinkType::kNull;
    default:
      return std::nullopt;
  }
}

/// libpcap takes any four bytes for a bad format, so tell a capture from other files first.
bool looks_like_capture(const unsigned char (&magic)[4]) {
  static constexpr unsigned char kMagics[][4] = {{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1},
                                                 {0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1},
                                                 {0xa1, 0xb2, 0xcd, 0x34}, {0x34, 0xcd, 0xb2, 0xa1},
                                                 {0x0a, 0x0d, 0x0d, 0x0a}};
  for (const auto& known : kMagics) {
    if (std::memcmp(magic, known, 4) == 0) return true;
  }
  return false;
}

/// Captures are often kept compressed.
std::string advice_on_compressed(const unsigned char (&magic)[4], const std::string& path) {
  static constexpr struct {
    unsigned char magic[2];
    const char* reader;
  } kKinds[] = {{{0x1f, 0x8b}, "zcat"}, {{0x28, 0xb5}, "zstdcat"}, {{0xfd, 0x37}, "xzcat"}};
  for (const auto& kind : kKinds) {
    if (std::memcmp(magic, kind.magic, sizeof kind.magic) != 0) continue;
    return fmt::format("; it is compressed: {} {} | probewall replay -", kind.reader,
                       path == "-" ? "FILE" : path);
  }
  return {};
}

}  // namespace

struct CaptureReader::State {
  std::string name;
  pcap_t* handle = nullptr;
  LinkType link = LinkType::kEthernet;
  bool classic = true;
  ClassicPcap records;  ///< of a classic file; libpcap has read its header
  std::uint64_t offset = 0;
  std::string why;

  static Timestamp time_of(std::int64_t seconds, std::int64_t ns);
  ReadStatus next_classic(CapturedPacket& packet);
  ReadStatus next_by_library(CapturedPacket& packet);

  ~State() {
    if (handle != nullptr) pcap_close(handle);  // closes the file as well
  }
};

CaptureReader::CaptureReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureReader::CaptureReader(CaptureReader&&) noexcept = default;
CaptureReader& CaptureReader::operator=(CaptureReader&&) noexcept = default;
CaptureReader::~CaptureReader() = default;

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  auto input = CaptureInput::open(path);
  if (!input) return tl::make_unexpected(input.error());
  const auto& magic = input->magic;
  if (input->magic_size < sizeof magic || !looks_like_capture(magic)) {
    return fail(ExitStatus::kFailed, input->name +
                                         ": not a capture file (neither pcap nor pcapng)" +
                                         advice_on_compressed(magic, path));
  }
  auto state = std::make_unique<State>();
  state->name = input->name;
  const bool pcapng = std::memcmp(magic, kPcapngMagic, 4) == 0;
  state->offset = kCaptureFileHeader;
  char why[PCAP_ERRBUF_SIZE] = {};
  state->handle = pcap_fopen_offline_with_tstamp_precision(input->stream.get(),
                                                           PCAP_TSTAMP_PRECISION_NANO, why);
  if (state->handle == nullptr) {
    return fail(ExitStatus::kFailed,
                fmt::format("{}: broken in the file header: {}", input->name, why));
  }
  static_cast<void>(input->stream.release());  // now the handle's
  // The patched format (its magic ends in cd34) and versions before 2.4 have other record headers.
  const bool patched = magic[0] == 0x34 || magic[3] == 0x34;
  state->classic = !pcapng && !patched && pcap_major_version(state->handle) == 2 &&
                   pcap_minor_version(state->handle) == 4;
  if (!state->classic) {
    state->offset = static_cast<std::uint64_t>(std::ftell(pcap_file(state->handle)));
  }
  const int datalink = pcap_datalink(state->handle);
  const auto link = link_type_of(datalink);
  if (!link) {
    const char* name = pcap_datalink_val_to_name(datalink);
    return fail(ExitStatus::kFailed,
                fmt::format("{}: link type {} ({}) is not one that can be read; capture on an "
                            "Ethernet or \"any\" interface",
                            input->name, datalink, name != nullptr ? name : "unknown"));
  }
  state->link = *link;
  if (state->classic) state->records.begin(input->descriptor, magic);
  return CaptureReader{std::move(state)};
}

LinkType CaptureReader::link() const { return state_->link; }
std::uint64_t CaptureReader::offset() const { return state_->offset; }

ReadStatus CaptureReader::next(CapturedPacket& packet) {
  return state_->classic ? state_->next_classic(packet) : state_->next_by_library(packet);
}

/// A damaged record may hold any number, and 64-bit nanoseconds end in 2262.
Timestamp CaptureReader::State::time_of(std::int64_t seconds, std::int64_t ns) {
  return Timestamp{std::chrono::seconds{std::clamp<std::int64_t>(seconds, 0, kLastSecond)} +
                   std::chrono::nanoseconds{std::clamp<std::int64_t>(ns, 0, 999'999'999)}};
}

ReadStatus CaptureReader::State::next_classic(CapturedPacket& packet) {
  ClassicPcap::Record record;
  switch (records.next(record)) {
    case ClassicPcap::Status::kEnd:
      return ReadStatus::kEnd;
    case ClassicPcap::Status::kBroken:
      why = records.why();
      return ReadStatus::kBroken;
    case ClassicPcap::Status::kRecord:
      break;
  }
  offset += kRecordHeader + record.frame.size();
  packet.time = time_of(record.seconds, record.nanoseconds);
  packet.frame = record.frame;
  packet.wire_len = std::max(record.wire_len, static_cast<std::uint32_t>(record.frame.size()));
  return ReadStatus::kPacket;
}

ReadStatus CaptureReader::State::next_by_library(CapturedPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  const int got = pcap_next_ex(handle, &header, &bytes);
  if (got == PCAP_ERROR_BREAK) return ReadStatus::kEnd;
  if (got != 1) {
    why = pcap_geterr(handle);
    return ReadStatus::kBroken;
  }
  offset = static_cast<std::uint64_t>(std::ftell(pcap_file(handle)));
  // tv_usec holds nanoseconds: that precision was asked for.
  packet.time = time_of(header->ts.tv_sec, header->ts.tv_usec);
  packet.frame = std::as_bytes(std::span{bytes, header->caplen});
  packet.wire_len = std::max(header->len, header->caplen);
  return ReadStatus::kPacket;
}

std::string CaptureReader::error() const {
  return fmt::format("{}: broken at byte {}: {}", state_->name, state_->offset, state_->why);
}

}  // namespace probewall
