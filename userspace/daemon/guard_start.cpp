// SPDX-License-Identifier: Apache-2.0
// Starting the guard, in an order where every step can be taken back: lock, tables, never-block
// set, attachments, worker.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/admin_handler.hpp"
#include "daemon/guard.hpp"
#include "daemon/log.hpp"
#include "daemon/priority.hpp"
#include "daemon/seed_feed.hpp"
#include "daemon/worker_paths.hpp"
#include "dataplane/hook_check.hpp"
#include "dataplane/kernel_clock.hpp"
#include "dataplane/pin_list.hpp"
#include "dataplane/preflight.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall {
namespace {

constexpr std::chrono::milliseconds kFastTick{100};

/// Whether this process has what a guard needs, now and at its next start.
Result<void> check_rights() {
  constexpr Capability kNeeded[] = {
      {"CAP_SYS_ADMIN", CAP_SYS_ADMIN},  // looking at attached programs by their id
      {"CAP_NET_ADMIN", CAP_NET_ADMIN}, {"CAP_NET_RAW", CAP_NET_RAW},
      {"CAP_SETUID", CAP_SETUID},       {"CAP_SETGID", CAP_SETGID},
      {"CAP_SETPCAP", CAP_SETPCAP},     {"CAP_CHOWN", CAP_CHOWN},
      {"CAP_KILL", CAP_KILL},           {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE}};
  const auto missing = missing_capabilities(kNeeded);
  if (!missing) return tl::unexpected(missing.error());
  if (missing->empty()) return {};
  return fail(ExitStatus::kPermission,
              "needs " + *missing +
                  ": start it as root with all its capabilities (in a container or unit that drops "
                  "some, add these)");
}

}  // namespace

GuardLimits limits_of(const Config& config) {
  return {static_cast<std::uint64_t>(config.block.max.count()),
          config.block.max_per_second,
          config.block.ipv6_prefix,
          config.block.min_prefix_v4,
          config.block.min_prefix_v6,
          config.require_proof};
}

Result<void> Guard::run(const Config& config, LoadConfig load) {
  if (geteuid() != 0) {
    return fail(
        ExitStatus::kPermission,
        "must be started as root: it loads BPF programs and then gives its rights up itself");
  }
  if (auto allowed = check_rights(); !allowed) return allowed;
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  Guard guard{config, std::move(load), std::move(*loop)};
  auto started = guard.start();
  if (started) started = guard.loop_.run();
  guard.reload_.reset();
  guard.worker_.reset();
  if (started && guard.failure_) started = tl::unexpected(*guard.failure_);
  if (!started && !guard.started_) guard.undo_start();
  return started;
}

Guard::Guard(const Config& config, LoadConfig load, EventLoop loop)
    : config_(config), load_(std::move(load)), loop_(std::move(loop)), policy_(limits_of(config)) {}

