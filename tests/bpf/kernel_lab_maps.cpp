// SPDX-License-Identifier: Apache-2.0
// The lab's maps: what tests write before and read after a packet.
#include <poll.h>
#include <sys/mman.h>

#include <array>
#include <utility>

#include "lab_objects.hpp"

namespace probewall::test {
namespace {

std::size_t count_keys(int fd) {
  std::array<char, 64> key{};
  std::array<char, 64> next{};
  std::size_t n = 0;
  for (void* from = nullptr; bpf_map_get_next_key(fd, from, next.data()) == 0; ++n) {
    key = next;
    from = key.data();
  }
  return n;
}

void zero_array(const bpf_map* map) {
  const std::size_t value_size = (bpf_map__value_size(map) + 7) / 8 * 8;
  const std::size_t size = value_size * bpf_map__max_entries(map);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  must(memory != MAP_FAILED, "mmap map");
  std::memset(memory, 0, size);
  munmap(memory, size);
}

void delete_all(int fd) {
  std::array<char, 64> key{};
  while (bpf_map_get_next_key(fd, nullptr, key.data()) == 0)
    must(bpf_map_delete_elem(fd, key.data()) == 0, "delete key");
}

}  // namespace

void KernelLab::reset() {
  const auto& maps = objects_->xdp->maps;
  for (const auto* map : {maps.pw_counters, maps.pw_synack, maps.pw_skip, maps.pw_need_wake})
    zero_array(map);
  for (const auto* map : {maps.pw_flows, maps.pw_sources, maps.pw_allow_lpm4, maps.pw_allow_lpm6})
    delete_all(bpf_map__fd(map));
  reopen_allows();
  must(blocks_->flush().has_value(), "flush block tables");
  for (const auto number : std::exchange(ports_, {})) port(static_cast<std::uint16_t>(number), 0);
  ports_.clear();
  set([](pw_settings& s) { s = {}; });
  const __u32 zero = 0;
  const std::vector<pw_unproven_bucket> buckets(libbpf_num_possible_cpus());
  must(bpf_map_update_elem(bpf_map__fd(maps.pw_unproven), &zero, buckets.data(), BPF_ANY) == 0,
       "reset the unproven share");
  records();
  attach_to_lo();
}

pw_settings KernelLab::settings() const {
  return look_up<pw_settings>(bpf_map__fd(objects_->xdp->maps.pw_settings), 0u).value();
}

void KernelLab::set(const std::function<void(pw_settings&)>& change) {
  pw_settings settings = this->settings();
  change(settings);
  const __u32 zero = 0;
  must(bpf_map_update_elem(bpf_map__fd(objects_->xdp->maps.pw_settings), &zero, &settings,
                           BPF_ANY) == 0,
       "write settings");
}

void KernelLab::port(std::uint16_t number, std::uint8_t flags, std::uint8_t service) {
  const __u32 index = number;
  ports_.push_back(index);
  const pw_port port{flags, service, {}};
  must(bpf_map_update_elem(bpf_map__fd(objects_->xdp->maps.pw_ports), &index, &port, BPF_ANY) == 0,
       "write port");
}

void KernelLab::reopen_allows() {
  const auto& maps = objects_->xdp->maps;
  allows_.reset();
  auto table = AllowTable::open(UniqueFd{dup(bpf_map__fd(maps.pw_allow_lpm4))},
                                UniqueFd{dup(bpf_map__fd(maps.pw_allow_lpm6))},
                                bpf_map__fd(maps.pw_allow_hints));
  must(table.has_value(), table ? "" : table.error().message);
  allows_ = std::move(*table);
}

void KernelLab::allow(const std::string& text, std::uint8_t scope) {
  const auto prefix = IpPrefix::parse(text).value();
  const pw_allow_entry entry{scope, PW_ALLOW_OPERATOR, {}};
  const auto written = allows_->put(prefix, entry);
  must(written.has_value(), written ? "" : written.error().message);
}

void KernelLab::block(const std::string& text, std::uint8_t action, std::uint8_t origin,
                      std::uint32_t expires_s, std::uint8_t tag_bits) {
  pw_block_entry entry{};
  entry.expires_s = expires_s;
  entry.action = action;
  entry.origin = origin;
  entry.tag_bits = tag_bits;
  const auto written = blocks_->put(IpPrefix::parse(text).value(), entry);
  must(written.has_value(), written ? "" : written.error().message);
}

pw_counters KernelLab::counters() const {
  constexpr std::size_t kWords = sizeof(pw_counters) / sizeof(__u64);
  std::array<__u64, kWords> sum{};
  const int fd = bpf_map__fd(objects_->xdp->maps.pw_counters);
  for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
    const __u32 row = cpu * PW_MAX_INTERFACES + objects_->options.interface_slot;
    const auto words = look_up<std::array<__u64, kWords>>(fd, row).value();
    for (std::size_t i = 0; i < kWords; ++i) sum[i] += words[i];
  }
  pw_counters out{};
  std::memcpy(&out, sum.data(), sizeof out);
  return out;
}

std::vector<Record> KernelLab::records() {
  if (objects_->rings != nullptr) ring_buffer__consume(objects_->rings);
  if (objects_->perf != nullptr) perf_buffer__consume(objects_->perf);
  return std::exchange(objects_->received, {});
}

std::uint64_t KernelLab::perf_lost() const { return objects_->perf_lost; }

std::optional<pw_flow> KernelLab::flow(const FlowKey& key) const {
  return look_up<pw_flow>(bpf_map__fd(objects_->xdp->maps.pw_flows), key.to_abi());
}

bool KernelLab::drop_flow(const FlowKey& key) {
  const auto abi = key.to_abi();
  return bpf_map_delete_elem(bpf_map__fd(objects_->xdp->maps.pw_flows), &abi) == 0;
}

std::size_t KernelLab::flow_count() const {
  return count_keys(bpf_map__fd(objects_->xdp->maps.pw_flows));
}
std::size_t KernelLab::source_count() const {
  return count_keys(bpf_map__fd(objects_->xdp->maps.pw_sources));
}

void KernelLab::store_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) {
  const __u64 word = PW_SKIP_WORD(tag, resume);
  must(bpf_map_update_elem(bpf_map__fd(objects_->xdp->maps.pw_skip), &slot, &word, BPF_ANY) == 0,
       "write skip word");
}

void KernelLab::forget_synacks() {
  const int fd = bpf_map__fd(objects_->xdp->maps.pw_synack);
  std::vector<__u32> keys(PW_SYNACK_SLOTS);
  for (__u32 i = 0; i < PW_SYNACK_SLOTS; ++i) keys[i] = i;
  const std::vector<pw_synack_slot> empty(PW_SYNACK_SLOTS);
  __u32 count = PW_SYNACK_SLOTS;
  must(bpf_map_update_batch(fd, keys.data(), empty.data(), &count, nullptr) == 0, "clear slots");
}

std::uint64_t KernelLab::need_wake(std::uint32_t ring) const {
  return look_up<__u64>(bpf_map__fd(objects_->xdp->maps.pw_need_wake), ring).value();
}
void KernelLab::set_need_wake(std::uint32_t ring, std::uint64_t value) {
  must(bpf_map_update_elem(bpf_map__fd(objects_->xdp->maps.pw_need_wake), &ring, &value, BPF_ANY) ==
           0,
       "write need_wake");
}

bool KernelLab::woken(int timeout_ms) {
  pollfd wait{ring_buffer__epoll_fd(objects_->rings), POLLIN, 0};
  return poll(&wait, 1, timeout_ms) == 1;
}

}  // namespace probewall::test
