// SPDX-License-Identifier: Apache-2.0
// The guard's side of the kernel: loads, pins, attaches and writes the tables. Only this folder
// calls libbpf and libxdp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/config.hpp"
#include "dataplane/block_table.hpp"
#include "probewall/abi/maps.h"
#include "probewall/result.hpp"

namespace probewall {

enum class AttachKind : std::uint8_t { kDispatcher, kLink, kNetlink };
const char* to_string(AttachKind kind);  ///< "libxdp dispatcher", "bpf_link", "netlink"

/// How one interface ended up attached, for status, metrics and doctor.
struct AttachReport {
  std::string interface;
  unsigned ifindex = 0;
  unsigned slot = 0;  ///< row of pw_counters
  bool native = false;
  AttachKind kind = AttachKind::kLink;
  bool replaced = false;  ///< an earlier instance's program was replaced in place
  std::string why;        ///< why this mode and kind, one sentence
};
/// "native XDP by bpf_link; <why>"
std::string describe(const AttachReport& report);

/// Descriptors the worker needs, and nothing else. Owned by the Dataplane.
struct WorkerDescriptors {
  std::vector<int> rings;  ///< ring index order; empty with perf
  int need_wake = -1;      ///< pw_need_wake, one word per ring; -1 with perf
  int perf_events = -1;    ///< perf event array map; -1 with ring
  int skip = -1;           ///< pw_skip, writable
  int counters = -1;       ///< pw_counters; mapped read-only, then closed
};

struct FlowEntry {
  pw_flow_key key{};
  pw_flow flow{};
};

/// What a start found in the pins that it could not take over as it was. Programs attached earlier
/// go on with the former tables until they are replaced.
struct Rebuilt {
  bool any = false;                ///< fill the tables before programs are attached
  bool blocks_lost = false;        ///< entries were in no table that could be read
  std::vector<std::string> lines;  ///< what was rebuilt, and why
};

class Dataplane {
 public:
  /// Loads the programs and creates or reuses the pinned maps. Errors say what is missing (BTF,
  /// bpffs, capability) and how to mend it. Nothing is attached yet.
  static Result<std::unique_ptr<Dataplane>> open(const Config& config);
  ~Dataplane();  ///< closes descriptors; attachments and pins stay

  /// Attaches XDP and tc on `interface`, replacing an own earlier program in kind without a gap. A
  /// foreign XDP program without dispatcher: Error naming it. On error nothing new stays attached
  /// there.
  Result<AttachReport> attach(const std::string& interface);
  Result<void> detach(const std::string& interface);

  const Rebuilt& rebuilt() const;

  /// After open() made tables of another size or shape: they are kept once the attached programs
  /// use them, or undone while those still use the earlier ones. Without a call the next open()
  /// keeps them.
  void keep_resized_tables();
  void undo_resized_tables();

  Result<void> set_settings(const pw_settings& settings);
  Result<pw_settings> settings() const;
  /// `until_boot_s` (CLOCK_BOOTTIME seconds; 0: no end): the kernel stops enforcing by itself then.
  Result<void> set_enforcing(bool on, std::uint32_t until_boot_s = 0);
  Result<void> set_ports(const Config& config);

  /// Settings and ports as they stand, to go back to.
  struct Policy {
    pw_settings settings{};
    std::vector<pw_port> ports;  ///< 65,536
  };
  Result<Policy> policy() const;
  Result<void> restore(const Policy& policy);

  BlockTable& blocks();

  Result<void> allow_put(const IpPrefix& prefix, const pw_allow_entry& entry);
  Result<void> allow_remove(const IpPrefix& prefix);
  /// What the never-block tables hold, entries of earlier starts too.
  std::vector<IpPrefix> allowed() const;
  /// Entries that the never-block tables have room for, both families together.
  std::uint32_t allow_capacity() const;

  const WorkerDescriptors& worker_descriptors() const;
  /// Flows whose client lies in `source`; reads the flow table, up to its size.
  Result<std::vector<FlowEntry>> flows_of(const IpPrefix& source) const;

 private:
  Dataplane();
  struct State;
  std::unique_ptr<State> state_;
};

/// How capture.memory is cut into rings: ring index = worker * groups + cpu % groups.
struct RingLayout {
  std::uint32_t workers = 1;
  std::uint32_t groups = 1;
  std::uint32_t ring_bytes = 0;  ///< each, a power of two
};
RingLayout ring_layout(const Config& config);

/// pw_settings as `config` wants them; the hash seed is drawn from getrandom unless `keep` has one.
Result<pw_settings> settings_from(const Config& config, const std::optional<pw_settings>& keep);
/// Product whose default port this is (abi/maps.h, enum pw_service).
std::uint8_t service_of_port(std::uint16_t port);
const char* service_name(std::uint8_t service);  ///< "ollama", "llamacpp", ... "other"

/// What works from the pins alone, with the daemon dead.
struct PinnedAttachment {
  std::string interface;
  bool xdp = false;
  bool native = false;
  bool tc = false;
};
Result<std::vector<PinnedAttachment>> pinned_attachments(const std::string& pin_directory);
/// Detaches our programs everywhere and removes the pins. Foreign programs are left alone.
Result<unsigned> detach_everything(const std::string& pin_directory);
/// What lies among the pins and is not ours, in one line; empty: nothing.
std::string foreign_pins(const std::string& pin_directory);
Result<bool> pinned_enforcing(const std::string& pin_directory);
/// The longest never-block entry around `address`, if any.
Result<std::optional<pw_allow_entry>> pinned_allow(const std::string& pin_directory,
                                                   const IpAddress& address);

/// Server ports whose connections a ban ends. Default: every port.
struct ServerPorts {
  bool every = true;
  std::unordered_set<std::uint16_t> listed;  ///< host order; unless `every`
  bool contains(std::uint16_t port) const { return every || listed.contains(port); }
};

/// Ends TCP sockets of this network namespace whose peer lies in `source` and whose own port is one
/// of `ports` (SOCK_DESTROY), both address families. Returns how many.
Result<std::uint32_t> destroy_sockets(const IpPrefix& source, const ServerPorts& ports = {});
/// Ends the one socket of this network namespace that serves `flow`; false: there is none.
Result<bool> destroy_socket(const pw_flow_key& flow);
struct ResetCount {
  std::uint32_t ended = 0;
  std::uint32_t missed = 0;  ///< no acknowledgment of the server known yet, or not sent
};
/// Sends one reset per flow towards its server, sequence = the server's last ACK; behind
/// destination NAT (a container's published port) to the translated address. Flows of servers in
/// this namespace are left to destroy_sockets, but for those redirected to another port, whose
/// socket is ended here.
Result<ResetCount> reset_forwarded(const std::vector<FlowEntry>& flows);

}  // namespace probewall