Result<void> Guard::start() {
  started_ns_ = monotonic_ns();
  auto identity = worker_identity(config_.user);
  if (!identity) return tl::unexpected(identity.error());
  identity_ = std::move(*identity);
  auto lock = InstanceLock::take(config_.paths.runtime_directory, config_.paths.pin_directory);
  if (!lock) return tl::unexpected(lock.error());
  lock_ = std::move(*lock);
  auto rules = read_rules(config_);
  if (!rules) return tl::unexpected(rules.error());
  rules_ = std::move(*rules);
  const auto configured = config_;
  if (config_.interfaces.empty()) {
    auto found = default_route_interface();
    if (!found) return tl::unexpected(found.error());
    config_.interfaces = {*found};
  }
  if (auto opened = open_storage(); !opened) return opened;
  // Before anything is changed: what is in force may be an earlier daemon's, and must stay as it is
  // when this start cannot succeed.
  if (auto free = check_hooks(config_.interfaces, config_.paths.pin_directory); !free) return free;
  if (auto opened = open_dataplane(); !opened) return opened;
  // On empty tables, or tables made anew, the exceptions come first. On pinned ones the earlier
  // policy is in force: it goes on until every interface is taken over.
  using Step = Result<void> (Guard::*)();
  const Step fill = &Guard::fill_tables, attach = &Guard::attach_all;
  for (const Step step : {fill_first_ ? fill : attach, fill_first_ ? attach : fill}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  detach_unconfigured();
  if (auto watched = watch_signals(); !watched) return watched;
  auto reload = GuardReload::make(*this, configured);
  if (!reload) return tl::unexpected(reload.error());
  reload_ = std::move(*reload);
  return serve();
}

Result<void> Guard::open_storage() {
  const auto made = prepare_storage(config_, identity_);
  const int error = made ? 0 : made.error().errno_value;
  if (error != 0 && error != ENOSPC && error != EDQUOT && error != EROFS) return made;
  if (!made && error == 0) return made;
  storage_problem_ = made ? "" : made.error().message;
  return {};
}

Result<void> Guard::open_dataplane() {
  const auto pins = list_pins(versioned(config_.paths.pin_directory));
  fresh_pins_ = pins && pins->own.empty();
  if (const auto foreign = foreign_pins(config_.paths.pin_directory); !foreign.empty())
    log_line(foreign);
  auto dataplane = Dataplane::open(config_);
  if (!dataplane) return tl::unexpected(dataplane.error());
  dataplane_ = std::move(*dataplane);

  fill_first_ = fresh_pins_ || dataplane_->rebuilt().any;
  if (fresh_pins_) return {};
  auto earlier = dataplane_->policy();
  if (!earlier) return tl::unexpected(earlier.error());
  earlier_policy_ = std::move(*earlier);
  return {};
}

Result<void> Guard::fill_tables() {
  auto settings = settings_from(
      config_, earlier_policy_ ? std::optional{earlier_policy_->settings} : std::nullopt);
  if (!settings) return tl::unexpected(settings.error());
  enforcing_ = config_.mode == Mode::kEnforce;
  settings->enforcing = enforcing_ ? 1 : 0;

  // What must not be blocked first, what is blocked last: no moment without the exceptions.
  auto allow = AllowKeeper::fill(config_, *dataplane_, guard_storage(config_));
  if (!allow) return tl::unexpected(allow.error());
  allow_ = std::move(*allow);
  if (auto done = dataplane_->set_settings(*settings); !done) return done;
  if (auto done = dataplane_->set_ports(config_); !done) return done;
  auto ledger = BlockLedger::adopt(dataplane_->blocks());
  if (!ledger) return tl::unexpected(ledger.error());
  ledger_ = std::move(*ledger);
  const auto seed = seed_feed(config_.feeds.seed, config_.feeds.seed_action, allow_->set());
  for (std::size_t i = 0; i < seed.skipped.size(); ++i)
    policy_.count_refusal(guard::Refusal::kAllowed);
  if (auto done = ledger_->set_feed(seed.entries, now().boot_s); !done) return done;
  say_rebuilt();
  return {};
}

Result<void> Guard::attach_all() {
  for (const auto& interface : config_.interfaces) {
    auto report = dataplane_->attach(interface);
    if (!report) return tl::unexpected(report.error());
    attached_.push_back(std::move(*report));
  }
  dataplane_->keep_resized_tables();
  return {};
}

/// An interface that left the configuration must not go on dropping unseen.
void Guard::detach_unconfigured() {
  const auto pinned = pinned_attachments(config_.paths.pin_directory);
  if (!pinned) return log_line("earlier attachments not looked at: " + pinned.error().message);
  for (const auto& earlier : *pinned) {
    const auto& wanted = config_.interfaces;
    if (std::find(wanted.begin(), wanted.end(), earlier.interface) != wanted.end()) continue;
    auto detached = dataplane_->detach(earlier.interface);
    log_line(earlier.interface + (detached ? ": detached, as it is not configured any more"
                                           : ": not configured any more, but still attached: " +
                                                 detached.error().message));
  }
}

void Guard::undo_start() {
  bool taken_over = false;
  for (const auto& report : attached_) {
    if (report.replaced) {  // it filtered before we came, and goes on
      taken_over = true;
      continue;
    }
    if (auto detached = dataplane_->detach(report.interface); !detached) {
      log_line("left attached: " + detached.error().message);
    }
  }
  if (dataplane_ && earlier_policy_) {
    if (auto restored = dataplane_->restore(*earlier_policy_); !restored) {
      log_line("earlier settings not restored: " + restored.error().message);
    }
    if (!taken_over) dataplane_->undo_resized_tables();
  }
  if (!fresh_pins_ || !dataplane_) return;
  admin_.reset();
  ender_.reset();
  allow_.reset();
  ledger_.reset();
  dataplane_.reset();
  if (auto cleared = detach_everything(config_.paths.pin_directory); !cleared) {
    log_line("pins left behind: " + cleared.error().message);
  }
}

Result<void> Guard::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  // Before any helper thread exists: they inherit the mask, and the signals come here only.
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail(errno, "block signals");
  signal(SIGPIPE, SIG_IGN);
  signals_ = UniqueFd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!signals_) return fail(errno, "watch signals");
  return loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
}

