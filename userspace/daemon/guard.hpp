// SPDX-License-Identifier: Apache-2.0
// The privileged process. It reads nothing from the network: only netlink, its worker's fixed
// messages and the operator's. Only it writes block, allow, port and settings tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/admin_server.hpp"
#include "daemon/allow_keeper.hpp"
#include "daemon/block_ledger.hpp"
#include "daemon/connection_ender.hpp"
#include "daemon/entry_teller.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/guard_policy.hpp"
#include "daemon/guard_reload.hpp"
#include "daemon/hook_keeper.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/privileges.hpp"
#include "daemon/worker_supervisor.hpp"
#include "dataplane/dataplane.hpp"

namespace probewall {

class Guard {
 public:
  /// Attaches, starts the worker and serves until SIGTERM, SIGINT or an operator's detach. Blocks
  /// and attachments stay behind, except after a detach. On an error nothing new stays attached.
  /// kReported: the worker has already said why.
  /// `load` reads the configuration again, for a reload; it runs in a helper thread.
  static Result<void> run(const Config& config, LoadConfig load);

 private:
  friend class AdminHandler;
  friend class GuardReload;

  explicit Guard(const Config& config, LoadConfig load, EventLoop loop);

  // guard_start.cpp
  Result<void> start();
  Result<void> open_dataplane();
  Result<void> attach_all();
  void detach_unconfigured();
  Result<void> fill_tables();
  /// Full or read-only storage is said and tried again: filtering does not wait for it.
  Result<void> open_storage();
  void check_storage();
  void send_storage();
  void undo_start();
  Result<void> watch_signals();
  Result<void> serve();
  void describe_start() const;
  WorkerBoot boot() const;

  // guard_rebuild.cpp
  std::string restore_stored_bans();
  void say_rebuilt();

  // guard.cpp
  void on_signal();
  void on_worker_ready();
  void on_wish(const guard::Wish& wish);
  void on_ban_wish(const guard::Wish& wish);
  void on_end_flow_wish(const guard::Wish& wish);
  void refuse(const guard::Wish& wish, guard::Refusal reason);
  std::optional<pw_block_entry> tell_entry(const IpPrefix& prefix, std::uint32_t boot_s);
  void end_connections(const IpPrefix& prefix, std::uint32_t handle);
  void tell_ended(const IpPrefix& prefix, std::uint32_t handle, std::uint32_t count);
  void on_allow_change(const AllowSet::Change& change);
  void tick_fast();
  void tick_second();
  void make_teller();
  void tell_standing();
  void send_enforcing();
  void resend_after_loss();
  void send_gauges();
  void send_tables();
  void say_full(const Error& error);
  /// `seconds`: how long, unless it is set again; 0: for good. The kernel holds the deadline, too.
  Result<void> set_enforcing(bool on, std::uint64_t seconds = 0);
  void on_hook_change(std::size_t index, const AttachReport& report, bool attached);
  void stop(std::chrono::milliseconds patience);
  GuardNow now() const;

  Config config_;
  LoadConfig load_;
  std::vector<RuleText> rules_;  ///< texts in force; empty: the built-in rules
  EventLoop loop_;
  std::optional<InstanceLock> lock_;
  WorkerIdentity identity_;
  std::unique_ptr<Dataplane> dataplane_;
  bool fill_first_ = false;  ///< before programs are attached
  bool fresh_pins_ = false;  ///< there was no kernel state before this start
  std::optional<Dataplane::Policy> earlier_policy_;  ///< in force before this start
  std::vector<AttachReport> attached_;
  std::unique_ptr<HookKeeper> hooks_;
  std::unique_ptr<AllowKeeper> allow_;
  GuardPolicy policy_;
  std::optional<BlockLedger> ledger_;
  std::unique_ptr<ConnectionEnder> ender_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<WorkerSupervisor> worker_;
  std::unique_ptr<GuardReload> reload_;
  UniqueFd signals_;
  bool enforcing_ = true;
  bool started_ = false;
  std::string storage_problem_;  ///< of the directory; empty: none
  std::string storage_said_;     ///< what the worker was told
  bool full_said_ = false;
  std::uint64_t started_ns_ = 0;
  std::optional<std::uint64_t> revert_at_ns_;  ///< enforce on --confirm: observe again from then on
  std::uint32_t seconds_ = 0;
  double end_flow_tokens_ = 0;
  std::optional<EntryTeller> teller_;
  std::optional<Error> failure_;
};

/// Seconds an entry has left; guard::kForGood when it has no end.
std::uint64_t seconds_left(const pw_block_entry& entry, std::uint32_t boot_s);
/// A note about one entry.
guard::Note entry_note(guard::NoteType type, const IpPrefix& prefix, const pw_block_entry& entry,
                       std::uint32_t boot_s);

/// What the configuration allows the worker to ask for.
GuardLimits limits_of(const Config& config);

/// Message of an Error that a child process has already printed.
inline constexpr const char* kReported = "";

}  // namespace probewall