Result<void> Guard::serve() {
  if (auto done = allow_->follow(loop_, [this](const auto& change) { on_allow_change(change); });
      !done) {
    return done;
  }
  // After all that takes long, before the worker: its capture threads inherit it.
  prefer_own_session();
  run_soon();
  auto ender = ConnectionEnder::start(loop_, *dataplane_);
  if (!ender) return tl::unexpected(ender.error());
  ender_ = std::move(*ender);
  auto admin = AdminServer::listen(
      loop_, {config_.paths.runtime_directory + "/admin.sock", operator_group(), identity_.uid},
      [this](const admin::Request& request) { return AdminHandler{*this}.handle(request); });
  if (!admin) return tl::unexpected(admin.error());
  admin_ = std::move(*admin);

  hooks_ = std::make_unique<HookKeeper>(
      *dataplane_, config_.paths.pin_directory, attached_,
      [this](std::size_t index, const AttachReport& report, bool attached) {
        on_hook_change(index, report, attached);
      });

  make_teller();
  worker_ = std::make_unique<WorkerSupervisor>(
      loop_, dataplane_->worker_descriptors(),
      WorkerSupervisor::Handlers{
          [this] { return boot(); }, [this] { on_worker_ready(); },
          [this] { reload_->on_worker_gone(); }, [this](const guard::Wish& wish) { on_wish(wish); },
          [this](int status) {
            failure_ = Error{kReported, 0, ExitStatus::kFailed};
            if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
              failure_->status = static_cast<ExitStatus>(WEXITSTATUS(status));
            } else {
              failure_->message = "the worker died while it started";
            }
            loop_.stop();
          }});
  if (auto started = worker_->start(); !started) return started;
  if (auto done = loop_.every(kFastTick, [this] { tick_fast(); }); !done) return done;
  return loop_.every(std::chrono::seconds{1}, [this] { tick_second(); });
}

WorkerBoot Guard::boot() const {
  WorkerBoot boot;
  boot.config = config_;
  boot.rules = rules_;
  boot.interfaces = attached_;
  boot.rings = static_cast<std::uint32_t>(dataplane_->worker_descriptors().rings.size());
  boot.enforcing = enforcing_;
  boot.guard_pid = getpid();
  boot.guard_started_ns = started_ns_;
  return boot;
}

void Guard::describe_start() const {
  if (identity_.user != config_.user) {
    log_line("user \"" + config_.user + "\" does not exist: the worker runs as \"" +
             identity_.user + "\", which other services may share; `useradd --system " +
             config_.user + "` mends it");
  }
  for (const auto& report : attached_) log_line(report.interface + ": " + describe(report));
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  log_line("limits: " + number(config_.block.max_addresses) + " addresses and " +
           number(config_.block.max_prefixes) + " prefixes per table, " +
           number(config_.memory.max_flows) + " flows, " + number(config_.memory.max_sources) +
           " sources, " + number(config_.capture.memory >> 20) + " MiB of rings, " +
           number(config_.capture.bytes_per_request) + " bytes per request");
  log_line(std::string{enforcing_ ? "enforcing" : "observing only"} + ", worker pid " +
           std::to_string(worker_->pid()) + " as user " + identity_.user + ", " +
           number(ledger_->size()) + " block entries in force");
}

}  // namespace probewall
